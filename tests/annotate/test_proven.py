"""The library against real memory: what lies in the containers of a dump is what it says.

Objects are reached from the tasks and the globals of the library, through pointers that lead to the
start of a slab object of the right size. Of each container that the library types, every entry is
looked up in the slab allocator: an entry of a wrong type, or linked by a wrong member, begins
before its object, or ends behind it, or is in an object of another size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.members import head_type
from btfdump._annotate.overlay import library
from btfdump._btf import types
from btfdump._kernel.slab import SlabFinder
from btfdump._kernel.value import Value
from btfdump._walk import Anomaly
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import Expansion
    from btfdump._api.kernel import Kernel
    from btfdump._kernel.services import SlabObject

MAX_OBJECTS = 20_000
MAX_ENTRIES = 300
# What contradicts the library here, and why it is no fault of the library.
EXCUSED = {
    "task_struct.tasks": "of threads, which are not on the list, a copy of their leader's link",
    "slab_caches": "the cache of caches cuts struct kmem_cache to the nodes and CPUs there are",
}


@dataclass
class Evidence:
    """Entries that fit their slab objects, and those that do not; broken lists."""

    fitting: int = 0
    misfits: int = 0
    broken: int = 0
    example: str = ""


@dataclass(frozen=True)
class Container:
    """A container member the library types: where it is in the struct around it."""

    name: str
    offset: int
    type: types.Type
    expansion: Expansion


class Survey:
    """One walk through a dump."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.slabs = SlabFinder(kernel)
        self.annotations = annotations_for(kernel.btf, (), library())
        self.found: dict[str, Evidence] = {}
        self.seen: set[tuple[int, str]] = set()
        self.queue: deque[tuple[types.Composite, int]] = deque()

    def run(self) -> dict[str, Evidence]:
        task = self.kernel.btf.find("struct", "task_struct")
        assert isinstance(task, types.Composite)
        for value in self.kernel.tasks():
            self.reach(task, value.address_)
        for name in library().globals():
            self.start(name)
        while self.queue:
            struct, address = self.queue.popleft()
            try:
                data = self.kernel.target.read(address, struct.size)
            except BtfdumpError:
                continue
            pointers, containers = self.plan(struct)
            for offset, target in pointers:
                raw = data[offset : offset + self.kernel.layouts.pointer_size]
                pointer = int.from_bytes(raw, self.kernel.target.platform.byteorder)
                where = self.slabs.find(pointer) if pointer else None
                if where is not None and where.start == pointer and is_sized(where, target):
                    self.reach(target, pointer)
            for container in containers:
                head = Value(self.kernel, container.type, address + container.offset)
                self.examine(container.name, head, container.expansion)
        return self.found

    def reach(self, struct: types.Composite, address: int) -> None:
        if (address, struct.name) not in self.seen and len(self.seen) < MAX_OBJECTS:
            self.seen.add((address, struct.name))
            self.queue.append((struct, address))

    def start(self, name: str) -> None:
        try:
            value = self.kernel[name]
        except (BtfdumpError, LookupError):
            return  # not in this kernel
        base = value.type_.btf.skip_modifiers(value.type_)
        if not isinstance(base, types.Composite):
            return
        if value.facts_ is not None and value.facts_.expansion is not None:
            self.examine(name, value, value.facts_.expansion)
        elif head_type(base) is None and base.name:
            self.reach(base, value.address_)

    @cache  # noqa: B019
    def plan(
        self, struct: types.Composite
    ) -> tuple[list[tuple[int, types.Composite]], list[Container]]:
        """Pointers to follow, and containers to look into; what is in unions is left alone."""
        pointers: list[tuple[int, types.Composite]] = []
        containers: list[Container] = []
        for owner, path, index, inner, type_, offset in members(struct):
            base = type_.btf.skip_modifiers(type_)
            if isinstance(base, types.Ptr):
                target = base.btf.skip_modifiers(base.type_id)
                if isinstance(target, types.Composite) and target.name and target.size:
                    pointers.append((offset, target))
            if head_type(type_) is None:
                continue
            facts = self.annotations.of_struct(owner)
            known = facts.paths.get(path) or (facts.members.get(index) if inner is owner else None)
            if known is None or known.expansion is None or known.cases:
                continue
            length = 1
            while isinstance(base, types.Array):
                length *= base.length
                base = base.btf.skip_modifiers(base.type_id)
            assert isinstance(base, types.Composite), "head_type() has found none"
            for i in range(min(length, 256)):
                e = known.expansion
                e = replace(e, link_offset=e.link_offset + i * e.link_stride, link_stride=0)
                containers.append(
                    Container(f"{owner.name}.{path}", offset + i * base.size, base, e)
                )
        return pointers, containers

    def examine(self, name: str, head: Value, expansion: Expansion) -> None:
        evidence = self.found.setdefault(name, Evidence())
        for number, entry in enumerate(head.entries_(expansion)):
            if isinstance(entry, Anomaly) and "never initialised" not in entry.message:
                evidence.broken += 1
                evidence.example = f"{head.address_:#x}: {entry.message}"
            if not isinstance(entry, Value):
                continue
            where = self.slabs.find(entry.address_)
            if where is not None:
                size, start = expansion.element.size, entry.address_ - where.start
                if start == 0 and is_sized(where, expansion.element):
                    evidence.fitting += 1
                elif start < 0 or start + size > where.cache.object_size:
                    evidence.misfits += 1
                    evidence.example = f"{entry.address_:#x} is at {start:#x} of {where.cache.name}"
                    continue
                self.reach(expansion.element, entry.address_)
            if number >= MAX_ENTRIES:
                break


