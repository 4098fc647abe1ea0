"""Which facts hold for the members of a struct: its own, and what structs around it state by path.

An overlay may say something of `task_struct.se.group_node` that does not hold for every
`sched_entity`. So what is known of a member depends on the way that led to it: through the structs
that it lies in, and through the pointer that led to the outermost of them. A scope is that way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._decode.paths import split_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Protocol

    from btfdump._decode.layout import StructLayout

    class Facts(Protocol):
        """What is known of one struct's members beside BTF, by member index or dotted path."""

        @property
        def members(self) -> Mapping[int, Any]:
            """Facts on the struct's own members."""

        @property
        def paths(self) -> PathFacts:
            """Facts on members of structs inside it."""

    class FactsOf(Protocol):
        """Look up `Facts` of a struct."""

        def __call__(self, layout: StructLayout, /) -> Facts:
            """Return what is known of the struct."""


class PathFacts:
    """Facts on members by dotted path, as a tree: `facts` on a member, `inner` on those in it."""

    __slots__ = ("facts", "inner")

    def __init__(self) -> None:
        self.facts: Any = None
        self.inner: dict[str, PathFacts] = {}

    def __bool__(self) -> bool:
        return bool(self.inner)

    def __getitem__(self, path: str) -> Any:
        """Return the facts on the member at `path`; raises `KeyError` where nothing is stated."""
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
        """Return the facts on the member at `path`, None where nothing is stated."""
        node: PathFacts | None = self
        for name in split_path(path):
            node = node.inner.get(name) if node is not None else None
        return node.facts if node is not None else None

    def items(self) -> Iterator[tuple[str, Any]]:
        """Yield each path of which something is stated, and the facts."""
        pending = list(self.inner.items())
        while pending:
            path, node = pending.pop()
            if node.facts is not None:
                yield path, node.facts
            pending += [(f"{path}.{name}", inner) for name, inner in node.inner.items()]


Stated: TypeAlias = "tuple[PathFacts, ...]"
"""What was stated further out of a struct's members, the outermost first: it has the last word."""


def stated_by(paths: PathFacts) -> Stated:
    """Return what a pointer states of the members of its target."""
    return (paths,) if paths else ()


class Scope:
    """The members of one struct, reached by one way.

    `facts` are those of the struct itself, wherever it lies. `stated` is what was stated further
    out, as `inside()` of the scope around this one returns it.
    """

    __slots__ = ("own", "stated")

    def __init__(self, facts: Facts | None, stated: Stated = ()) -> None:
        self.own: Mapping[int, Any] = facts.members if facts is not None else {}
        self.stated = stated
        if facts is not None and facts.paths:
            self.stated = (*stated, facts.paths)

    def of(self, index: int, name: str) -> Any:
        """Return the facts on the member at `index`, of that name; None where there are none."""
        for paths in self.stated:
            node = paths.inner.get(name)
            if node is not None and node.facts is not None:
                return node.facts
        return self.own.get(index)

    def inside(self, name: str) -> Stated:
        """Return what is stated of the members of the member `name` ("": an anonymous struct)."""
        if not name or not self.stated:
            return self.stated
        nodes = [paths.inner.get(name) for paths in self.stated]
        return tuple([node for node in nodes if node])
