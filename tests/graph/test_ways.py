"""Ways lead where going from value to value leads, and are not there where types do not tell."""

from __future__ import annotations

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._annotate.summaries import fit
from btfdump._annotate.template import slot_of, templates
from btfdump._graph.summaries import Summaries
from btfdump._graph.ways import Pointers, SlotPlace, SlotPlaces
from btfdump._render.scalar import summary
from tests.support.synthetic import World


@pytest.fixture(params=["little", "big"])
def world(request) -> World:
    world = World(request.param)
    world.struct("tag", [("name", "char *"), ("id", "u32")])
    world.struct("inner", [("tag", "struct tag *")])
    world.struct(
        "item",
        [
            ("id", "u32"),
            ("inner", "struct inner"),
            ("next", "struct item *"),
            ("private", "void *"),
            ("one", "u32[1]"),
            ("two", "u32[2]"),
        ],
    )
    world.struct("outer", [("id", "u64"), ("item", "struct item")])
    return world


def place_of(kernel, text):
    struct = kernel.type("struct item")
    (template,) = templates(f"{{{text}}}")
    fitted = fit(template, struct, kernel.lookup, [], is_checked=False)
    assert fitted is not None
    place = SlotPlace(next(fitted.slots()))
    SlotPlaces(kernel, struct).find(place)
    return place


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("id", 0),
        ("inner.tag", 0),
        ("inner.tag.name", 1),
        ("next.next.inner.tag.id", 3),
        ("one[0]", 0),
        ("(outer:item).id", 0),
    ],
)
def test_there_is_a_way_by_types(world, text, hops):
    way = place_of(world.kernel(), text).way
    assert way is not None
    assert len(way.hops) == hops


@pytest.mark.parametrize(
    "text", ["private.(tag).id", "two[0]", "two[]", "two", "nosuch", "next.(outer:item).id"]
)
def test_there_is_none_where_more_must_be_asked(world, text):
    assert place_of(world.kernel(), text).way is None


def test_what_a_condition_decides_has_no_way(world):
    overlay = Overlay('[struct.item]\nid = { tags = ["cond:next", "unit:ms"] }\n', "overlay")
    assert place_of(world.kernel([overlay]), "id").way is None
    plain = Overlay('[struct.item]\nid = { tag = "unit:ms" }\n', "overlay")
    way = place_of(world.kernel([plain]), "id").way
    assert way is not None
    assert way.facts is not None


def test_a_number_of_the_object_itself_needs_no_way(world):
    place = place_of(world.kernel(), "id:hex")
    assert place.located is None
    place = place_of(world.kernel(), "id:unit:ms")
    assert place.way is None
    assert place.located is not None
    assert slot_of("id:unit:ms") == place.slot


def test_null_ends_a_way(world):
    kernel = world.kernel()
    way = place_of(kernel, "next.id").way
    value = kernel.value("struct item", world.new("item", next=0))
    with pytest.raises(LookupError):
        way.lead(value, Pointers(kernel))


def test_pointers_are_read_once(world):
    last = world.new("item", id=7)
    first = world.new("item", next=world.new("item", next=last))
    kernel = world.kernel()
    way, pointers = place_of(kernel, "next.next.id").way, Pointers(kernel)
    value = kernel.value("struct item", first)
    assert way.lead(value, pointers).value_() == 7
    reads = []
    read = kernel.target.read

    def counted(address, size):
        reads.append(address)
        return read(address, size)

    kernel.target.read = counted
    assert way.lead(value, pointers).address_ == last + world.offset("item.id")
    assert not reads
    pointers.forget()
    way.lead(value, pointers)
    assert len(reads) == 2


def _told(kernel, values):
    summaries = Summaries(kernel, 256)
    return [summary(summaries.of(value)) for value in values]


@pytest.mark.parametrize("sample_name", ["stock", "s390x"])
def test_real_objects_are_told_alike_without_ways(sample_name, monkeypatch, opened):
    kernel = opened(sample_name)
    values = []
    for task in kernel.tasks():
        values += [task.cred.deref_(), task.thread_pid.deref_()]
        values += [one.deref_() for one in (task.fs, task.nsproxy, task.mm) if one]
        values += [file.deref_() for file in _files(task)]
    quick = _told(kernel, values)
    assert len(set(quick)) > 50
    monkeypatch.setattr(SlotPlaces, "_way", lambda self, slot: None)
    monkeypatch.setattr("btfdump._graph.fitted.compiled", lambda text, member: None)
    assert _told(kernel, values) == quick


def _files(task):
    if not task.files:
        return
    table = task.files.fdt
    for number in range(min(int(table.max_fds), 64)):
        file = table.fd[number]
        if file:
            yield file
