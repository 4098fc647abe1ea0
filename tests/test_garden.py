"""The module garden: one of every kind of container, by tag, and some that are damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.value import Value
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import CorruptDataError
from sample_dumps.build.compare import compare

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


@pytest.fixture
def garden(opened) -> Value:
    kernel: Kernel = opened("garden")
    return kernel.value("struct garden", kernel.symbol("garden"))


@pytest.fixture
def known(truth) -> dict[str, Any]:
    return truth("garden")["garden"]


def names(head: Value) -> list[str]:
    return [plant.name.string_() for plant in head.entries_() if isinstance(plant, Value)]


def notes(head: Value) -> list[str]:
    return [note.message for note in head.entries_() if isinstance(note, Anomaly)]


def test_the_dump_is_as_drgn_read_it(sample, truth):
    """Tasks, storage, super blocks, whole objects, and the contents of the garden's containers."""
    comparison = compare(sample("garden"), truth("garden"))
    assert comparison.differences == []
    assert comparison.compared > 8000
    assert truth("garden")["errors"] == []


@pytest.mark.parametrize("name", ["xarray", "xarray_one", "radix", "idr"])
def test_entries_are_at_their_index(garden, known, name: str):
    found = [[entry.key_, entry.name.string_()] for entry in garden.member_(name).walk_()]
    expected = [pair for pair in known["containers"][name] if isinstance(pair[1], str)]
    assert [name for _, name in found] == [name for _, name in expected]
    firsts = [key[0] if isinstance(key, tuple) else key for key, _ in found]
    assert firsts == [index for index, _ in expected]


def test_a_number_in_an_xarray_is_no_object(garden):
    (entry,) = (item for item in garden.xarray.entries_() if not isinstance(item, Value))
    assert isinstance(entry, ValueEntry)
    assert (entry.key, entry.value) == (7, 777)


@pytest.mark.parametrize("name", ["maple", "maple_deep"])
def test_ranges_of_a_maple_tree(garden, known, name: str):
    found = [[*entry.key_, entry.name.string_()] for entry in garden.member_(name).walk_()]
    assert found == known["containers"][name]
    assert name == "maple" or len(found) > 16  # more than a node has slots


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("nulls", [42, 41, 40]),
        ("bl", [45, 44, 43]),
        ("bl_locked", [48, 47, 46]),
        ("rhash", range(190, 195)),
        ("rhl", range(200, 205)),
        ("lru", range(210, 215)),
    ],
)
def test_containers_that_drgn_has_no_helper_for(garden, name: str, ids):
    found = [int(plant.id) for plant in garden.member_(name).walk_()]
    assert (sorted(found) if name.startswith("rh") else found) == list(ids)


def test_packets_of_a_queue(garden):
    assert [int(packet.mark) for packet in garden.packets.walk_()] == [600, 601]


def test_the_peers_of_a_ring_without_a_head(garden):
    assert names(garden.chain.peers) == ["chain-221", "chain-222"]


@pytest.mark.parametrize(
    ("name", "found", "trouble"),
    [
        ("looped", [230, 231, 232], "cycle"),
        ("torn", [233, 234, 235], "0xdead4ead00001000 is unreadable"),
        ("bad_back", [236, 237, 238], "prev of"),
        ("bad_parent", [239, 240, 241], "parent of"),
    ],
)
def test_damaged_containers_give_what_they_have(garden, name: str, found: list[int], trouble: str):
    head = garden.member_(name)
    assert names(head) == [f"damaged-{number}" for number in found]
    assert trouble in notes(head)[0]


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("no_member", "has no member no_such_member"),
        ("no_type", "no struct no_such_type"),
        ("wrong_link", "is struct hlist_node, expected struct list_head"),
    ],
)
def test_wrong_tags_are_not_followed(garden, name: str, trouble: str):
    with pytest.raises(CorruptDataError, match=trouble):
        list(garden.member_(name).walk_())
