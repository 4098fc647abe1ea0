"""struct_ops, TCP congestion controls, trampolines and hooks of security modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump.bpf.congestion import CongestionControl, find_congestion_controls
from btfdump.bpf.progs import find_progs
from btfdump.bpf.struct_ops import StructOps, find_struct_ops, find_struct_ops_types
from btfdump.bpf.trampolines import Trampoline, find_trampolines
from btfdump.errors import SymbolNotFoundError
from btfdump.kernel.notes import Note, without_notes
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump.api.kernel import Kernel
    from btfdump.kernel.value import Value

X86 = ("tagged", "stock")


def notes(items: Any) -> list[str]:
    return [item.text for item in items if isinstance(item, Note)]


def controls(kernel: Kernel) -> dict[str, CongestionControl]:
    return {item.name: item for item in without_notes(find_congestion_controls(kernel))}


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


@pytest.mark.parametrize("name", [*X86, "s390x"])
def test_congestion_controls(opened: Callable[[str], Kernel], name: str) -> None:
    found = controls(opened(name))
    module = {"tagged": "vegas", "stock": "bbr", "s390x": "vegas"}[name]
    assert list(found)[:3] == ["reno", "cubic", module]
    assert found["reno"].owner == "vmlinux"
    assert found["reno"].slots["ssthresh"] == "tcp_reno_ssthresh"
    assert found[module].owner == f"tcp_{module}"
    assert found[module].slots["init"] == {"vegas": "tcp_vegas_init", "bbr": "bbr_init"}[module]
    assert [control.name for control in found.values() if control.is_default] == ["cubic"]
    if name in X86:
        assert (found["btfs_cc"].owner, found["btfs_cc"].map_id) == ("map 24 btfs_cc", 24)
        assert set(found["btfs_cc"].slots.values()) == {f"program {n}" for n in (10, 11, 12, 13)}


@pytest.mark.parametrize("name", X86)
def test_a_trampoline(opened: Callable[[str], Kernel], name: str) -> None:
    kernel = opened(name)
    (found,) = without_notes(find_trampolines(kernel))
    assert (found.function, found.lsm_hook) == ("bpf_lsm_file_open", "file_open")
    assert found.progs == {"modify_return": (9,)}
    assert found.image is not None
    start, end = found.image
    assert 0 < end - start < 0x1000
    function = kernel.symbolize(int(found.value.func.addr))
    assert function is not None
    assert function.startswith("bpf_lsm_file_open")


def test_no_trampolines_without_a_jit(opened: Callable[[str], Kernel]) -> None:
    assert list(find_trampolines(opened("s390x"))) == []
    with pytest.raises(SymbolNotFoundError):
        find_trampolines(World().kernel())


def test_damage(patched: Kernel, poke: Callable[[Value, int], None]) -> None:
    (tramp,) = without_notes(find_trampolines(patched))
    poke(tramp.value.key, (1 << 32) | (1 << 31) | 0x7FFF_0000)
    items = list(find_trampolines(patched))
    assert "no type [2147418112]" in notes(items)[0]
    poke(tramp.value.key, 5 << 32 | 7)
    (item,) = find_trampolines(patched)
    assert isinstance(item, Trampoline)
    assert item.function == "function [7] of program 5"

    (ops,) = without_notes(find_struct_ops(patched))
    outer = patched.value("struct bpf_struct_ops_map", ops.value.address_)
    poke(outer.uvalue, 0x20)
    assert [type(item) for item in find_struct_ops(patched)] == [Note]
    # Whose it is cannot be told any more, and that is said; the list is whole.
    found = list(find_congestion_controls(patched))
    assert len([item for item in found if isinstance(item, CongestionControl)]) == 3
    assert len(notes(found)) == 2

    poke(ops.value.btf_vmlinux_value_type_id, 1 << 30)
    assert "no type [1073741824]" in notes(find_struct_ops(patched))[0]


def test_the_list_of_congestion_controls_is_cut(
    patched: Kernel, poke: Callable[[Value, int], None]
) -> None:
    cubic = controls(patched)["cubic"]
    poke(cubic.value.member_("list").next, 0)
    found = list(find_congestion_controls(patched))
    names = [item.name for item in found if isinstance(item, CongestionControl)]
    assert names == ["reno", "cubic", "vegas", "btfs_cc"]  # from the other end
    assert "NULL" in notes(found)[0]


def test_a_map_that_is_no_struct_ops_any_more(
    patched: Kernel, poke: Callable[[Value, int], None]
) -> None:
    (ops,) = without_notes(find_struct_ops(patched))
    assert isinstance(ops, StructOps)
    poke(ops.value.map_type, 1)
    assert list(find_struct_ops(patched)) == []
