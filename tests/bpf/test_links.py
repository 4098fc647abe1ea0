"""Links: equal to what the guests said, and notes where memory is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.links import Link, find_links, link_of, place_of
from tests.support.bpf_objects import SAMPLES, links, notes, progs
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


@pytest.mark.parametrize("name", SAMPLES)
def test_links(opened: Callable[[str], Kernel], name: str) -> None:
    kernel = opened(name)
    names = {prog.id: prog.name for prog in progs(kernel).values()}
    found = [(link.id, link.type, names[link.prog_id], link.target) for link in links(kernel)]
    expected = [
        (1, "raw_tracepoint", "on_newtask", "task_newtask"),
        (2, "raw_tracepoint", "on_exec", "sched_process_exec"),
        (3, "tracing", "on_open", "lsm_mac bpf_lsm_file_open"),
    ]
    assert found == (expected[:2] if name == "s390x" else expected)
    tracing = [link for link in links(kernel) if link.type == "tracing"]
    for link in tracing:
        assert link.details["attach_type"] == "lsm_mac"
        assert link.details["target_obj_id"] == 1
        assert kernel.btf.type(int(link.details["target_btf_id"])).name == "bpf_lsm_file_open"


def test_links_that_tell_the_attach_type_in_common(opened: Callable[[str], Kernel]) -> None:
    """In 7.3 it is a member of `struct bpf_link`; in 6.12, of each type of link."""
    kernel = opened("stock-7.3")
    items = list(find_links(kernel))
    assert notes(items) == []
    found = [(i.id, i.type, i.prog_id, i.target) for i in items if isinstance(i, Link)]
    assert found == [
        (1, "raw_tracepoint", 5, "task_newtask"),
        (2, "raw_tracepoint", 7, "sched_process_exec"),
        (3, "tracing", 8, "fentry do_exit"),
        (4, "tracing", 9, "lsm_mac bpf_lsm_file_open"),
        (5, "perf_event", 10, "kprobes:hrtimer_nanosleep"),
        (6, "perf_event", 11, "sched:sched_process_exit"),
        (7, "cgroup", 13, "cgroup_inet_egress of cgroup /grove"),
        (8, "xdp", 14, "dum0"),
        (9, "iter", 15, "task"),
    ]
    attach = {link.id: link.details.get("attach_type") for link in links(kernel)}
    assert {number: name for number, name in attach.items() if name} == {
        3: "trace_fentry",
        4: "lsm_mac",
        7: "cgroup_inet_egress",
    }


@pytest.mark.parametrize("is_common", [True, False])
@pytest.mark.parametrize(
    ("type_", "struct", "holder", "own", "expected"),
    [
        ("tcx", "tcx_link", "net_device", "location", "tcx_ingress of eth0"),
        ("netkit", "netkit_link", "net_device", "location", "tcx_ingress of eth0"),
        ("sockmap", "sockmap_link", "bpf_map", "attach_type", "map 7 eth0"),
        ("netns", "bpf_netns_link", "net", "type", "tcx_ingress of netns 3"),
    ],
)
def test_the_attach_type_of_other_links(
    type_: str, struct: str, holder: str, own: str, expected: str, *, is_common: bool
) -> None:
    world = World()
    world.enum("bpf_link_type", {f"BPF_LINK_TYPE_{type_.upper()}": 1})
    world.enum("bpf_attach_type", {"BPF_TCX_INGRESS": 46})
    world.struct("bpf_prog_aux", [("id", "u32")])
    world.struct("bpf_prog", [("aux", "struct bpf_prog_aux *")])
    common = [("attach_type", "enum bpf_attach_type")] if is_common else []
    base = [("id", "u32"), ("type", "enum bpf_link_type"), ("prog", "struct bpf_prog *"), *common]
    world.struct("bpf_link", base)
    world.struct("net_device", [("name", "char[16]"), ("ifindex", "int")])
    world.struct("bpf_map", [("name", "char[16]"), ("id", "u32")])
    world.struct("ns_common", [("inum", "u32")])
    world.struct("net", [("ns", "struct ns_common")])
    member = {"net_device": "dev", "bpf_map": "map", "net": "net"}[holder]
    owns = [] if is_common else [(own, "enum bpf_attach_type")]
    world.struct(struct, [("link", "struct bpf_link"), (member, f"struct {holder} *"), *owns])
    place = world.new(holder)
    for path, value in (("name", b"eth0"), ("ifindex", 2), ("id", 7), ("ns.inum", 3)):
        if path.partition(".")[0] in [label for label, *_ in world._fields[holder]]:
            world.set(place, f"{holder}.{path}", value)
    link = world.new(struct)
    world.set(link, f"{struct}.{member}", place)
    world.set(link, f"{struct}.link.type", 1)
    world.set(link, f"{struct}.{'link.attach_type' if is_common else own}", 46)
    kernel = world.kernel()
    found = place_of(link_of(kernel.value("struct bpf_link", link)), kernel)
    assert found.target == expected
    assert found.details["attach_type"] == "tcx_ingress"


def test_a_damaged_link_is_shown_with_a_note(
    patched: Kernel, poke: Callable[[Value, int], None]
) -> None:
    first, second, third = links(patched)
    poke(patched.value("struct bpf_link", first.address).member_("type"), 99)
    raw = patched.value("struct bpf_raw_tp_link", second.address)
    poke(raw.btp, 0)
    poke(patched.value("struct bpf_link", third.address).prog, 0x10)
    items = list(find_links(patched))
    shown = [(i.id, i.type, i.target) for i in items if isinstance(i, Link)]
    assert shown == [(1, "99", ""), (2, "raw_tracepoint", "")]
    assert "link 2: where it is attached: btp is NULL" in notes(items)[0]
    assert f"link at {third.address:#x}: cannot read" in notes(items)[1]
