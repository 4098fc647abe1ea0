from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump.api.kernel import Kernel
from btfdump.targets.buffer import PatchedTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump.kernel.value import Value

DUMPS = ("tagged", "stock", "s390x")


@pytest.fixture
def patched(opened) -> Kernel:
    """The tagged kernel with patches of its own."""
    plain = opened("tagged")
    return Kernel(PatchedTarget(plain.target), plain.btf)


@pytest.fixture
def poke(patched) -> Callable[[Value, int], None]:
    """Return a function that changes an integer or pointer of the patched kernel."""

    def change(member: Value, number: int) -> None:
        data = number.to_bytes(member.size_, patched.target.platform.byteorder)
        patched.target.write(member.address_, data)

    return change
