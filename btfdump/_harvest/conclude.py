"""From observations to conclusions: what all of the source agrees on, and where it does not.

Nothing is decided by majority. A head is settled if one way to name its elements is common to all
observations of it; otherwise the candidates are a conflict, with their sources. What a head holds
must fit the BTF: the element's struct has the link, and the link has the type that the head needs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from btfdump._btf import types
from btfdump._decode.paths import split_path
from btfdump._harvest.containers import LINK_OF, LINK_TYPES
from btfdump._harvest.observe import AdderSeen, LengthSeen, LinkSeen, Observation, Seen, Spliced
from btfdump._harvest.resolve import SeenMember, strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._harvest.outside import Outside
    from btfdump._harvest.program import Program
    from btfdump._harvest.resolve import ExpressionResolver, Spot


@dataclass(frozen=True, slots=True)
class ConcludedHead:
    """`spot` holds `element` (struct, path of the link); `see` is the source that shows it best."""

    spot: Spot
    element: Spot
    see: str
    count: int


class ConcludedLink(NamedTuple):
    """`spot` is a link."""

    spot: Spot
    see: str


@dataclass(frozen=True, slots=True)
class ConcludedTable:
    """`spot` points to several heads, or to structs with heads; where these are heads, see `entry`.

    `lengths` are expressions for their number, with the sources: more than one if these differ,
    none if nothing tells it.
    """

    spot: Spot
    lengths: tuple[tuple[str, str], ...]
    entry: ConcludedHead | None = None

    @property
    def see(self) -> str:
        """The source that shows it best."""
        return self.entry.see if self.entry is not None else self.lengths[0][1]


@dataclass(frozen=True, slots=True)
class Conflict:
    """`spot` holds different things in different sources, or is a head here and a link there."""

    spot: Spot
    candidates: tuple[tuple[str, str], ...]


_Known = TypeVar("_Known", ConcludedHead, ConcludedLink, ConcludedTable)


@dataclass(slots=True)
class Conclusions:
    """What the source says: heads, links, rings (a link that is its own list's head), doubts.

    `tables` are members that point to a head, or to an array of heads. `unsettled` are what files
    that were not read may have to do with, and why.
    """

    entries: list[ConcludedHead] = field(default_factory=list)
    links: list[ConcludedLink] = field(default_factory=list)
    rings: list[ConcludedHead] = field(default_factory=list)
    tables: list[ConcludedTable] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    unsettled: list[tuple[ConcludedHead | ConcludedLink | ConcludedTable, str]] = field(
        default_factory=list
    )


class Concluder:
    """Collects observations; `conclude()` weighs them."""

    def __init__(self, resolver: ExpressionResolver, program: Program) -> None:
        self._resolver = resolver
        self._program = program
        self._seen: dict[Spot, list[Observation]] = {}
        self._pointers: dict[Spot, list[Observation]] = {}
        self._links: dict[Spot, list[LinkSeen]] = {}
        self._spliced: list[Spliced] = []
        self._open: dict[Spot, AdderSeen] = {}
        self._lengths: dict[Spot, dict[str, str]] = {}

    def add(self, items: Iterable[Seen]) -> None:
        """Take in what one function says."""
        for item in items:
            if isinstance(item, Spliced):
                self._spliced.append(item)
            elif isinstance(item, AdderSeen):
                self._open.update((spot, item) for spot in item.head.spots)
            elif isinstance(item, LengthSeen):
                struct, file = item.spot[0], item.see.partition(": ")[0]
                if not struct or self._program.means_the_same(file, struct):
                    self._lengths.setdefault(item.spot, {}).setdefault(item.text, item.see)
            elif isinstance(item, LinkSeen):
                is_link = self._type_at(item.link.spots[0]) in LINK_TYPES
                if is_link and self._is_meant(item.link, item.see):
                    self._links.setdefault(item.link.spots[0], []).append(item)
            elif self._fits(item):
                group = self._pointers if item.head.is_pointer else self._seen
                group.setdefault(item.head.spots[0], []).append(item)

    def conclude(self, outside: Outside) -> Conclusions:
        """Weigh everything; what concerns files `outside` of what was read is not settled."""
        found = Conclusions()
        for spot, observations in sorted(self._seen.items()):
            kept = [o for o in observations if not (o.head.is_step and spot in self._links)]
            if kept:
                self._weigh(spot, kept, found)
        self._splice(found)
        for spot in sorted({*self._pointers, *self._lengths}):
            table = self._table(spot)
            if table is not None:
                found.tables.append(table)
        linked = {e.element for e in found.entries if self._is_only_added_to(e.element)}
        found.rings = [ring for ring in found.rings if ring.spot not in linked]
        heads = {e.spot for e in found.entries} | {e.spot for e in found.rings}
        heads |= {c.spot for c in found.conflicts} | (set(self._seen) - linked)
        for spot, seen in sorted(self._links.items()):
            is_head = spot in heads and not self._only_steps(spot)
            if not is_head and self._type_at(spot) == "list_head":
                found.links.append(ConcludedLink(spot, seen[0].see))
        found.entries.sort(key=lambda e: e.spot)
        if outside:
            found.entries = self._settled(found.entries, outside, found)
            found.links = self._settled(found.links, outside, found)
            found.rings = self._settled(found.rings, outside, found)
            found.tables = self._settled(found.tables, outside, found)
        return found

    def _settled(self, kept: list[_Known], outside: Outside, found: Conclusions) -> list[_Known]:
        doubts = [(known, self._doubt(known.spot, outside)) for known in kept]
        found.unsettled += [(known, doubt) for known, doubt in doubts if doubt]
        return [known for known, doubt in doubts if not doubt]

    def _doubt(self, spot: Spot, outside: Outside) -> str:
        """Say what files outside may have to do with a head."""
        struct, path = spot
        if not struct:
            doubt = outside.of_global(path)
        else:
            doubts = map(outside.of_struct, self._structs_along(spot))
            doubt = next(filter(None, doubts), "")
        through = self._open.get(spot)
        if not doubt and through is not None:
            doubt = outside.of_function(through.file, through.function)
        return doubt

    def _table(self, spot: Spot) -> ConcludedTable | None:
        observations = self._pointers.get(spot, [])
        lengths = tuple(sorted(self._lengths.get(spot, {}).items()))
        element = common_element(observations)
        if element is not None:
            return ConcludedTable(spot, lengths, _entry(spot, element, observations))
        return (
            ConcludedTable(spot, lengths)
            if lengths and self._type_at(spot) not in LINK_OF
            else None
        )

    def _is_only_added_to(self, spot: Spot) -> bool:
        """Whether a link of a known head was taken for one only to add another link beside it."""
        seen = self._seen.get(spot, ())
        return all(spot in o.elements and (o.head.is_step or not o.is_reading) for o in seen)

    def _only_steps(self, spot: Spot) -> bool:
        return all(o.head.is_step for o in self._seen.get(spot, ()))

    def _weigh(self, spot: Spot, observations: list[Observation], found: Conclusions) -> None:
        others = [o for o in observations if spot not in o.elements]
        if spot in self._links:
            if not others:
                found.rings.append(_entry(spot, spot, observations))
            else:
                as_link = self._links[spot][0]
                found.conflicts.append(
                    Conflict(spot, (*_candidates(observations), ("role:link", as_link.see)))
                )
            return
        if not others:
            return  # only ever the start of a walk from the middle
        element = common_element(others) or common_element(
            [o for o in others if not o.head.is_step]
        )
        if element is not None:
            found.entries.append(_entry(spot, element, others))
            return
        if self._weigh_outside(spot, others, found):
            return
        found.conflicts.append(Conflict(spot, tuple(_candidates(others))))

    def _weigh_outside(
        self, spot: Spot, observations: list[Observation], found: Conclusions
    ) -> bool:
        """Tell the same head in different outer structs apart; False if that does not help."""
        groups: dict[Spot, list[Observation]] = {}
        for observation in observations:
            if len(observation.head.spots) < 2:
                return False
            groups.setdefault(observation.head.spots[1], []).append(observation)
        concluded = []
        for outer, group in groups.items():
            element = common_element(group)
            if element is None:
                return False
            concluded.append(_entry(outer, element, group))
        found.entries += concluded
        return True

    def _splice(self, found: Conclusions) -> None:
        """Give a head whose elements nobody names those of the head that it is spliced with."""
        known = {entry.spot: entry for entry in found.entries}
        doubtful = {c.spot for c in found.conflicts} | set(self._links)
        for spliced in self._spliced * 2:
            for place, other in ((spliced.one, spliced.other), (spliced.other, spliced.one)):
                spot, known_spot = place.spots[0], other.spots[0]
                if spot in known or spot in doubtful or known_spot not in known:
                    continue
                if place.is_pointer or place.is_step or not self._is_meant(place, spliced.see):
                    continue
                if self._type_at(spot) == self._type_at(known_spot):
                    entry = ConcludedHead(spot, known[known_spot].element, spliced.see, 1)
                    known[spot] = entry
                    found.entries.append(entry)

    # What an observation must satisfy

    def _fits(self, observation: Observation) -> bool:
        if not observation.head.spots or not observation.elements:
            return False
        file = observation.see.partition(": ")[0]
        head = self._type_at(observation.head.spots[0])
        if not self._is_meant(observation.head, observation.see) or head not in LINK_OF:
            return False
        struct, path = observation.elements[-1]
        if not all(self._program.means_the_same(file, s) for s, _ in observation.elements):
            return False
        link = LINK_OF[head]
        return (path == "") if link is None else self._type_at((struct, path)) == link

    def _is_meant(self, place: SeenMember, see: str) -> bool:
        file = see.partition(": ")[0]
        return bool(place.spots) and all(
            self._program.means_the_same(file, struct) for struct, _ in place.spots if struct
        )

    def _type_at(self, spot: Spot) -> str:
        """Name the container or link type at a spot; "" if it has another type or is not there."""
        struct, path = spot
        if not struct:
            type_ = self._program.type_of_global("", path)
            return type_.base.removeprefix("struct ") if type_ is not None else ""
        *_, last = self._types_along(spot)
        return last.name if isinstance(last, types.Composite) else ""

    def _structs_along(self, spot: Spot) -> list[str]:
        """Name the structs that a path to a head leads through, from the outside in."""
        *around, _ = self._types_along(spot)
        return [type_.name for type_ in around if isinstance(type_, types.Composite) and type_.name]

    def _types_along(self, spot: Spot) -> Iterator[types.Type | None]:
        """Yield the type of a spot's struct and of each member on the path; None if it is none."""
        struct, path = spot
        named = self._resolver.btf.find_all(None, struct)
        current: types.Type | None = next(
            (type_ for type_ in named if isinstance(type_, types.Composite)), None
        )
        yield current
        for step in split_path(path):
            found = None
            if isinstance(current, types.Composite):
                found = self._resolver.members(current).get(step.removesuffix("[]"))
            current = strip(found)[0] if found is not None else None
            yield current


def common_element(observations: Sequence[Observation]) -> Spot | None:
    """Return the way to name the elements that all observations allow; None if there is none.

    Of several, the one that loops name is best, then the one with the outermost struct.
    """
    if not observations:
        return None
    common = set(observations[0].elements)
    for observation in observations[1:]:
        common &= set(observation.elements)
    named = Counter(o.elements[0] for o in observations if o.is_reading and o.elements[0] in common)
    if named:
        return named.most_common(1)[0][0]
    return next((e for e in observations[0].elements if e in common), None)


def _entry(spot: Spot, element: Spot, observations: Sequence[Observation]) -> ConcludedHead:
    """Choose the source to show: an insertion in a .c file before a loop, a header last."""
    best = min(
        (o for o in observations if element in o.elements),
        key=lambda o: (o.head.is_step, ".h:" in o.see, o.is_reading),
    )
    return ConcludedHead(spot, element, best.see, len(observations))


def _candidates(observations: Sequence[Observation]) -> list[tuple[str, str]]:
    seen: dict[str, str] = {}
    for observation in observations:
        struct, path = observation.elements[0]
        seen.setdefault(f"{struct}:{path}" if path else struct, observation.see)
    return list(seen.items())
