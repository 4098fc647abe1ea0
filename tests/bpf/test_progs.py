"""Programs and links: equal to what the guests said, and notes where memory is damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._bpf.links import find_links
from btfdump._bpf.progs import Prog, RunStatistics, find_progs
from btfdump._kernel.value import Value
from btfdump.errors import SymbolNotFoundError
from tests.support.bpf_objects import SAMPLES, notes, progs
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._btf.wire import ByteOrder
    from tests.support.patched import PatchedKernel


@pytest.mark.parametrize("name", SAMPLES)
def test_progs_are_those_of_the_ground_truth(
    opened: Callable[[str], Kernel], truth: Callable[[str], Any], name: str
) -> None:
    found = list(progs(opened(name)).values())
    expected = truth(name)["progs"]
    assert [
        {
            "id": p.id,
            "name": p.name,
            "addr": f"{p.address:#x}",
            "type": f"BPF_PROG_TYPE_{p.type.upper()}",
            "btf_id": p.btf_id,
            "tag": p.tag,
            "len": p.translated_size // 8,
            "used_maps": list(p.map_ids),
        }
        for p in found
    ] == [
        {key: e[key] for key in ("id", "name", "addr", "type", "btf_id", "tag", "len", "used_maps")}
        for e in expected
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_progs_are_those_that_the_guest_listed(
    opened: Callable[[str], Kernel], console: Callable[[str, str], str], name: str
) -> None:
    """BPF_OBJ_GET_INFO_BY_FD, asked by the guest before it died."""
    found = [
        (p.id, p.name, p.btf_id, p.jited_size, p.translated_size)
        for p in progs(opened(name)).values()
    ]
    assert found == [
        (e["id"], e["name"], e["btf_id"], e["jited_prog_len"], e["xlated_prog_len"])
        for e in json.loads(console(name, "bpf_progs.json"))
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_what_progs_are_verified_for(opened: Callable[[str], Kernel], name: str) -> None:
    found = {prog.name: prog.target for prog in progs(opened(name)).values()}
    assert found["on_newtask"] == "raw_tp task_newtask"
    assert found["on_exec"] == "raw_tp sched_process_exec"
    if name != "s390x":  # there, no LSM, no struct_ops: without a JIT
        assert found["on_open"] == "lsm_mac bpf_lsm_file_open"
        assert found["cc_undo_cwnd"] == "struct_ops tcp_congestion_ops.undo_cwnd"
        assert found["fill_list"] == ""


def test_statistics_are_summed_over_cpus(patched: PatchedKernel) -> None:
    prog = patched.value("struct bpf_prog", progs(patched)["on_exec"].address)
    struct = patched.type("struct bpf_prog_stats")
    offsets = patched.target.per_cpu_offsets
    assert len(offsets) > 1
    for cpu, offset in enumerate(offsets):
        stats = Value(patched, struct, patched.wrap(int(prog.stats) + offset))
        for member, number in (("cnt", 10 + cpu), ("nsecs", 1 << 40), ("misses", cpu)):
            target = stats.member_(member)
            patched.target.write(target.address_, number.to_bytes(8, "little"))
    cpus = len(offsets)
    assert progs(patched)["on_exec"].statistics == RunStatistics(
        sum(range(10, 10 + cpus)), cpus << 40, sum(range(cpus))
    )
    assert progs(patched)["on_newtask"].statistics == RunStatistics()


# Damage


def test_a_damaged_program_is_a_note(patched: Kernel, poke: Callable[[Value, int], None]) -> None:
    found = progs(patched)
    victims = {name: patched.value("struct bpf_prog", p.address) for name, p in found.items()}
    poke(victims["on_newtask"].aux.used_map_cnt, 0xFFFF_FFFF)
    poke(victims["on_exec"].aux, 0xDEAD_0000_0000)
    poke(victims["fill_list"].member_("type"), 77)
    poke(victims["fill_tree"].aux.func_cnt, 0xFFFF_FFFF)
    items = list(find_progs(patched))
    assert len([item for item in items if isinstance(item, Prog)]) == len(victims) - 3
    assert [p.type for p in items if isinstance(p, Prog) and p.name == "fill_list"] == ["77"]
    text = "\n".join(notes(items))
    assert "claims to use 4294967295 maps" in text
    assert "claims to have 4294967295 functions" in text
    assert "0xdead00" in text


def test_a_damaged_idr_is_a_note(patched: Kernel, poke: Callable[[Value, int], None]) -> None:
    before = len(progs(patched))
    idr = patched.value("struct idr", patched.symbol("prog_idr"))
    node = patched.value("struct xa_node", int(idr.idr_rt.xa_head) - 2)
    assert before > 1
    poke(node.slots[6], int(idr.idr_rt.xa_head))  # the node as its own child
    items = list(find_progs(patched))
    assert len([item for item in items if isinstance(item, Prog)]) == before - 1
    assert "cycle" in notes(items)[0]


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_nothing_is_loaded(byteorder: ByteOrder) -> None:
    world = World(byteorder)
    world.struct("xarray", [("xa_head", "void *")])
    world.struct("idr", [("idr_rt", "struct xarray")])
    world.struct("xa_node", [("array", "struct xarray *"), ("slots", "void *[64]")])
    world.struct("bpf_prog", [("len", "u32")])
    world.struct("bpf_link", [("id", "u32")])
    for name in ("prog_idr", "link_idr"):
        world.symbols[name] = world.new("idr")
    kernel = world.kernel()
    assert list(find_progs(kernel)) == []
    assert list(find_links(kernel)) == []


def test_a_kernel_without_bpf() -> None:
    with pytest.raises(SymbolNotFoundError, match="prog_idr"):
        find_progs(World().kernel())
