"""Which facts apply to the members of a struct: its own, and those that outer structs state.

An overlay may state something about `task_struct.se.group_node` that does not hold for every
`sched_entity`. So what is known about a member depends on how it was reached: through the structs
that contain it, and through the pointer that led to the outermost of them. A scope represents that
route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._decode.layout import StructLayout
from btfdump._decode.paths import split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from btfdump._decode.layout import Layout

    class Facts(Protocol):
        """What is known about one struct's members beyond BTF, by member index or dotted path."""

        @property
        def members(self) -> Mapping[int, Any]:
            """Facts about the struct's own members, by index."""

        @property
        def paths(self) -> PathFacts:
            """Facts about members of structs inside it."""

    class FactsOf(Protocol):
        """Looks up the `Facts` of a struct."""

        def __call__(self, layout: StructLayout, /) -> Facts:
            """Return what is known about the struct."""


class PathFacts:
    """Facts by dotted path, as a tree: `facts` about a member, `inner` for its own members."""

    __slots__ = ("facts", "inner")

    def __init__(self) -> None:
        self.facts: Any = None
        self.inner: dict[str, PathFacts] = {}

    def __bool__(self) -> bool:
        return bool(self.inner)

    def __getitem__(self, path: str) -> Any:
        """Return the facts about the member at `path`; raises `KeyError` if there are none."""
        known = self.get(path)
        if known is None:
            raise KeyError(path)
        return known

    def __setitem__(self, path: str, facts: Any) -> None:
        node = self
        for name in split_path(path):
            node = node.inner.setdefault(name, PathFacts())
        node.facts = facts

    def get(self, path: str) -> Any:
        """Return the facts about the member at `path`, or None if there are none."""
        node: PathFacts | None = self
        for name in split_path(path):
            node = node.inner.get(name) if node is not None else None
        return node.facts if node is not None else None

    def update(self, others: PathFacts) -> None:
        """Take over the facts that others have, in place of those at the same paths."""
        for path, facts in others.items():
            self[path] = facts

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield (path, facts) for each path that has facts."""
        pending = list(self.inner.items())
        while pending:
            path, node = pending.pop()
            if node.facts is not None:
                yield path, node.facts
            pending += [(f"{path}.{name}", inner) for name, inner in node.inner.items()]


Stated: TypeAlias = "tuple[PathFacts, ...]"
"""What outer structs and pointers state about a struct's members, the outermost first: it wins."""


def stated_by(paths: PathFacts) -> Stated:
    """Return what a pointer states about the members of its target."""
    return (paths,) if paths else ()


class Scope:
    """The members of one struct, as reached by one route.

    `facts` are those of the struct itself, wherever it occurs. `stated` is what outer structs
    state, as returned by `inside()` of the scope around this one.
    """

    __slots__ = ("own", "stated")

    def __init__(self, facts: Facts | None, stated: Stated = ()) -> None:
        self.own: Mapping[int, Any] = facts.members if facts is not None else {}
        self.stated = stated
        if facts is not None and facts.paths:
            self.stated = (*stated, facts.paths)

    def of(self, index: int, name: str) -> Any:
        """Return the facts about member `index`, called `name`, or None if there are none."""
        for paths in self.stated:
            node = paths.inner.get(name)
            if node is not None and node.facts is not None:
                return node.facts
        return self.own.get(index)

    def tells(self, index: int, name: str, inner: Layout) -> bool:
        """Whether anything is known of member `index`, or of a member of that, if it has no name.

        So a member of no size is shown: an array at the end whose length is told elsewhere.
        """
        if name:
            return self.of(index, name) is not None
        if not self.stated or not isinstance(inner, StructLayout):
            return False
        names = {member.name for member in inner.members} - {""}
        return any(not names.isdisjoint(paths.inner) for paths in self.stated)

    def inside(self, name: str) -> Stated:
        """Return what is stated about the members of member `name` ("": an anonymous struct)."""
        if not name or not self.stated:
            return self.stated
        nodes = [paths.inner.get(name) for paths in self.stated]
        return tuple([node for node in nodes if node])
