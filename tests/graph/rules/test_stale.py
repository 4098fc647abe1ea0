"""A pointer that outlives its target: freed, in use, taken by something else, not known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump import Limits, traverse
from btfdump._graph import readers
from btfdump._kernel.services import Cache, ObjectState, SlabObject
from btfdump._render import Root, get
from tests.support.annotated import dumped, overlay, texts
from tests.support.hot_readers import assert_same

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


class OneSlab:
    """Finds a slab object at an address and says what became of it."""

    def __init__(self, cache: str, start: int, is_free: bool | None, reason: str = "") -> None:
        found = SlabObject(Cache(1, cache, 256, 256, 0, True), start)
        self.known = ObjectState(found, is_free, reason)

    def find(self, address: int) -> SlabObject | None:
        return self.known.found if 0 <= address - self.known.found.start < 256 else None

    def smallest(self, cache: Cache) -> int:
        return cache.object_size

    def state(self, address: int) -> ObjectState | None:
        return self.known if self.find(address) is not None else None


def keeper(
    world, cache: str = "item", is_free: bool | None = True, reason: str = ""
) -> tuple[Kernel, Value]:
    """Return a struct with a pointer that outlives its target, and one that does not."""
    world.struct(
        "holder", [("last", "struct item *"), ("own", "struct item *")], {"last": "role:stale"}
    )
    item = world.new("item", 256, id=8)
    address = world.new("holder", last=item, own=item)
    kernel = world.kernel([overlay('[summary]\nitem = ["id"]')])
    slab = OneSlab(cache, item, is_free, reason)
    vars(kernel).update(_slabs=slab, _freelists=slab)
    return kernel, kernel.value("struct holder", address)


@pytest.mark.parametrize(
    ("cache", "is_free", "said"),
    [
        ("item", True, "freed item"),
        ("item", None, "perhaps freed: left out"),
        ("wrap", False, "freed: slab wrap has its place now"),
    ],
)
def test_what_is_not_there_is_not_summed_up(world, cache, is_free, said):
    kernel, value = keeper(world, cache, is_free, "left out" if is_free is None else "")
    document = dumped(kernel, value)
    item = document["members"]["last"]["pointer"]
    assert document["members"]["last"] == {"pointer": item, "remark": said}
    assert document["members"]["own"]["target"]["summary"] == {"id": 8}
    assert not texts(document)
    assert f"/* ({said}) */" in "".join(kernel.dump(value, "text"))
    tree = "".join(kernel.dump(value, "tree"))
    assert f"last {item} ({said})  struct item *\n" in tree
    # However deep pointers are followed, this one is not.
    assert dumped(kernel, value, depth=3)["members"]["last"] == document["members"]["last"]


def test_what_is_there_is_shown_as_ever(world):
    kernel, value = keeper(world, is_free=False)
    members = dumped(kernel, value)["members"]
    assert members["last"]["target"]["summary"] == members["own"]["target"]["summary"] == {"id": 8}
    assert dumped(kernel, value, depth=1)["members"]["last"]["target"]["members"]


def test_what_is_asked_for_is_shown_with_a_note(world):
    kernel, value = keeper(world)
    events = traverse(value, Limits(), follow=frozenset([("last",)]))
    document = json.loads("".join(get("jsonl")([Root(events)], kernel.options())))
    assert document["members"]["last"]["target"]["members"]["id"] == 8
    assert texts(document) == ["last: freed item"]


@pytest.mark.parametrize("is_free", [True, False])
def test_asked_for_as_the_root(world, is_free):
    kernel, value = keeper(world, is_free=is_free)
    document = dumped(kernel, value.last)
    assert document["members"]["id"] == 8
    assert texts(document) == ["freed item"] * is_free
    assert not texts(dumped(kernel, value.own))


def test_in_no_slab(world):
    kernel, value = keeper(world)
    vars(kernel).update(_freelists=OneSlab("item", 8, True))
    said = dumped(kernel, value)["members"]["last"]["remark"]
    assert said == "perhaps freed: it is in no slab that is known"


def test_a_variable_is_not_freed(world):
    world.struct("holder", [("last", "struct item *")], {"last": "role:stale"})
    world.symbols["item"] = item = world.new("item", id=8)
    address = world.new("holder", last=item)
    kernel = world.kernel([overlay('[summary]\nitem = ["id"]')])
    last = dumped(kernel, kernel.value("struct holder", address))["members"]["last"]
    assert last["target"]["summary"] == {"id": 8}


def test_null(world):
    world.struct("holder", [("last", "struct item *")], {"last": "role:stale"})
    address = world.new("holder")
    kernel = world.kernel()
    assert dumped(kernel, kernel.value("struct holder", address))["members"] == {}


@pytest.mark.parametrize(
    ("name", "freed"),
    [
        ("stock", set()),
        ("tagged", set()),
        ("stock-7.3", {"maple", "maple-child"}),
        ("s390x", {"migration/0", "migration/1"}),
    ],
)
def test_who_was_woken_last(opened, name, freed):
    """Of each task of a real kernel; those freed are told apart in every way to read an object."""
    kernel = opened(name)
    found = set()
    for task in kernel.tasks():
        document = dumped(kernel, task)
        last = document["members"].get("last_wakee", {"remark": ""})
        if last.get("remark"):
            assert last["remark"] == "freed task_struct"
            assert "target" not in last
            found.add(task.comm.string_())
            text = "".join(kernel.dump(task, "text"))
            assert f"{last['pointer']}, /* (freed task_struct) */" in text
    assert found == freed


@pytest.mark.parametrize("format_", ["json", "jsonl", "text", "tree"])
def test_compiled_readers_leave_it_to_this_rule(opened, monkeypatch, format_):
    monkeypatch.setattr(readers, "HOT", 1)
    kernel = opened("stock-7.3")
    assert_same(kernel, [task for task in kernel.tasks() if task.comm == "maple"], format_)
