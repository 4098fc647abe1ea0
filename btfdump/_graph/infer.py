"""Element types of containers that nothing describes, inferred from evidence in memory.

Every entry must be in one slab cache, with its link at the same offset in each slab object. The
candidates are the structs of that size in the BTF that have a link of the right type there. One is
chosen if it is the only candidate, the only one with the cache's name, or the only one that points
back to the object that holds the container. A shared cache (kmalloc, merged ones) gives only a
rough size: then only pointers back count. What evidence does not settle stays unknown; candidates
are named if they are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.facts import Expansion
from btfdump._btf import types
from btfdump._kernel.evidence import points_back
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly, Entry, Head, walker_of
from btfdump.errors import BtfdumpError, BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.services import Cache, Slabs
    from btfdump._kernel.value import Value
    from btfdump._walk import Item

    _Candidate: TypeAlias = tuple[types.Composite, str]

MAX_NODES = 1000
"""The most nodes of a container that are looked at; for a longer one nothing is inferred."""
MAX_LIST = 100
"""The same for a list_head: most list_heads without annotations are links of long lists."""
_MAX_NAMED = 4
_MAX_NESTING = 8


@dataclass(frozen=True, slots=True)
class Guess:
    """What a head revealed: how many nodes there are, and what they may be part of."""

    nodes: int
    is_all: bool
    expansion: Expansion | None = None
    candidates: tuple[str, ...] = ()

    def __str__(self) -> str:
        number = f"{self.nodes}{'' if self.is_all else '+'} node{'' if self.nodes == 1 else 's'}"
        maybe = f", may be {' or '.join(self.candidates)}" if self.candidates else ""
        return f"{number}, element type unknown{maybe}"


class Inference:
    """Infers element types in one kernel; if inference is disabled it only counts nodes."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.slabs = context._slabs if context.infers else None
        self._fitting: dict[tuple[Cache, int, str | None], list[_Candidate]] = {}

    def look_into(self, head: Value) -> Guess | None:
        """Count the nodes of a container of unknown type and infer the type of its entries.

        Returns None if the container is empty.
        """
        context = self.context
        name = head.type_.btf.skip_modifiers(head.type_).name
        walker = walker_of(name)
        assert walker is not None
        data = head._slice_(0, head.size_)
        start = Head(context.target, context.target.platform, head.address_, 0, 0, data, context)
        if data is not None and walker.is_empty(start):
            return None
        most = MAX_LIST if name == "list_head" else MAX_NODES
        nodes, is_all = take_nodes(walker.items(start), most)
        if not nodes:
            return None
        # If two list_heads point to each other, either of them may be the link.
        is_mute = name == "list_head" and len(nodes) == 1
        if self.slabs is None or not is_all or is_mute:
            return Guess(len(nodes), is_all)
        return self.infer(head, name, walker.link, nodes, self.slabs)

    def infer(
        self, head: Value, name: str, link: str | None, nodes: list[int], slabs: Slabs
    ) -> Guess:
        """Find the type of object that the nodes of a container are part of."""
        unknown = Guess(len(nodes), True)
        first = slabs.find(nodes[0])
        if first is None:
            return unknown
        offset = nodes[0] - first.start
        here = first.cache, offset
        for node in nodes[1:]:
            found = slabs.find(node)
            if found is None or (found.cache, node - found.start) != here:
                return unknown
        holder = slabs.find(head.address_)
        if holder is not None and (holder.cache, head.address_ - holder.start) == here:
            return unknown  # a link among links: there is no telling which is the head
        fitting = self.fitting(first.cache, offset, link)
        chosen, why = _choose(head, fitting, first.cache, nodes, offset, link)
        if chosen is None:
            names = tuple(sorted({f"struct {struct.name}" for struct, _ in fitting}))
            return Guess(len(nodes), True, None, names if len(names) <= _MAX_NAMED else ())
        struct, path = chosen
        size = first.cache.object_size
        evidence = f"inferred: slab cache {first.cache.name}, {size} bytes, node at {offset}; {why}"
        return Guess(len(nodes), True, Expansion(name, struct, path, offset, 0, evidence))

    def fitting(self, cache: Cache, offset: int, link: str | None) -> list[_Candidate]:
        """Return the structs that the cache may hold with a link at `offset`, with its path."""
        key = cache, offset, link
        if key not in self._fitting:
            try:
                self._fitting[key] = self._find_fitting(cache, offset, link)
            except BtfFormatError:  # a struct that cannot be read might fit, too
                self._fitting[key] = []
        return self._fitting[key]

    def _find_fitting(self, cache: Cache, offset: int, link: str | None) -> list[_Candidate]:
        size = cache.object_size
        smallest = size if cache.is_exact else max(offset, size // 2 + 1)
        found: list[_Candidate] = []
        shapes: set[tuple[str, int, str]] = set()
        for btf in self.context.btfs():
            for struct in btf.structs_of_size(smallest, size):
                path = _link_at(struct, offset, link) if struct.name else None
                if path is not None and (struct.name, struct.size, path) not in shapes:
                    shapes.add((struct.name, struct.size, path))
                    found.append((struct, path))
        return found


def take_nodes(items: Iterator[Item], most: int) -> tuple[list[int], bool]:
    """Return up to `most` node addresses, and whether these are all and nothing is wrong."""
    nodes: list[int] = []
    for item in items:
        if isinstance(item, Anomaly) or len(nodes) == most:
            return nodes, False
        if isinstance(item, Entry):
            nodes.append(item.address)
    return nodes, True


def _link_at(struct: types.Composite, offset: int, link: str | None) -> str | None:
    """Return the path of the member of type `struct link` at a byte offset, or None.

    If entries are pointers (`link` is None), they point to the object itself.
    """
    if link is None:
        return "" if offset == 0 else None
    path: list[str] = []
    current: types.Composite = struct
    for _ in range(_MAX_NESTING):
        for member in current.members:
            try:
                base = current.btf.skip_modifiers(member.type_id)
                end = member.offset + (base.size if isinstance(base, types.Composite) else 0)
            except BtfFormatError:
                return None
            if not isinstance(base, types.Composite) or not member.offset <= offset < end:
                continue
            path += [member.name] if member.name else []
            offset -= member.offset
            if base.name == link and offset == 0:
                return ".".join(path)
            current = base
            break
        else:
            return None
    return None


def _choose(
    head: Value,
    fitting: list[_Candidate],
    cache: Cache,
    nodes: list[int],
    offset: int,
    link: str | None,
) -> tuple[_Candidate | None, str]:
    """Return the one struct that the evidence supports, or None, and what the evidence is."""
    if cache.is_exact:
        if len(fitting) == 1 and link is not None:
            return fitting[0], "one struct fits"
        named = [f for f in fitting if f[0].name in (cache.name, cache.name.removesuffix("_cache"))]
        if len(named) == 1:
            return named[0], "the cache has its name"
    backward = [found for found in fitting if _point_back(head, found[0], nodes, offset)]
    if len(backward) == 1:
        return backward[0], "it points back"
    return None, ""


def _point_back(head: Value, struct: types.Composite, nodes: list[int], offset: int) -> bool:
    """Whether every entry has a pointer back to the object that holds the head."""
    entries = [value_at(head._context_, struct, node - offset) for node in nodes]
    for outer in head._scopes_()[1:]:
        try:
            holder = outer.type_.btf.skip_modifiers(outer.type_)
            if all(points_back(entry, holder, outer.address_) for entry in entries):
                return True
        except BtfdumpError:
            continue
    return False