def is_sized(where: SlabObject, struct: types.Composite) -> bool:
    """Whether a slab object has the size that one allocated for the struct would have."""
    size, there = struct.size, where.cache.object_size
    if struct.name == where.cache.name == "task_struct":
        return True  # ends with as much FPU state as the CPU has
    return size <= there <= (size + size // 4 + 63 if where.cache.is_exact else 2 * size + 8)


def members(
    struct: types.Composite,
) -> Iterator[tuple[types.Composite, str, int, types.Composite, types.Type, int]]:
    """Yield (struct with a name, path in it, index, struct, type, offset) of all members."""
    pending = [(struct, "", struct, 0, 0)]
    while pending:
        owner, prefix, inner, offset, depth = pending.pop()
        if isinstance(inner, types.Union):
            continue
        for index, member in enumerate(inner.members):
            type_ = inner.btf.type(member.type_id)
            path = prefix + member.name
            yield owner, path, index, inner, type_, offset + member.offset
            base = inner.btf.skip_modifiers(type_)
            if not isinstance(base, types.Composite) or head_type(type_) or depth > 6:
                continue
            at = offset + member.offset
            if base.name:
                pending.append((base, "", base, at, depth + 1))
            else:
                pending.append((owner, f"{path}." if member.name else prefix, base, at, depth + 1))


@pytest.fixture(scope="module")
def evidence(opened) -> dict[str, dict[str, Evidence]]:
    return {name: Survey(opened(name)).run() for name in ("tagged", "stock", "s390x")}


def proven_lines() -> set[str]:
    lines = {
        f"{struct}.{member}"
        for struct in library().structs()
        for member in library().members(struct)
        if library().is_proven(struct, member)
    }
    return lines | {name for name in library().globals() if library().is_proven("", name)}


def test_nothing_in_the_dumps_contradicts_the_library(evidence):
    for name, found in evidence.items():
        wrong = {
            line: known.example
            for line, known in found.items()
            if (known.misfits or known.broken) and line not in EXCUSED
        }
        assert wrong == {}, name
        assert sum(known.fitting > 0 for known in found.values()) > 60, name


def test_lines_that_are_said_to_be_proven_are(evidence):
    marked = proven_lines()
    assert len(marked) > 90
    for line in marked:
        assert any(
            line in found and found[line].fitting and not found[line].misfits
            for found in evidence.values()
        ), line
