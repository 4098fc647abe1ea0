"""With compiled readers every format prints, to the byte, what it prints without."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest

from btfdump._graph import readers
from btfdump._graph.limits import selection_of
from tests.support.hot_readers import MEMBERS, assert_same, render

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._decode.fields import Selection
    from btfdump._kernel.value import Value


@pytest.fixture
def kernel(opened: Callable[[str], Kernel]) -> Kernel:
    return opened("tagged")


@pytest.fixture
def hot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile every type at once."""
    monkeypatch.setattr(readers, "HOT", 1)


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize("format_", ["json", "text", "tree"])
@pytest.mark.parametrize("members", [None, MEMBERS], ids=["all", "members"])
def test_formats(kernel: Kernel, format_: str, members: Selection | None) -> None:
    assert_same(kernel, list(islice(kernel.tasks(), 0, None, 8)), format_, members=members)


ZEROS = ["rcu_read_unlock_special.s", "pushable_tasks", "tlb_ubc", "thread.tls_array", "last_wakee"]
"""Anonymous structs around them, arrays and structs: zero in some tasks."""


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize("format_", ["json", "jsonl", "text", "tree"])
def test_what_is_selected_and_zero(kernel: Kernel, format_: str) -> None:
    tasks = list(islice(kernel.tasks(), 0, None, 8))
    assert_same(kernel, tasks, format_, members=selection_of(ZEROS))
    nets = [kernel["init_net"], kernel["init_net"]]
    paths = ["nsid_lock.rlock.raw_lock.val.counter", "nsid_lock.rlock.raw_lock.tail", "mib"]
    assert_same(kernel, nets, format_, members=selection_of(paths))


def test_what_is_selected_is_said_to_be_zero(kernel: Kernel) -> None:
    """As it is where it is the root."""

    def shown(root: Value, *paths: str) -> str:
        return "".join(render(kernel, [root], "text", is_hot=False, members=selection_of(paths)))

    task = kernel.task(1)
    assert ".tls_array = (struct desc_struct[3])[ /* all zero */" in shown(task, "thread.tls_array")
    assert "(struct desc_struct[3])[ /* all zero */" in shown(task.thread.tls_array)
    lock = kernel["init_net"].nsid_lock
    assert ".val = (atomic_t){ .counter = 0 }" in shown(lock, "rlock.raw_lock.val.counter")
    assert "zero member" not in shown(lock, "rlock.raw_lock.val.counter")
    mib = shown(kernel["init_net"].mib.tcp_statistics, "mibs")
    assert ".mibs = (unsigned long[16]){ /* all 16 are zero */ }," in mib


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize("format_", ["json", "text", "tree"])
def test_an_empty_list_that_is_one_under_a_condition(
    opened: Callable[[str], Kernel], format_: str
) -> None:
    """`ptraced` of tasks but the idle ones, by the library; without tags that say it plainly."""
    kernel = opened("stock")
    idle = [kernel.per_cpu(kernel["runqueues"], cpu).idle.deref_() for cpu in range(2)]
    tasks = [*idle, *islice(kernel.tasks(), 0, None, 8)]
    assert_same(kernel, tasks, format_)
    assert_same(kernel, tasks, format_, members=selection_of(["pid", "ptraced"]))


def test_what_comes_once_is_not_compiled(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(readers.Reader, "compile", refuse)
    monkeypatch.setattr("btfdump._render.json.JsonReader.compile", refuse)
    for format_ in ("text", "jsonl"):
        assert render(kernel, [kernel.task(1)], format_, is_hot=True)
