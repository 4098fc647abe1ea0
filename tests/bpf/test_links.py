"""Links: equal to what the guests said, and notes where memory is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.links import Link, find_links
from tests.support.bpf_objects import SAMPLES, links, notes, progs

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
