"""The rows of declared tables: levels inside each other, and what is wrong between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._tables.library import definition_of
from btfdump._tables.rows import Asked, TableReading

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


def reading(
    kernel: Kernel, name: str, *options: str, wants: Any = lambda *names: True
) -> TableReading:
    definition = definition_of(name, kernel.annotations.sources())
    assert definition is not None
    return TableReading(kernel, definition, Asked(wants, {}, frozenset(options)))


def rows(kernel: Kernel, name: str, *options: str, **how: Any) -> list[Any]:
    return list(reading(kernel, name, *options, **how).rows())


def test_columns(kernel, world):
    found = rows(kernel, "holders")
    assert found[0] == {
        "id": 1,
        "name": "ann",
        "size": 4,
        "twice": 9,
        "mode": 3,
        "boss": None,
        "label": "red \x1b[31m",
        "at": world.holders[0],
    }
    assert [row["boss"] for row in found] == [None, 1, 2]
    assert [row["label"] is None for row in found] == [False, True, True]


def test_what_a_kernel_lacks_is_no_column(kernel):
    lacking = reading(kernel, "holders").bound.lacking
    assert list(lacking) == ["gone"]
    assert "nothing" in str(lacking["gone"])


def test_levels_keys_and_filters(kernel):
    assert rows(kernel, "things") == [
        {"holder": 1, "number": 0, "weight": 100},
        {"holder": 1, "number": 2, "weight": 200},
    ]
    assert rows(kernel, "things", "threads")[2:] == [{"holder": 2, "number": 0, "weight": 300}]


def test_arguments_are_asked_before_what_is_inside_is_read(kernel, world):
    world.set(world.holders[0], "holder.things", 0x10)
    asked = []

    def wants(*names: str) -> bool:
        asked.append(names)
        return names == ("3",)

    assert rows(kernel, "things", "threads", wants=wants) == []
    assert asked == [("1",), ("2",), ("3",)]


def test_what_is_wrong_is_told_in_its_place_or_at_the_end(kernel, world):
    world.set(world.holders[0], "holder.things", 0x10)
    world.set(world.holders[1], "holder.boss", 0x20)
    world.set(world.holders[2], "holder.boss", 0x20)
    first, row = rows(kernel, "things", "threads")
    assert isinstance(first, Note)
    assert row["holder"] == 2
    assert first.text.startswith("things: array of count elements: ")
    *others, last = rows(kernel, "holders")
    assert [row["boss"] for row in others] == [None, None, None]
    assert last.text.startswith("holder.boss: 2 times, the first: cannot read 4 bytes at 0x20")
    assert last.address == 0x20


def test_a_broken_list_ends_in_a_note(kernel, world):
    world.point(world.holders[0] + world.offset("holder.link"), 0x40)
    found = rows(kernel, "holders")
    assert next(row["id"] for row in found if not isinstance(row, Note)) == 1
    assert any(isinstance(row, Note) and row.text.startswith("holders: ") for row in found)
