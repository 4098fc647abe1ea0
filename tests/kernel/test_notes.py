"""Notes: how much of a text they have, and lists of values with notes among them."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.notes import Note, shortened, without_notes
from btfdump.errors import CorruptDataError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._render import Format


def test_a_text_that_is_too_long_is_cut() -> None:
    note = Note(f"array of {'9' * 100_000} elements: why", 0x10)
    assert note.text.startswith("array of 999")
    assert note.text.endswith("99 elements: why")
    assert "... (99423 characters) ..." in note.text
    assert len(note.text) < 700
    assert note.address == 0x10
    for short in ("", "x", "x" * 600):
        assert Note(short).text == short
    assert shortened("abcdefgh", 2, 1) == "ab... (5 characters) ...h"


def test_a_note_is_plain_data() -> None:
    note = Note("text", 5)
    assert tuple(note) == ("text", 5)
    assert repr(note) == "Note(text='text', address=5)"
    for same in (copy.copy(note), copy.deepcopy(note), pickle.loads(pickle.dumps(note))):
        assert (same, type(same)) == (note, Note)


@pytest.mark.parametrize(
    ("length", "said"), [(4000, "characters) ..."), (100_000, "more than 4096")]
)
@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
def test_a_tag_of_any_length_is_not_repeated_in_full(
    format_: Format, length: int, said: str
) -> None:
    world = World()
    world.struct("elem", [("link", "struct list_head")])
    tags = {"head": f"len:{'9' * length}", "list": f"elem:{'x' * length}"}
    world.struct("holder", [("head", "struct elem *"), ("list", "struct list_head")], tags)
    address = world.new("holder", head=1)
    world.link_list(address + world.offset("holder.list"), [])
    kernel = world.kernel()
    shown = "".join(kernel.dump(kernel.value("struct holder", address), format_))
    assert said in shown
    assert len(shown) < min(4000, 2 * length)


def test_notes_among_values_are_raised_at_the_end() -> None:
    items: list[int | Note] = [1, Note("a", 5), 2, *[Note("b")] * 4]
    found: list[int] = []
    with pytest.raises(CorruptDataError, match=r"^a; b; b; and 2 more$") as caught:
        found.extend(without_notes(items))
    assert (found, caught.value.address) == ([1, 2], 5)
