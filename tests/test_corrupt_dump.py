"""The real dump with damage done to it: the note is at its place, and the dump goes on."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._render import Root, formats, get
from btfdump.errors import CorruptDataError, ObjectNotFoundError
from tests.support.patched import PatchedKernel
from tests.support.synthetic import until_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

WORD = 8


@pytest.fixture
def kernel(opened: Callable[[str], Kernel]) -> PatchedKernel:
    """The tagged kernel with patches of its own."""
    return PatchedKernel(opened("tagged"))


def point(kernel: PatchedKernel, address: int, to: int) -> None:
    kernel.target.write(address, to.to_bytes(WORD, "little"))


def rendered(kernel: Kernel, value: Value, format_: str, *, color: bool = False) -> str:
    options = kernel.options(color=color)
    return "".join(get(format_)([Root(traverse(value))], options))


def member_of(kernel: Kernel, value: Value, name: str) -> Any:
    return json.loads(rendered(kernel, value, "jsonl"))["members"][name]


@pytest.mark.parametrize("color", [False, True])
def test_children_that_loop(kernel, truth, color):
    init = kernel.task(1)
    first = init.children[0]
    second = init.children[1]
    pids = [int(child.pid) for child in init.children.walk_()]
    point(kernel, second.sibling.address_, first.sibling.address_)
    children = member_of(kernel, init, "children")
    assert [c["summary"]["pid"] for c in children["elements"]] == pids  # 2 from the tail
    assert "cycle" in children["notes"][0]["text"]
    for format_ in ("text", "tree"):
        lines = rendered(kernel, init, format_, color=color).splitlines()
        (at,) = [i for i, line in enumerate(lines) if "! cycle: " in line]
        assert f"pid {pids[1]}" in lines[at - 1]
        assert any("not shown (--zero)" in line for line in lines[-3:])


def test_children_on_an_unmapped_page(kernel):
    init = kernel.task(1)
    first = init.children[0]
    pids = [int(child.pid) for child in init.children.walk_()]
    point(kernel, first.sibling.address_, 0xFFFF_F000_0000_1230)
    children = member_of(kernel, init, "children")
    assert [c["summary"]["pid"] for c in children["elements"]] == pids
    assert children["notes"][0] == {
        "text": "entry at 0xfffff00000001230 is unreadable: not mapped",
        "address": "0xfffff00000001230",
    }
    with pytest.raises(CorruptDataError, match="0xfffff00000001230"):
        list(kernel.task(1).children.walk_())


def test_a_child_that_cannot_be_read(kernel):
    init = kernel.task(1)
    child = init.children[2]
    kernel.target.unmap(child.address_, 64)  # its link can be read
    pids = [int(c.pid) for c in init.children.walk_()]
    assert len(pids) == 4
    text = "".join(kernel.dump(kernel.value("struct task_struct", child.address_), "text"))
    assert "unreadable: not mapped; bytes 0x0-0x" in text
    assert "parent_exec_id" in text


def test_wrong_pprev_in_local_storage(kernel, truth):
    task = kernel.task(1)
    elements = list(task.bpf_storage.list.walk_())
    second = elements[1].snode
    point(kernel, second.address_ + WORD, 0x4141)
    storage = member_of(kernel, task, "bpf_storage")
    container = storage["target"]["members"]["list"]
    assert [e["address"] for e in container["elements"]] == [hex(e.address_) for e in elements]
    (note,) = container["notes"]
    assert note["text"].startswith(f"pprev of {second.address_:#x} is 0x4141, not ")
    for format_ in ("text", "tree"):
        text = rendered(kernel, task, format_)
        before, _, after = text.partition("! pprev of")
        assert f"{elements[0].address_:#x}" in before
        assert f"{elements[2].address_:#x}" in after


def test_a_storage_pointer_into_nowhere(kernel):
    task = kernel.task(1)
    point(kernel, task.bpf_storage.address_, 0xFFFF_F000_0000_0000)
    target = member_of(kernel, kernel.task(1), "bpf_storage")["target"]
    assert target["notes"][0]["text"] == "unreadable: not mapped"
    for format_ in ("text", "tree"):
        text = rendered(kernel, kernel.task(1), format_)
        assert "unreadable: not mapped" in text
        assert "cred" in text.partition("unreadable: not mapped")[2] or "cred" in text


def test_the_list_of_tasks_breaks(kernel, truth):
    tasks = list(kernel.tasks())
    processes = [t for t in tasks if t.pid == t.tgid]
    point(kernel, processes[10].tasks.address_, 0xFFFF_F000_0000_0000)
    found, error = until_error(kernel.tasks())
    assert "tasks" in str(error)
    assert len(found) == len(tasks)  # the rest from the tail
    with pytest.raises(ObjectNotFoundError, match="damaged"):
        kernel.task(999_999)


NASTY = {
    b"\x1b[31mred\x1b[0m\0": ("\\x1b[31mred", "\\u001b[31mred"),
    b"[red]x[/red]\0": ("[red]x[/red]", "[red]x[/red]"),
    "a\u202eb\u2066c".encode() + b"\0": ("a\\u202eb\\u2066c", "a\\u202eb\\u2066c"),
    b"\xff\xfe\x80\0": ("\\xff\\xfe\\x80", "\\\\xff\\\\xfe\\\\x80"),
    b'q"\\\n\r\t\x07\0': ('q\\"\\\\\\n\\r\\t\\x07', 'q\\"\\\\\\n\\r\\t\\u0007'),
    b"\xc2\x9b31m\0": ("\\x9b31m", "\\u009b31m"),
    b"\x7fdel\0": ("\\x7fdel", "\\u007fdel"),
    b"0123456789abcdef": ("0123456789abcdef", "0123456789abcdef"),
}
OUR_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("comm", NASTY, ids=repr)
def test_strings_that_act_on_a_terminal(kernel, comm):
    task = kernel.task(1)
    kernel.target.write(task.comm.address_, comm.ljust(16, b"\0"))
    for_people, for_programs = NASTY[comm]
    task = kernel.task(1)
    for format_ in formats():
        for color in (False, True):
            text = rendered(kernel, task, format_, color=color)
            if color:
                text = OUR_ESCAPES.sub("", text)
            assert text.replace("\n", "").isprintable()
            if format_ in ("json", "jsonl"):
                assert text.isascii()
                json.loads(text)
                assert for_programs in text or for_people in text
            elif format_ in ("text", "tree"):
                assert for_people in text
    # As an entry of a list, too.
    parent = task.parent.deref_()
    for format_ in ("text", "tree"):
        summary = rendered(kernel, parent, format_, color=False)
        assert for_people in summary or for_people.replace("\\x", "\\\\x") in summary


def test_our_own_escapes_stay_whole(kernel):
    """With color, a string cannot end our style early: what it holds is escaped first."""
    task = kernel.task(1)
    kernel.target.write(task.comm.address_, b"\x1b[0m\x1b[1mbold\0\0\0")
    text = rendered(kernel, kernel.task(1), "tree", color=True)
    assert "\\x1b[0m\\x1b[1mbold" in text
    assert "\x1b[1mbold" not in text


def test_every_pointer_of_a_task_is_wild(kernel):
    """Whatever a task points to, the dump of it ends."""
    task = kernel.task(1)
    address, size = task.address_, task.size_
    for at in range(0, size - WORD, WORD):
        point(kernel, address + at, 0xFFFF_F000_0000_0000 + at)
    value = kernel.value("struct task_struct", address)
    for format_ in formats():
        text = "".join(kernel.dump(value, format_, Limits(depth=2)))
        assert text.replace("\n", "").isprintable()
