"""Programs that are attached without a link: XDP by netlink, cgroups by bpf(2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.attachments import Attachment, find_attachments
from btfdump._kernel.notes import Note
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


def places(kernel: Kernel) -> list[tuple[int, str]]:
    items = list(find_attachments(kernel))
    assert not [item for item in items if isinstance(item, Note)]
    return [(item.prog_id, item.place) for item in items if isinstance(item, Attachment)]


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_links_and_maps(opened: Callable[[str], Kernel], name: str) -> None:
    found = places(opened(name))
    assert found[:2] == [
        (6, "link 1 raw_tracepoint task_newtask"),
        (8, "link 2 raw_tracepoint sched_process_exec"),
    ]
    if name != "s390x":
        assert (13, "map 24 btfs_cc undo_cwnd") in found


def test_xdp(patched: Kernel, poke: Callable[[Value, int], None]) -> None:
    (prog,) = (p for p in patched.bpf.progs() if p.name == "fill_list")
    device = next(iter(patched["init_net"].dev_base_head.walk_()))
    poke(device.xdp_state[1].prog, prog.address)
    name = device.member_("name").string_()
    assert (prog.id, f"xdp drv {name}") in places(patched)
    poke(device.xdp_state[1].link, 0x1000)  # a link has it: listed as that
    assert (prog.id, f"xdp drv {name}") not in places(patched)
    poke(device.xdp_state[1].link, 0)
    poke(device.xdp_state[1].prog, 0x30)
    notes = [item.text for item in find_attachments(patched) if isinstance(item, Note)]
    assert any("attached programs: cannot read" in text for text in notes)


def test_a_cgroup_whose_children_are_damaged(
    patched: Kernel, poke: Callable[[Value, int], None]
) -> None:
    root = patched.value("struct cgroup_root", patched.symbol("cgrp_dfl_root"))
    poke(root.cgrp.member_("self").children.next, 0x50)
    items = list(find_attachments(patched))
    notes = [item.text for item in items if isinstance(item, Note)]
    assert any("programs of the cgroup at" in text for text in notes)
    assert len([item for item in items if isinstance(item, Attachment)]) == 7


def test_a_kernel_without_bpf() -> None:
    assert list(find_attachments(World().kernel())) == []
