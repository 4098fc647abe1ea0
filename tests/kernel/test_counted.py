"""Arrays of annotated length: what is printed of one is what a program is given of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump import open_core
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.notes import Note
from btfdump._kernel.value import Value
from btfdump._walk import Anomaly
from btfdump.errors import CorruptDataError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from pathlib import Path

    from btfdump._api.kernel import Kernel


def told(value: Value) -> tuple[list[int], list[str]]:
    """Return the addresses of the entries, and what is wrong."""
    items = list(value.entries_())
    return (
        [item.address_ for item in items if isinstance(item, Value)],
        [item.message for item in items if isinstance(item, Anomaly)],
    )


def shown(kernel: Kernel, value: Value) -> tuple[Any, list[str]]:
    """Return what the root is as JSON, and the notes of the traversal at the array itself."""
    events = traverse(value, Limits(elements=1 << 20))
    notes = [event.text for event in events if isinstance(event, Note)]
    limits = Limits(elements=1 << 20)
    return json.loads("".join(kernel.dump(value, "json", limits=limits)))["roots"][0], notes


@pytest.mark.parametrize("name", ["tagged-6.12", "stock-6.12"])
def test_an_array_ends_where_its_slab_object_does(name: str, tmp_path: Path) -> None:
    """The library cuts it, and tells so, as the output does."""
    (tmp_path / "ov.toml").write_text('[struct.fdtable]\nfd = "len:10000"\n', "utf-8")
    kernel = open_core(f"sample_dumps/{name}/vmcore", overlays=[tmp_path / "ov.toml"])
    files = kernel.task(1).files.fdt.fd
    addresses, anomalies = told(files)
    document, notes = shown(kernel, files)
    entries = document["value"]["elements"]
    assert [int(entry["address"], 0) for entry in entries] == addresses
    assert 4 <= len(addresses) < 68
    assert anomalies == notes[:1]
    assert "10000 elements of 8 bytes do not fit: the object of slab files_cache" in notes[0]


@pytest.mark.parametrize("length", ["nosuch", "max_fds->x", "0 - 5", "1 / 0"])
def test_a_length_that_is_not_known_is_told_alike(length: str, tmp_path: Path) -> None:
    (tmp_path / "ov.toml").write_text(f'[struct.fdtable]\nfd = "len:{length}"\n', "utf-8")
    kernel = open_core("sample_dumps/tagged-6.12/vmcore", overlays=[tmp_path / "ov.toml"])
    files = kernel.task(1).files.fdt.fd
    with pytest.raises(CorruptDataError) as raised:
        list(files.entries_())
    assert shown(kernel, files)[1] == [str(raised.value)]


def test_what_an_annotation_says_that_a_pointer_leads_to() -> None:
    """An array behind a `void *` is one of what it is said to point to."""
    world = World()
    world.struct("cell", [("a", "u32"), ("b", "u32")])
    tags = {"cells": ["points_to:cell", "len:count"]}
    world.struct("holder", [("count", "u32"), ("cells", "void *")], tags)
    cells = world.room(64)
    for i in range(8):
        world.write(cells + 8 * i, world.pack(i + 1, 4) * 2)
    holder = world.new("holder", count=3, cells=cells)
    kernel = world.kernel()
    value = kernel.value("struct holder", holder)
    assert [int(cell.a) for cell in value.cells.walk_()] == [1, 2, 3]
    assert list(value.cells.project_("b")) == [(1,), (2,), (3,)]
    assert "[2] = (struct cell){ .a = 3, .b = 3 }" in "".join(kernel.dump(value))


def test_nothing_is_read_of_an_array_of_no_elements() -> None:
    world = World()
    world.struct("holder", [("count", "u32"), ("cells", "u32 *")], {"cells": "len:count"})
    for pointer in (0, 0x1000):
        holder = world.new("holder", cells=pointer)
        value = world.kernel().value("struct holder", holder)
        assert told(value.cells) == ([], [])
