"""What is known about a struct's members beside BTF.

`Annotations` makes these records, of what overlays, tags and the library say and the kernel's types
confirm. What does not fit is a `problem`, shown where the member is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._btf.type_name import choice_of
from btfdump._decode.scope import PathFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._annotate.grammar import Placed
    from btfdump._btf import types
    from btfdump._meaning import Meaning


@dataclass(frozen=True, slots=True)
class Expansion:
    """How the entries of a container are typed and linked, after it was checked.

    Each entry is an `element`, whose link lies `link_offset` bytes into it. For an array of heads
    and a link `node[]`, the link of head number `i` lies another `i * link_stride` bytes further.
    `head` is the name of the head's struct and `node` the path of the link. `provenance` says who
    told: "tag", "library", "overlay FILE", "inferred". `is_ring` marks a member that is at once its
    own element's link (`task_struct.tasks`): a ring that leads from any of them to all others.
    """

    head: str
    element: types.Composite
    node: str
    link_offset: int
    link_stride: int
    provenance: str
    is_ring: bool = False


@dataclass
class MemberFacts:
    """All that is known about one member; `problems` are texts for the place where it is shown.

    `typed_by` leads to the BPF map that types the member's bytes; once it has, `is_typed` is set. A
    pointer leads `points_into` bytes into a `points_to`, or to a blob in which a `points_to` is
    `placed` somewhere. `skip` recognises entries that are no objects, such as cursors; `vacant` is
    the number of the head in an array that is not in use. `is_meant` says that something is stated
    of what values mean: `meant` finds it out. A pointer that `is_stale` is kept when its target is
    freed. `of_target` has facts about the members of a pointer's target, by path. Each of `cases`
    replaces all of this where its condition is true; `pending` enters what is known of a case when
    it is first needed; `unmet` has the conditions that were not true, of cases that would tell the
    element type. `typed_as_of` says of a global variable whose type rests on somebody's word alone
    whose that is: "library"; `at_most`, of an array that reaches to the next symbol, whether it may
    be shorter, and `at_least` how long it is if what is zero at its end is padding; `is_flat` that
    it is an array of arrays, whose lengths nobody knows, so that its type has them all in a row.
    """

    expansion: Expansion | None = None
    candidates: tuple[Expansion, ...] = ()
    length: str | None = None
    typed_by: str | None = None
    points_to: types.Composite | None = None
    points_into: int = 0
    placed: Placed | None = None
    meant: Callable[[], Meaning | None] | None = field(default=None, compare=False)
    is_meant: bool = False
    space: str | None = None
    follow: tuple[str, ...] | None = None
    is_string: bool = False
    is_hex: bool = False
    is_link: bool = False
    is_stale: bool = False
    is_typed: bool = False
    skip: str | None = None
    vacant: int | None = None
    provenance: str = ""
    typed_as_of: str = field(default="", compare=False)
    at_most: Callable[[], bool] | None = field(default=None, compare=False)
    at_least: Callable[[], int] | None = field(default=None, compare=False)
    is_flat: bool = field(default=False, compare=False)
    problems: list[str] = field(default_factory=list)
    of_target: PathFacts = field(default_factory=PathFacts)
    cases: list[tuple[str, MemberFacts]] = field(default_factory=list)
    pending: Callable[[MemberFacts], None] | None = field(default=None, compare=False)
    unmet: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def meaning(self) -> Meaning | None:
        """What turns values into words, if annotations state any that fits."""
        return self.meant() if self.meant is not None else None

    @property
    def may_be_shorter(self) -> bool:
        """Whether a global variable is an array that may end before the next symbol."""
        return self.at_most is not None and self.at_most()

    def settled(self) -> MemberFacts:
        """Return these facts with nothing pending any more."""
        if self.pending is not None:
            enter, self.pending = self.pending, None
            enter(self)
        return self

    @property
    def is_blank(self) -> bool:
        """Whether nothing is known, apart from what does not fit."""
        return not self.provenance and self == MemberFacts(
            problems=self.problems, of_target=self.of_target
        )

    @property
    def choices(self) -> str:
        """What the container may hold, as tags say it: which struct, where several differ."""
        is_one = len({candidate.element for candidate in self.candidates}) == 1
        return ", ".join(
            f"{c.element.name if is_one else choice_of(c.element)}:{c.node}"
            for c in self.candidates
        )

    @property
    def is_container(self) -> bool:
        """Whether it is known what the container holds, or what it may hold."""
        return self.expansion is not None or bool(self.candidates)

    @cached_property
    def of_each(self) -> MemberFacts:
        """What is known about each element, where this is known about an array of them."""
        return replace(self, length=None)


def _no_interest() -> tuple[tuple[str, ...], frozenset[str]]:
    return (), frozenset()


@dataclass
class StructFacts:
    """Facts about a struct: by the index of its own members, and by the path of nested ones.

    `interest_by` finds the `interest` when it is first needed.
    """

    members: dict[int, MemberFacts] = field(default_factory=dict)
    paths: PathFacts = field(default_factory=PathFacts)
    interest_by: Callable[[], tuple[tuple[str, ...], frozenset[str]]] = _no_interest
    problems: list[str] = field(default_factory=list)

    @cached_property
    def interest(self) -> tuple[tuple[str, ...], frozenset[str]]:
        """The names of the members that matter most, and of those that are of interest to few."""
        return self.interest_by()


def enter_at(
    facts: StructFacts, positions: dict[str, int], pieces: list[str], known: MemberFacts
) -> None:
    """Enter facts on a member that a path leads to, cut where it passes through a pointer."""
    first, *rest = pieces
    if not rest:
        facts.paths[first] = known
        return
    if first in positions:
        holder = facts.members.setdefault(positions[first], MemberFacts())
    else:
        holder = _at(facts.paths, first)
    for piece in rest[:-1]:
        holder = _at(holder.of_target, piece)
    holder.of_target[rest[-1]] = known


def _at(paths: PathFacts, path: str) -> MemberFacts:
    """Return the facts on a member, new ones where there were none."""
    known: MemberFacts | None = paths.get(path)
    if known is None:
        known = paths[path] = MemberFacts()
    return known


def mark_ring(
    expansion: Expansion | None, struct: types.Composite, member: str
) -> Expansion | None:
    """Mark an expansion as a ring where the member is at once the link of its own element."""
    if expansion is not None and expansion.element is struct and expansion.node == member:
        return replace(expansion, is_ring=True)
    return expansion
