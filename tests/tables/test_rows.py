"""The rows of declared tables: levels inside each other, and what is wrong between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._kernel.notes import Note
from btfdump._tables.functions import OBJECTS, ObjectsFunction
from btfdump._tables.library import definition_of
from btfdump._tables.rows import Asked, TableReading
from btfdump.errors import AnnotationError, CorruptDataError
from tests.support.synthetic import World

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


SHELVES = """
[struct.shelf]
boxes = "item:link"

[global]
shelves = { type = "struct shelf[2]" }

[table.items]
help = "items"
names = ["id"]
rows = [
    { as = "all", each = "shelves", key = "cpu" },
    { as = "shelf", each = "all", key = "shelf" },
    { as = "item", each = "shelf.boxes", key = "box", only = "item.id" },
]

[table.items.columns]
cpu = "cpu"
shelf = "shelf.number"
at = "shelf"
box = "box"
id = "item.id"

[table.called]
help = "called"
names = ["id"]
rows = [{ as = "all", each = "shelves", key = "cpu" }, { as = "item", call = "CALL", of = "all" }]

[table.called.columns]
id = "item.id"
"""


@pytest.fixture
def shelves(tmp_path: Any) -> Any:
    """Return a kernel with a per-CPU array of structs that have arrays of lists."""
    world = World()
    world.struct("item", [("id", "u64"), ("link", "struct list_head")])
    world.struct("shelf", [("number", "u64"), ("boxes", "struct list_head[3]")])
    world.variable("shelves", "struct shelf[2]")
    size = world.sizeof("struct shelf[2]")
    world.symbols["shelves"] = start = world.room(size)
    world.symbols["__per_cpu_start"], world.symbols["__per_cpu_end"] = start, start + size
    areas = [world.room(size) for _ in range(2)]
    world.per_cpu_offsets = tuple(area - start for area in areas)
    for cpu, area in enumerate(areas):
        for number in range(2):
            shelf = area + number * world.sizeof("struct shelf")
            world.set(shelf, "shelf.number", 10 * cpu + number)
            for box in range(3):
                items = [world.new("item", id=100 * cpu + 10 * number + box)] if box else []
                links = [item + world.offset("item.link") for item in items]
                world.link_list(shelf + world.offset("shelf.boxes") + 16 * box, links)
    path = tmp_path / "shelves.toml"
    path.write_text(SHELVES, "utf-8")
    return world.kernel([Overlay.load(path)])


def test_per_cpu_variables_and_arrays_are_levels(shelves):
    found = rows(shelves, "items")
    assert [(row["cpu"], row["shelf"], row["box"], row["id"]) for row in found] == [
        (cpu, 10 * cpu + number, box, 100 * cpu + 10 * number + box)
        for cpu in range(2)
        for number in range(2)
        for box in (1, 2)
    ]


def test_levels_may_be_functions_of_objects(shelves, monkeypatch):
    source = shelves.annotations.sources()[0]
    level = source._declared["called"]["rows"][1]
    level["call"] = "nothing"
    with pytest.raises(AnnotationError, match="no function of objects 'nothing'; there are"):
        reading(shelves, "called")

    def make(kernel: Any) -> Any:
        def of(shelves: Any) -> Any:
            yield from shelves[1].boxes[2].walk_()
            raise CorruptDataError("that is all", 1)

        return of

    level["call"] = "queued"
    monkeypatch.setitem(OBJECTS._found, "queued", ObjectsFunction(make, "struct item"))
    first, note, second, _ = rows(shelves, "called")
    assert (first, second) == ({"id": 12}, {"id": 112})
    assert note.text == "queued: that is all"
