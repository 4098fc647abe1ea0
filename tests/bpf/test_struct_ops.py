"""struct_ops, TCP congestion controls, trampolines and hooks of security modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._bpf.congestion import CongestionControl, find_congestion_controls
from btfdump._bpf.progs import find_progs
from btfdump._bpf.struct_ops import StructOps, find_struct_ops, find_struct_ops_types
from btfdump._bpf.trampolines import Trampoline, find_trampolines
from btfdump._kernel.notes import Note, without_notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


X86 = ("tagged", "stock")


def notes(items: Any) -> list[str]:
    return [item.text for item in items if isinstance(item, Note)]


@pytest.mark.parametrize("name", X86)
def test_a_struct_of_programs(
    opened: Callable[[str], Kernel], truth: Callable[[str], Any], name: str
) -> None:
    """`btfs_cc` in lab/bpf/btfs.bpf.c fills four slots."""
    kernel = opened(name)
    names = {prog.id: prog.name for prog in without_notes(find_progs(kernel))}
    (found,) = without_notes(find_struct_ops(kernel))
    (expected,) = (m for m in truth(name)["maps"] if m["type_name"].endswith("STRUCT_OPS"))
    assert (found.map_id, found.map_name) == (expected["id"], expected["name"])
    assert (found.type, found.instance, found.state) == ("tcp_congestion_ops", "btfs_cc", "inuse")
    filled = {slot.name: names[slot.prog_id] for slot in found.slots if slot.prog_id}
    assert filled == {
        "init": "cc_init",
        "ssthresh": "cc_ssthresh",
        "cong_avoid": "cc_cong_avoid",
        "undo_cwnd": "cc_undo_cwnd",
    }
    assert all(bool(slot.prog_id) == bool(slot.address) for slot in found.slots)
    assert "tcp_congestion_ops" in list(without_notes(find_struct_ops_types(kernel)))


def test_damage(patched: Kernel, poke: Callable[[Value, int], None]) -> None:
    (tramp,) = without_notes(find_trampolines(patched))
    key = patched.value("struct bpf_trampoline", tramp.address).key
    poke(key, (1 << 32) | (1 << 31) | 0x7FFF_0000)
    items = list(find_trampolines(patched))
    assert "no type [2147418112]" in notes(items)[0]
    poke(key, 5 << 32 | 7)
    (item,) = find_trampolines(patched)
    assert isinstance(item, Trampoline)
    assert item.function == "function [7] of program 5"

    (ops,) = without_notes(find_struct_ops(patched))
    outer = patched.value("struct bpf_struct_ops_map", ops.address)
    poke(outer.uvalue, 0x20)
    assert [type(item) for item in find_struct_ops(patched)] == [Note]
    # Whose it is cannot be told any more, and that is said; the list is whole.
    found = list(find_congestion_controls(patched))
    assert len([item for item in found if isinstance(item, CongestionControl)]) == 3
    assert len(notes(found)) == 2

    poke(outer.map.btf_vmlinux_value_type_id, 1 << 30)
    assert "no type [1073741824]" in notes(find_struct_ops(patched))[0]


def test_a_map_that_is_no_struct_ops_any_more(
    patched: Kernel, poke: Callable[[Value, int], None]
) -> None:
    (ops,) = without_notes(find_struct_ops(patched))
    assert isinstance(ops, StructOps)
    poke(patched.value("struct bpf_map", ops.address).map_type, 1)
    assert list(find_struct_ops(patched)) == []
