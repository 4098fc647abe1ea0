"""Trampolines of BPF programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.trampolines import find_trampolines
from btfdump._kernel.notes import without_notes
from btfdump.errors import SymbolNotFoundError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


X86 = ("tagged", "stock")


@pytest.mark.parametrize("name", X86)
def test_a_trampoline(opened: Callable[[str], Kernel], name: str) -> None:
    kernel = opened(name)
    (found,) = without_notes(find_trampolines(kernel))
    assert (found.function, found.lsm_hook) == ("bpf_lsm_file_open", "file_open")
    assert found.progs == {"modify_return": (9,)}
    assert found.image is not None
    start, end = found.image
    assert 0 < end - start < 0x1000
    function = kernel.symbolize(int(kernel.value("struct bpf_trampoline", found.address).func.addr))
    assert function is not None
    assert function.startswith("bpf_lsm_file_open")


def test_trampolines_of_nodes(opened: Callable[[str], Kernel]) -> None:
    """In 7.3 a `struct bpf_tramp_node` stands for each program; it points to its link."""
    found = list(find_trampolines(opened("stock-7.3")))
    assert [(t.function, t.progs, t.lsm_hook) for t in without_notes(found)] == [
        ("do_exit", {"fentry": (8,)}, ""),
        ("bpf_lsm_file_open", {"modify_return": (9,)}, "file_open"),
    ]
    assert len(found) == 2


def test_no_trampolines_without_a_jit(opened: Callable[[str], Kernel]) -> None:
    assert list(find_trampolines(opened("s390x"))) == []
    with pytest.raises(SymbolNotFoundError):
        find_trampolines(World().kernel())
