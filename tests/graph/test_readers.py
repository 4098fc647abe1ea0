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
