"""The objects of slab caches, against drgn by DWARF and all known objects."""

from __future__ import annotations

import json
import lzma

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of
from btfdump.errors import ExpressionError
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows

EVERY = ("stock", "stock-7.3", "s390x", "tagged")


def test_objects_are_those_that_drgn_found_by_dwarf(opened, dump_file):
    with lzma.open(dump_file("stock-6.12/drgn-helpers.json.xz"), "rt") as file:
        known = json.load(file)["slab.slab_cache_for_each_allocated_object"][0]
    found = [int(row["object"], 16) for row in rows(opened("stock"), "slab", "task_struct")]
    assert len(known) > 10
    assert set(map(int, known)) <= set(found)


@pytest.mark.parametrize("name", EVERY)
def test_tasks_are_all_that_there_are(opened, name):
    """And idle ones, which no list has, and of which the first is no slab object."""
    kernel = opened(name)
    found = {int(row["object"], 16): row for row in rows(kernel, "slab", "task_struct")}
    tasks = {task.address_: task for task in kernel.tasks()}
    assert tasks.keys() <= found.keys()
    for address, task in tasks.items():
        assert found[address]["type"] == "struct task_struct"
        assert found[address]["summary"] == f'"{task.comm.value_()}" pid {int(task.pid)}'
    others = [found[address]["summary"] for address in found.keys() - tasks.keys()]
    assert '"swapper/1" pid 0' in others


@pytest.mark.parametrize("name", EVERY)
def test_objects_are_as_many_as_their_caches_count(opened, name):
    """What CPUs keep at hand is in use by the caches' count, and free by the lists."""
    kernel = opened(name)
    for cache in ("task_struct", "mnt_cache", "kmem_cache", "kmalloc-2k"):
        (counted,) = rows(kernel, "slabs", cache)
        objects = rows(kernel, "slab", cache)
        assert 0 < len(objects) <= counted["used"]


def test_objects_of_no_type_that_is_known(opened):
    found = rows(opened("stock"), "slab", "kmalloc-2k")
    assert {(row["type"], row["summary"]) for row in found} == {(None, None)}
    merged = rows(opened("stock"), "slab", "cred")
    assert all((row["type"] or "?").endswith("?") for row in merged)


def test_a_cache_is_to_be_named(opened):
    kind = table_of("slab")
    assert kind is not None
    with pytest.raises(ExpressionError, match="slab: which cache"):
        kind.table(opened("stock"), Query())


def test_damage_is_told(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    (cache,) = (row["cache"] for row in rows(plain, "slabs", "kmalloc-8k"))
    finder = kernel._slabs
    first = int(rows(plain, "slab", "kmalloc-8k")[0]["object"], 16)
    slab = finder.slab(first)
    assert slab is not None
    page = plain.struct("slab").offset("freelist")
    kernel.target.write(slab.address + page, (0x1230).to_bytes(8, "little"))
    kind = table_of("slab")
    assert kind is not None
    found = list(kind.table(kernel, Query((hex(cache),))).rows)
    notes = [one.text for one in found if isinstance(one, Note)]
    assert len(notes) == 1
    assert notes[0].startswith("slab kmalloc-8k: some objects may be free: the freelist of its")
    assert len(found) > 1
