from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump.api.kernel import Kernel
    from btfdump.kernel.value import Value

DUMPS = ("tagged", "stock", "s390x")


@pytest.fixture
def patched(opened: Callable[[str], Kernel]) -> PatchedKernel:
    """The tagged kernel with patches of its own."""
    return PatchedKernel(opened("tagged"))


@pytest.fixture
def poke(patched: PatchedKernel) -> Callable[[Value, int], None]:
    """Return a function that changes an integer or pointer of the patched kernel."""

    def change(member: Value, number: int) -> None:
        data = number.to_bytes(member.size_, patched.target.platform.byteorder)
        patched.target.write(member.address_, data)

    return change
