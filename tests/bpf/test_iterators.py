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


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_targets(opened: Callable[[str], Kernel], name: str) -> None:
    """In the stock kernel two other variables are called `targets`, one of them before this."""
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


def test_not_beside_its_mutex(patched: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patched, "symbolize", lambda address: None)
    with pytest.raises(CorruptDataError, match="not beside targets_mutex"):
        find_iterators(patched)
