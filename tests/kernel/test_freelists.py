"""Free slab objects: on every slab of real kernels, and on freelists with damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.freelists import Freelists
from btfdump._targets.base import LayeredTarget
from btfdump.errors import CorruptDataError, FaultError
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.services import ObjectState
    from btfdump._kernel.slab import Slab

KERNELS = ("tagged", "stock", "stock-7.3", "s390x")
PAGES = 40_000
"""More than a guest has."""


@pytest.fixture(params=KERNELS)
def kernel(opened, request: pytest.FixtureRequest) -> Kernel:
    return opened(request.param)


def state_of(lists: Freelists, address: int) -> ObjectState:
    """Return the state of the object at an address that is in a slab."""
    state = lists.state(address)
    assert state is not None
    return state


def slabs_of(kernel: Kernel) -> Iterator[Slab]:
    """Yield every slab of a small guest."""
    direct, seen = kernel._slabs.direct, set()
    assert direct is not None
    for number in range(PAGES):
        slab = kernel._slabs.slab(direct.base + (number << 12))
        if slab is not None and slab.address not in seen:
            seen.add(slab.address)
            yield slab


def objects_of(slab: Slab) -> range:
    """Return the addresses of all objects of a slab."""
    return range(slab.start, slab.start + slab.objects * slab.cache.size, slab.cache.size)


def with_free_objects(kernel: Kernel, name: str, least: int = 3) -> tuple[Slab, list[int]]:
    """Return a slab of a cache with free objects on its own freelist, in their order."""
    for slab in slabs_of(kernel):
        if slab.cache.name == name:
            free = kernel._freelists.free(slab)
            own = [at for at, where in free.items() if where == "on the freelist of its slab"]
            if len(own) >= least:
                return slab, own
    raise AssertionError(f"no slab of {name} has {least} free objects")


def test_live_tasks_are_not_free(kernel):
    states = [state_of(kernel._freelists, task.address_) for task in kernel.tasks()]
    assert {state.is_free for state in states} == {False}
    assert {state.found.cache.name for state in states} == {"task_struct"}
    assert kernel.is_free(kernel.task(1).address_ + 100) is False


def test_what_containers_hold_is_not_free(kernel):
    for sb in kernel["super_blocks"].walk_():
        assert kernel.is_free(sb.address_) is False
        assert all(kernel.is_free(inode.address_) is False for inode in sb.s_inodes.walk_())
    for task in kernel.tasks():
        if task.files:
            files = task.files.fdt.fd.walk_()
            assert all(kernel.is_free(file.address_) is False for file in files)


def test_every_slab_counts_what_its_freelist_has(kernel):
    """Of thousands of slabs none disagrees: `free()` raises where one does."""
    slabs = free = 0
    caches = set()
    for slab in slabs_of(kernel):
        found = kernel._freelists.free(slab)
        assert all(slab.number(at) is not None for at in found)
        slabs, free = slabs + 1, free + len(found)
        caches.add(slab.cache.address)
    assert slabs > 1000
    assert free > 5000
    assert len(caches) > 80


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("stock", {"on the freelist of its slab", "on the freelist of CPU 0"}),
        ("stock-7.3", {"on the freelist of its slab", "in the sheaf main of CPU 0"}),
    ],
)
def test_where_objects_are_listed(opened, name, places):
    kernel = opened(name)
    found = {where for slab in slabs_of(kernel) for where in kernel._freelists.free(slab).values()}
    assert places < found
    in_barns = any(where == "in a full sheaf of node 0" for where in found)
    assert in_barns == (name == "stock-7.3")


def test_where_there_is_no_slab_object(kernel):
    for address in (0, 8, kernel.symbol("init_task"), kernel.task(1).stack.value_()):
        assert kernel._freelists.state(address) is None
        assert kernel.is_free(address) is None


@pytest.fixture
def damaged(opened) -> PatchedKernel:
    return PatchedKernel(opened("stock"))


def relink(kernel: PatchedKernel, address: int, target: int) -> None:
    """Let a free object lead to another address, disguised as the kernel does it."""
    found = kernel._slabs.find(address)
    assert found is not None
    cache = kernel.value("struct kmem_cache", found.cache.address)
    place = address + int(cache.offset)
    swapped = int.from_bytes(place.to_bytes(8, "little"), "big")
    stored = target ^ int(cache.random) ^ swapped
    kernel.target.write(place, stored.to_bytes(8, "little"))


@pytest.mark.parametrize(("to", "reason"), [(0, "leads back to"), (1, "no object of it")])
def test_a_freelist_that_breaks_off(damaged, to, reason):
    """What comes before the break is free, a live object may be: that is not known."""
    slab, own = with_free_objects(damaged, "dentry")
    live = next(at for at in objects_of(slab) if damaged.is_free(at) is False)
    relink(damaged, own[1], own[to] + to)
    lists = Freelists(damaged._slabs)
    assert [state_of(lists, at).is_free for at in own[:3]] == [True, True, None]
    state = state_of(lists, live)
    assert state.is_free is None
    assert reason in state.reason
    with pytest.raises(CorruptDataError, match=reason):
        lists.free(slab)


def test_a_freelist_that_ends_too_soon(damaged):
    _, own = with_free_objects(damaged, "dentry")
    relink(damaged, own[0], 0)
    state = state_of(Freelists(damaged._slabs), own[2])
    assert state.is_free is None
    assert f"counts {len(own)} free objects, 1 are on its freelist" in state.reason


class Missing(LayeredTarget):
    """A target of which some memory was left out."""

    def __init__(self, target, address: int, size: int) -> None:
        super().__init__(target)
        self.start, self.end = address, address + size

    def read(self, address: int, size: int) -> bytes:
        if address < self.end and address + size > self.start:
            raise FaultError(max(address, self.start), size, "left out")
        return super().read(address, size)


def test_memory_that_was_left_out(opened, monkeypatch):
    kernel = opened("stock")
    slab, own = with_free_objects(kernel, "dentry")
    place = own[1] + int(kernel.value("struct kmem_cache", slab.cache.address).offset)
    monkeypatch.setattr(kernel, "target", Missing(kernel.target, place, 8))
    lists = Freelists(kernel._slabs)
    assert [state_of(lists, at).is_free for at in own[:3]] == [True, True, None]
    assert "left out" in state_of(lists, own[2]).reason


@pytest.mark.parametrize(
    ("name", "member"), [("stock", "cpu_slab"), ("s390x", "cpu_slab"), ("stock-7.3", "cpu_sheaves")]
)
def test_what_cpus_have_was_left_out(opened, monkeypatch, name, member):
    """Then it is not known of any object that is not on the freelist of its slab."""
    kernel = opened(name)
    task = kernel.task(1).address_
    found = kernel._slabs.find(task)
    assert found is not None
    slab, own = with_free_objects(kernel, "dentry")
    for cache in (found.cache, slab.cache):
        per_cpu = int(kernel.value("struct kmem_cache", cache.address).member_(member))
        place = kernel.wrap(per_cpu + kernel.target.per_cpu_offsets[0])
        monkeypatch.setattr(kernel, "target", Missing(kernel.target, place, 8))
    lists = Freelists(kernel._slabs)
    state = state_of(lists, task)
    assert state.is_free is None
    assert "what CPUs have of cache task_struct cannot be read" in state.reason
    assert state_of(lists, own[0]).is_free is True


@pytest.fixture
def sheaves(opened) -> PatchedKernel:
    return PatchedKernel(opened("stock-7.3"))


def first_sheaf(kernel: Kernel, name: str) -> tuple[int, int]:
    """Return (address of a sheaf with objects, its first object) of a cache."""
    for slab in slabs_of(kernel):
        if slab.cache.name == name:
            cache = kernel.value("struct kmem_cache", slab.cache.address)
            for cpu in range(2):
                base = kernel.wrap(int(cache.cpu_sheaves) + kernel.target.per_cpu_offsets[cpu])
                main = kernel.value("struct slub_percpu_sheaves", base).main
                if int(main.size):
                    place = int(main) + kernel.struct("slab_sheaf").offset("objects")
                    return int(main), int(kernel.value("void *", place))
    raise AssertionError(f"no sheaf of {name}")


def test_an_object_in_a_sheaf(sheaves):
    sheaf, first = first_sheaf(sheaves, "dentry")
    assert sheaves.is_free(first) is True
    value = sheaves.value("struct slab_sheaf", sheaf)
    task = sheaves.task(1).address_
    place = sheaf + sheaves.struct("slab_sheaf").offset("objects")
    sheaves.target.write(place, task.to_bytes(8, "little"))
    assert int(value.size) > 0
    assert state_of(Freelists(sheaves._slabs), first).is_free is False


@pytest.mark.parametrize(
    ("member", "number", "reason"),
    [("size", 1 << 20, "1048576 objects"), ("cache", 0x1000, "of the cache at 0x1000")],
)
def test_a_sheaf_that_is_none(sheaves, member, number, reason):
    sheaf, first = first_sheaf(sheaves, "dentry")
    field = sheaves.value("struct slab_sheaf", sheaf).member_(member)
    sheaves.target.write(field.address_, number.to_bytes(field.size_, "little"))
    state = state_of(Freelists(sheaves._slabs), first)
    assert state.is_free is None
    assert reason in state.reason


def test_a_barn_whose_list_leads_back(sheaves):
    for slab in slabs_of(sheaves):
        lists = Freelists(sheaves._slabs)
        in_barn = [at for at, where in lists.free(slab).items() if "node 0" in where]
        if not in_barn:
            continue
        nodes = sheaves.struct("kmem_cache").offset("per_node")
        ((_, barn),) = lists._barns(slab.cache, nodes)
        (first, *_) = lists._in_barn(barn)
        link = first + sheaves.struct("slab_sheaf").offset("barn_list")
        sheaves.target.write(link, link.to_bytes(8, "little"))
        free = lists.free(slab)
        live = next(at for at in objects_of(slab) if at not in free)
        state = state_of(Freelists(sheaves._slabs), live)
        assert state.is_free is None
        assert "breaks off" in state.reason
        return
    raise AssertionError("no barn has a full sheaf")


def test_a_number_of_nodes_that_makes_no_sense(sheaves):
    sheaves.target.write(sheaves.symbol("nr_node_ids"), b"\xff\xff\xff\xff")
    state = state_of(Freelists(sheaves._slabs), sheaves.task(1).address_)
    assert state.is_free is None
    assert "nr_node_ids is 4294967295, expected 1 to 1024" in state.reason


def test_links_that_are_not_in_the_object(damaged):
    found = damaged._slabs.find(damaged.task(1).address_)
    assert found is not None
    offset = damaged.value("struct kmem_cache", found.cache.address).offset
    damaged.target.write(offset.address_, (1 << 20).to_bytes(4, "little"))
    state = state_of(Freelists(damaged._slabs), found.start)
    assert state.is_free is None
    assert "links of freelists are 1048576 bytes into objects of" in state.reason


def test_nothing_is_remembered_of_a_running_kernel(opened, monkeypatch):
    kernel = opened("stock")
    task = kernel.task(1).address_
    lists = Freelists(kernel._slabs)
    assert state_of(lists, task).is_free is False
    assert lists._known
    assert lists._caches
    monkeypatch.setattr(type(kernel.target), "is_live", True)
    lists = Freelists(kernel._slabs)
    assert state_of(lists, task).is_free is False
    assert not lists._known
    assert not lists._caches


def test_no_more_is_remembered_than_a_bound(opened, monkeypatch):
    monkeypatch.setattr("btfdump._kernel.freelists.MAX_KNOWN", 2)
    kernel = opened("stock")
    lists = Freelists(kernel._slabs)
    for task in kernel.tasks():
        assert state_of(lists, task.address_).is_free is False
        assert lists.state(int(task.mm)) is not None or not task.mm
    assert len(lists._known) <= 2
    assert len(lists._caches) <= 2
