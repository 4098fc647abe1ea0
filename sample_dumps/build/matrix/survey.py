"""Every typed container of a dump, followed from all globals and tasks, against the slab allocator.

Objects are reached from the tasks, the globals of the library and the per-CPU variables of the BTF,
through pointers that lead to the start of a slab object of the right size. Of each container that
is typed, every entry is looked up in the slab allocator: an entry of a wrong type, or linked by a
wrong member, begins before its object, or ends behind it, or is in an object of another size.

Whoever runs the survey says where slab objects are: btfdump itself, or drgn, which knows by the
kernel's DWARF (places.py).
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.members import head_type
from btfdump._annotate.overlay import library
from btfdump._btf import Kind, types
from btfdump._decode.layout import StructLayout
from btfdump._kernel.containers import member_at
from btfdump._kernel.value import Value
from btfdump._roots.selecting import select
from btfdump._walk import Anomaly
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._annotate.facts import MemberFacts
    from btfdump._api.kernel import Kernel
    from btfdump._walk import ValueEntry

    from .places import FindPlace, Place

# Of each type: the ten thousandth dentry shows nothing that the thousandth did not, and keeps what
# is further away from being reached.
MAX_OF_TYPE = 1_000
MAX_OBJECTS = 50_000
MAX_ENTRIES = 300
MAX_HEADS = 256
MAX_DEPTH = 6
# What a walker says of a head that is all zero: such an object was never used.
NEVER_INITIALISED = "never initialised"
# Pointers that the kernel compares and does not follow: what they led to may be gone.
STALE = {("task_struct", "last_wakee")}  # kernel/sched/fair.c: record_wakee()


@dataclass
class Evidence:
    """Of one line: containers and their entries, and how these lie in the slab allocator.

    An entry is `fitting` if it is a slab object of the right size, `inside` if it is a part of one,
    `elsewhere` if it is in none, and else a misfit. `broken` containers have damage.
    """

    heads: int = 0
    entries: int = 0
    fitting: int = 0
    inside: int = 0
    elsewhere: int = 0
    misfits: int = 0
    broken: int = 0
    misfit: str = ""
    """The last of the misfits."""
    damage: str = ""
    """The last damage."""


@dataclass(frozen=True)
class Container:
    """A typed container member: where it is in the struct around it.

    One that only its path leads to, through a condition or a pointer, has `owner` and `path`.
    """

    name: str
    offset: int
    type: types.Type
    facts: MemberFacts
    owner: types.Composite | None = None
    path: str = ""


class Plan(NamedTuple):
    """What of a struct is followed: (offset, pointee) of pointers, and containers."""

    pointers: list[tuple[int, types.Composite]]
    containers: list[Container]


class Survey:
    """One walk through a dump: `run()` returns the evidence by line, `struct.member` or global."""

    def __init__(self, kernel: Kernel, find: FindPlace) -> None:
        self.kernel = kernel
        self.find = find
        self.found: dict[str, Evidence] = {}
        self._seen: set[tuple[int, str]] = set()
        self._of_type: Counter[str] = Counter()
        self._queue: deque[tuple[types.Composite, int]] = deque()
        self._plans: dict[types.Composite, Plan] = {}
        self._places: dict[int, Place | None] = {}

    @property
    def objects(self) -> int:
        """The number of objects reached."""
        return len(self._seen)

    @property
    def is_whole(self) -> bool:
        """Whether all that could be reached was looked at."""
        return len(self._seen) < MAX_OBJECTS

    def run(self) -> dict[str, Evidence]:
        """Follow everything, and return what was found."""
        self._examine("tasks", self.kernel.tasks())
        for name in self._globals():
            self._start(name)
        while self._queue:
            self._look_into(*self._queue.popleft())
        return self.found

    def _globals(self) -> Iterator[str]:
        yield from library().globals()
        for type_ in self.kernel.btf.iter_types(Kind.VAR):
            yield type_.name

    def _start(self, name: str) -> None:
        try:
            for selected in select(self.kernel, name):
                value = selected.value
                facts = value.facts_
                base = value.type_.btf.skip_modifiers(value.type_)
                if facts is not None and facts.is_container:
                    self._examine(name, value.entries_())
                elif isinstance(base, types.Composite) and head_type(base) is None and base.name:
                    self._reach(base, value.address_)
        except (BtfdumpError, LookupError):
            return  # not in this kernel

    def _look_into(self, struct: types.Composite, address: int) -> None:
        try:
            data = self.kernel.target.read(address, struct.size)
        except BtfdumpError:
            return
        platform = self.kernel.target.platform
        plan = self._plans.get(struct)
        if plan is None:
            plan = self._plans[struct] = _plan(self.kernel, struct)
        for offset, target in plan.pointers:
            raw = data[offset : offset + platform.pointer_size]
            pointer = int.from_bytes(raw, platform.byteorder)
            where = self._place(pointer) if pointer else None
            if where is not None and where.start == pointer and is_sized(where, target):
                self._reach(target, pointer)
        for container in plan.containers:
            self._examine(container.name, self._entries(container, address))

    def _entries(
        self, container: Container, address: int
    ) -> Iterator[Value | ValueEntry | Anomaly]:
        at = address + container.offset
        if container.owner is None:
            head = Value(self.kernel, container.type, at, facts=container.facts)
            yield from head.entries_(container.facts.expansion)
            return
        found = member_at(Value(self.kernel, container.owner, at), container.path)
        if isinstance(found, Value) and found.facts_ is not None and found.facts_.is_container:
            yield from found.entries_()

    def _place(self, address: int) -> Place | None:
        if address not in self._places:
            self._places[address] = self.find(address)
        return self._places[address]

    def _reach(self, struct: types.Composite, address: int) -> None:
        key = address, struct.name
        if key in self._seen or len(self._seen) >= MAX_OBJECTS:
            return
        if self._of_type[struct.name] < MAX_OF_TYPE:
            self._of_type[struct.name] += 1
            self._seen.add(key)
            self._queue.append((struct, address))

    def _examine(self, name: str, entries: Iterable[Value | ValueEntry | Anomaly]) -> None:
        evidence = self.found.setdefault(name, Evidence())
        evidence.heads += 1
        try:
            for number, entry in enumerate(entries):
                if isinstance(entry, Anomaly) and NEVER_INITIALISED not in entry.message:
                    evidence.broken += 1
                    evidence.damage = f"{entry.address or 0:#x}: {entry.message}"
                if isinstance(entry, Value):
                    self._judge(evidence, entry)
                if number >= MAX_ENTRIES:
                    break
        except BtfdumpError as error:
            evidence.broken += 1
            evidence.damage = str(error)

    def _judge(self, evidence: Evidence, entry: Value) -> None:
        element = entry.type_.btf.skip_modifiers(entry.type_)
        if not isinstance(element, types.Composite):
            return
        evidence.entries += 1
        where = self._place(entry.address_)
        if where is None:
            evidence.elsewhere += 1
            self._reach(element, entry.address_)
            return
        inside = entry.address_ - where.start
        if inside == 0 and is_sized(where, element):
            evidence.fitting += 1
        elif inside < 0 or inside + element.size > where.size:
            evidence.misfits += 1
            evidence.misfit = (
                f"{element} of {element.size} bytes is at {inside:#x} of an object"
                f" of {where.size} bytes of {where.cache}"
            )
            return
        else:
            evidence.inside += 1
        self._reach(element, entry.address_)


def is_sized(where: Place, struct: types.Composite) -> bool:
    """Whether a slab object has the size that one allocated for the struct would have."""
    size, there = struct.size, where.size
    if struct.name == where.cache:
        # Some caches have shorter objects: a task_struct ends with as much FPU state as the CPU
        # has, a kmem_cache with as many pointers as there are memory nodes.
        return True
    return size <= there <= (size + size // 4 + 63 if where.is_exact else 2 * size + 8)


class Member(NamedTuple):
    """A member at any level of a struct: of which named struct it is, by which path."""

    owner: types.Composite
    owner_offset: int
    path: str
    facts: MemberFacts | None
    type: types.Type
    offset: int


def _plan(kernel: Kernel, struct: types.Composite) -> Plan:
    """Pointers to follow, and containers to look into."""
    plan = Plan([], [])
    for member in _members(kernel, struct):
        base = member.type.btf.skip_modifiers(member.type)
        if isinstance(base, types.Ptr):
            target = base.btf.skip_modifiers(base.type_id)
            is_followed = (member.owner.name, member.path) not in STALE
            if isinstance(target, types.Composite) and target.name and target.size and is_followed:
                plan.pointers.append((member.offset, target))
        facts = member.facts
        if facts is None or not (facts.is_container or facts.cases):
            continue
        name = f"{member.owner.name}.{member.path}"
        if facts.cases or facts.expansion is None or head_type(member.type) is None:
            at = member.owner_offset
            container = Container(name, at, member.type, facts, member.owner, member.path)
            plan.containers.append(container)
            continue
        length = 1
        while isinstance(base, types.Array):
            length *= base.length
            base = base.btf.skip_modifiers(base.type_id)
        e = facts.expansion
        for i in range(min(length, MAX_HEADS)):
            of_one = replace(e, link_offset=e.link_offset + i * e.link_stride, link_stride=0)
            at = member.offset + i * base.size  # type: ignore[attr-defined] # a head is a struct
            plan.containers.append(Container(name, at, base, replace(facts, expansion=of_one)))
    return plan


def _members(kernel: Kernel, struct: types.Composite) -> Iterator[Member]:
    """Yield the members of a struct and of structs inside it; what is in unions is left alone."""
    pending = [(struct, 0, "", struct, 0, 0)]
    while pending:
        owner, start, prefix, inner, offset, depth = pending.pop()
        if isinstance(inner, types.Union):
            continue
        layout = kernel.layouts.of(owner)
        stated = kernel.facts(layout) if isinstance(layout, StructLayout) else None
        for index, member in enumerate(inner.members):
            type_ = inner.btf.type(member.type_id)
            path, at = prefix + member.name, offset + member.offset
            facts = None
            if stated is not None:
                own = stated.members.get(index) if inner is owner else None
                facts = stated.paths.get(path) or own
            yield Member(owner, start, path, facts, type_, at)
            base = inner.btf.skip_modifiers(type_)
            if not isinstance(base, types.Composite) or head_type(type_) or depth > MAX_DEPTH:
                continue
            if base.name:
                pending.append((base, at, "", base, at, depth + 1))
            else:
                within = f"{path}." if member.name else prefix
                pending.append((owner, start, within, base, at, depth + 1))
