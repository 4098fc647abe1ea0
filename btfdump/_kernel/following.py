"""Rows: members of many objects of one type, at paths that may pass through pointers.

What the C declarations and annotations say of the way is found out once; a compiled reader
(`decode/compiled/hops.py`) then reads each object on it at once. A path of which only the kernel's
memory can tell where it leads is followed from value to value, as `Value.member_()` does.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from btfdump._decode.compiled.hops import Hop, Leaf, PointerWay, compile_row
from btfdump._decode.compiled.projection import Located
from btfdump._decode.layout import StructLayout
from btfdump._decode.paths import split_path
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._decode.scope import stated_by
from btfdump._kernel.pointers import (
    ELSEWHERE,
    MOVED,
    has_changed,
    space_of,
    struct_behind,
    target_of,
)
from btfdump._targets.memory import unchecked_read
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.compiled.hops import ReadRow
    from btfdump._decode.layout import FoundMember, Layout
    from btfdump._decode.scope import Stated
    from btfdump._kernel.context import Context
    from btfdump._kernel.typed import TypedAddress

Ended = TypeVar("Ended")


class PathEnd(NamedTuple):
    """What a path leads to: its type, what annotations state of it, its width if a bit field."""

    layout: Layout
    facts: MemberFacts | None = None
    bit_size: int = 0


class Trouble(NamedTuple):
    """What could not be read at the path `path`: how often, and the first time where and why."""

    path: str
    times: int
    address: int | None
    reason: str

    def __str__(self) -> str:
        often = f"{self.times} times, the first: " if self.times > 1 else ""
        return f"{self.path}: {often}{self.reason}"


class Troubles:
    """Keeps account of what could not be read, by path: the first of each kind, and how many."""

    def __init__(self) -> None:
        self._met: dict[str, Trouble] = {}

    def add(self, path: str, error: BtfdumpError | str, address: int | None = None) -> None:
        """Count something that could not be read, or is not what it should be."""
        known = self._met.get(path)
        if known is not None:
            self._met[path] = known._replace(times=known.times + 1)
            return
        if isinstance(error, FaultError | CorruptDataError) and address is None:
            address = error.address
        self._met[path] = Trouble(path, 1, address, str(error))

    def taken(self) -> list[Trouble]:
        """Return what was met, and forget it."""
        met, self._met = list(self._met.values()), {}
        return met


class Following:
    """Reads the members `paths` of objects of type `layout`, a tuple for each.

    `name` is what messages call such an object: "task". `stated` is what is said of its members by
    what leads to it. Values are as `Value.value_()` returns them, None behind NULL and for what
    cannot be read; that is counted in `troubles`. Raises `MemberNotFoundError`.
    """

    def __init__(
        self,
        context: Context,
        layout: StructLayout,
        paths: Sequence[str],
        *,
        name: str = "",
        troubles: Troubles | None = None,
        stated: Stated = (),
    ) -> None:
        self.context = context
        self.troubles = troubles if troubles is not None else Troubles()
        self.places: list[PathEnd] = []
        self._name = name
        self._root = Hop(layout)
        self._slow: list[tuple[int, tuple[str, ...]]] = []
        for slot, path in enumerate(paths):
            self._plan(slot, split_path(path), stated)
        self._hops = self._root.all()
        self._size = layout.size

    @cached_property
    def _row(self) -> ReadRow:
        context = self.context
        is_live = context.target.is_live
        return compile_row(context.layouts, self._root, len(self.places), is_live=is_live)

    @property
    def is_plain(self) -> bool:
        """Whether the compiled reader alone reads all, so that an address is enough."""
        return not self._slow

    def of(self, value: TypedAddress) -> tuple[Any, ...]:
        """Return the members of an object."""
        data = value._slice_(0, self._size)
        row = self.at(value.address_, data)
        if not self._slow:
            return row
        cells = list(row)
        for slot, path in self._slow:
            cells[slot] = self._followed(value, path)
        return tuple(cells)

    def at(self, address: int, data: bytes | None = None) -> tuple[Any, ...]:
        """Return the members of an object at a virtual address; see `is_plain`."""
        read, errors = unchecked_read(self.context.target)
        return self._row(address, data, read, errors, self._lost, self._moved)

    def pieces(
        self, found: Generator[list[tuple[Any, ...]], None, Ended]
    ) -> Generator[list[tuple[Any, ...]], None, Ended]:
        """Yield the rows of objects whose addresses come in pieces, lists of (address,).

        Returns what `found` returns; see `is_plain`.
        """
        while True:
            try:
                piece = next(found)
            except StopIteration as end:
                ended: Ended = end.value
                return ended
            yield [self.at(address) for (address,) in piece]

    def check(self) -> None:
        """Raise `FaultError` if anything could not be read, now that all rows have been."""
        troubles = self.troubles.taken()
        if troubles:
            first = troubles[0]
            raise FaultError(first.address or 0, 0, "; ".join(map(str, troubles[:3])))

    # What is done for a path before anything is read

    def _plan(self, slot: int, path: tuple[str, ...], stated: Stated) -> None:
        """Enter a path into the hops, or among those that are followed slowly."""
        hop, inside = self._root, ""
        layout: Layout = hop.layout
        is_slow, facts = False, None
        for at, name in enumerate(path):
            if isinstance(layout, ScalarLayout):
                struct = struct_behind(self.context, layout, facts)
                target = target_of(self.context, layout, facts, is_followed=True)
                stated = stated_by(facts.of_target) if facts is not None else ()
                way = self._way(hop, inside, layout, facts, ".".join(path[:at]))
                if struct is None or target is None:
                    raise MemberNotFoundError(
                        f"{'.'.join(path)}: {layout.type} leads to no struct: no member {name!r}"
                    )
                is_slow |= way is None or self.context.layouts.of(target) is not struct
                hop = way.hop if way is not None else Hop(struct)
                layout, inside = struct, ""
            if not isinstance(layout, StructLayout):
                raise MemberNotFoundError(
                    f"{'.'.join(path)}: {layout.type} is not a struct or union: no member {name!r}"
                )
            found, facts, stated = self.context.member(layout, name, stated)
            is_last = at == len(path) - 1  # where it lies depends on no condition
            is_slow |= facts is not None and bool(facts.typed_by or (facts.cases and not is_last))
            layout = found.layout
            inside = f"{inside}.{name}" if inside else name
        if is_slow or self._may_lack(hop.layout, inside):
            self._slow.append((slot, path))
        else:
            hop.leaves.append(Leaf(slot, Located(self.context.layouts, hop.layout, inside)))
        self.places.append(_place(layout, facts, found))

    def _way(
        self, hop: Hop, inside: str, layout: ScalarLayout, facts: MemberFacts | None, path: str
    ) -> PointerWay | None:
        """Return the way through a pointer, a member of `hop`; None if it needs more care."""
        known = hop.ways.get(inside)
        if known is not None:
            return known
        struct = struct_behind(self.context, layout, facts)
        is_careful = facts is not None and (facts.placed or facts.is_stale or facts.is_string)
        is_pointer = layout.category is Category.POINTER
        if struct is None or is_careful or not is_pointer or space_of(layout, facts) in ELSEWHERE:
            return None
        if self._may_lack(hop.layout, inside):
            return None
        located = Located(self.context.layouts, hop.layout, inside)
        into = facts.points_into if facts is not None else 0
        way = hop.ways[inside] = PointerWay(located, into, Hop(struct, path))
        return way

    def _may_lack(self, struct: StructLayout, inside: str) -> bool:
        bounds = self.context._bounds
        return bounds is not None and bounds.may_lack(struct, inside)

    # What is done where the compiled reader cannot go on

    def _lost(self, number: int, address: int) -> tuple[Any, ...]:
        """Read the members of a hop one by one, those that can be; count it as a trouble."""
        hop = self._hops[number]
        cells: list[Any] = []
        trouble: FaultError | None = None
        for located in hop.located():
            at = self.context.wrap(address + located.offset)
            try:
                data = self.context.target.read(at, located.end - located.offset)
                cells.append(located.read(data, -located.offset))
            except FaultError as error:
                trouble = trouble or error
                cells.append(None)
        if trouble is not None:
            self.troubles.add(self._called(hop.path), trouble)
        return tuple(cells)

    def _moved(self, number: int, chain: tuple[tuple[int, int], ...]) -> bool:
        """Whether a pointer that led to a hop of live memory has changed since it was read."""
        for slot, pointer in chain:
            if has_changed(self.context, slot, pointer):
                self.troubles.add(self._called(self._hops[number].path), MOVED, slot)
                return True
        return False

    def _followed(self, value: TypedAddress, path: tuple[str, ...]) -> Any:
        """Return a member by a path that is followed from value to value; None behind NULL."""
        try:
            for name in path:
                if value.is_pointer_:
                    if not int(value):
                        return None
                    if (stale := _stale(value)) is not None:
                        self.troubles.add(self._called(".".join(path)), stale, int(value))
                        return None
                value = value.member_(name)
            return value.value_()
        except BtfdumpError as error:
            self.troubles.add(self._called(".".join(path)), error)
            return None

    def _called(self, path: str) -> str:
        return f"{self._name}.{path}" if self._name and path else self._name or path or "the object"


def _place(layout: Layout, facts: MemberFacts | None, found: FoundMember) -> PathEnd:
    return PathEnd(layout, None if facts is not None and facts.cases else facts, found.bit_size)


def _stale(pointer: TypedAddress) -> str | None:
    """Return what became of the target of a pointer that may outlive it; None if it is there."""
    if pointer.facts_ is None or not pointer.facts_.is_stale:
        return None
    target = pointer.deref_()
    return target._context_._fate_of(target) or None
