"""BPF iterators: the right one of several lists of that name, and damage to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.iterators import IteratorTarget, find_iterators
from btfdump._kernel.notes import Note, without_notes
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_targets(opened: Callable[[str], Kernel], name: str) -> None:
    """In the stock kernel two other variables are called `targets`, one of them before this.

    In 7.3 there are two others as well, and the mutex is not beside it.
    """
    found = {item.name: item.function for item in opened(name).bpf.iterators()}
    assert {"task", "task_file", "task_vma", "bpf_map", "bpf_prog", "bpf_link", "tcp"} <= set(found)
    assert found["task"] == (
        "int bpf_iter_task(struct bpf_iter_meta *meta, struct task_struct *task)"
    )
    assert all(found.values())


def test_damage(patched: Kernel, poke: Callable[[Value, int], None]) -> None:
    items = list(without_notes(find_iterators(patched)))
    third, sixth = (
        patched.value("struct bpf_iter_target_info", items[at].address) for at in (2, 5)
    )
    poke(third.reg_info, 0x40)
    poke(sixth.member_("list").next, 0)
    found = list(find_iterators(patched))
    names = [item.name for item in found if isinstance(item, IteratorTarget)]
    assert names == [item.name for at, item in enumerate(items) if at != 2]  # from the other end
    texts = [item.text for item in found if isinstance(item, Note)]
    assert any(f"iterator at {items[2].address:#x}: cannot read" in text for text in texts)
    assert any("NULL" in text for text in texts)


def beside_another(kernel: Kernel, monkeypatch: pytest.MonkeyPatch, moved: int) -> list[str]:
    """Return the iterators found if `targets_mutex` were `moved` bytes from where it is."""
    mutex = kernel.symbol("targets_mutex") + moved
    find = type(kernel).own_symbol

    def own_symbol(self: Kernel, name: str) -> int:
        return mutex if name == "targets_mutex" else find(self, name)

    monkeypatch.setattr(type(kernel), "own_symbol", own_symbol)
    return [item.name for item in without_notes(find_iterators(kernel))]


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_not_beside_its_mutex(
    opened: Callable[[str], Kernel], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As with a longer mutex, of a real-time kernel: the list of that name with such entries."""
    kernel = opened(name)
    expected = [item.name for item in without_notes(find_iterators(kernel))]
    assert expected
    assert beside_another(kernel, monkeypatch, 0x1000) == expected


def test_no_list_of_that_name_has_iterators(
    patched: Kernel, poke: Callable[[Value, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(without_notes(find_iterators(patched)))
    poke(patched.value("struct bpf_iter_target_info", first.address).reg_info, 0x40)
    with pytest.raises(CorruptDataError, match="0 of 1 variables called targets"):
        beside_another(patched, monkeypatch, 0x1000)
