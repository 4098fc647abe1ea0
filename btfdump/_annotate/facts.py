"""What is known about a struct's members beside BTF, checked against the kernel's types.

Facts come from overlays that the user gives, from tags in the BTF, and from the built-in library,
in that order of authority. Each is resolved here: the element type must exist, and the link must be
there and have the right type. What does not fit is a `problem`, shown where the member is. The
library alone may be silent about it, since its lines name members of many kernel versions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.grammar import (
    Annotation,
    Condition,
    ContainerOf,
    Contains,
    FlagsOf,
    Follow,
    Length,
    Link,
    Placed,
    PointsTo,
    Show,
    Skip,
    Space,
    TypedBy,
    Unknown,
    parse,
)
from btfdump._annotate.members import (
    CHAIN,
    container_type,
    find_member,
    link_offset,
    links_of,
    next_offset,
    resolve_path,
    resolve_place,
    struct_name,
)
from btfdump._btf import types
from btfdump._btf.sections import member_tags
from btfdump._btf.wire import Kind
from btfdump._decode.paths import split_path
from btfdump._decode.scope import PathFacts
from btfdump._walk import walker_of
from btfdump.errors import AnnotationError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfdump._annotate.overlay import Alternatives, Overlay
    from btfdump._btf.types import TypeTable
    from btfdump._walk import Walker

FindStructs: TypeAlias = "Callable[[str, types.TypeTable, bool], Sequence[types.Composite]]"


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
    `placed` somewhere. `skip` recognises entries that are no objects, such as cursors. `of_target`
    has facts about the members of a pointer's target, by path. Each of `cases` replaces all of this
    where its condition is true.
    """

    expansion: Expansion | None = None
    candidates: tuple[Expansion, ...] = ()
    length: str | None = None
    typed_by: str | None = None
    points_to: types.Composite | None = None
    points_into: int = 0
    placed: Placed | None = None
    flags: dict[int, str] | None = None
    space: str | None = None
    follow: tuple[str, ...] | None = None
    is_string: bool = False
    is_hex: bool = False
    is_link: bool = False
    is_typed: bool = False
    skip: str | None = None
    provenance: str = ""
    problems: list[str] = field(default_factory=list)
    of_target: PathFacts = field(default_factory=PathFacts)
    cases: list[tuple[str, MemberFacts]] = field(default_factory=list)

    @property
    def is_container(self) -> bool:
        """Whether it is known what the container holds, or what it may hold."""
        return self.expansion is not None or bool(self.candidates)

    @cached_property
    def of_each(self) -> MemberFacts:
        """What is known about each element, where this is known about an array of them."""
        return replace(self, length=None)


@dataclass(slots=True)
class StructFacts:
    """Facts about a struct: by the index of its own members, and by the path of nested ones."""

    members: dict[int, MemberFacts] = field(default_factory=dict)
    paths: PathFacts = field(default_factory=PathFacts)
    summary: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)


class Annotations:
    """Resolves annotations for one kernel.

    `find_structs(name, near, everywhere)` lists the structs and unions of a name: in the BTF
    `near`, else in that of vmlinux, else (if `everywhere`) in those of the modules.
    """

    def __init__(
        self,
        overlays: Sequence[Overlay],
        library: Overlay | None,
        find_structs: FindStructs,
    ) -> None:
        self._overlays = tuple(reversed(overlays))  # the last one given comes first
        self._library = library
        self._find_structs = find_structs

    def sources(self) -> tuple[Overlay, ...]:
        """Return the overlays in order of authority, the library last."""
        return self._overlays + ((self._library,) if self._library is not None else ())

    def of_struct(self, struct: types.Composite) -> StructFacts:
        """Gather and check all facts about `struct`, a type of the kernel's BTF."""
        facts = StructFacts()
        by_path: dict[str, list[tuple[str, Alternatives]]] = {}
        for overlay in self._overlays:
            self._gather(overlay, struct, by_path)
            facts.problems += _bad_summary(overlay, struct)
        tags = self._tags(struct)
        if self._library is not None:
            self._gather(self._library, struct, by_path)
        positions = {m.name: i for i, m in enumerate(struct.members) if m.name}
        for index in tags:
            by_path.setdefault(struct.members[index].name, [])
        elsewhere: list[tuple[tuple[types.Type, list[str]], MemberFacts]] = []
        for path, statements in by_path.items():
            index_ = positions.get(path)
            if index_ is None:
                place = resolve_place(struct, path)
                if place is None:
                    facts.problems += [
                        f"{source}: {struct} has no member {path}"
                        for source, _ in statements
                        if source != "library"
                    ]
                    continue
                elsewhere.append((place, self._merge(place[0], statements, ())))
            else:
                type_ = struct.btf.type(struct.members[index_].type_id)
                facts.members[index_] = self._merge(type_, statements, tags.get(index_, ()))
        for index, texts in tags.items():
            if not struct.members[index].name:
                type_ = struct.btf.type(struct.members[index].type_id)
                facts.members[index] = self._merge(type_, [], texts)
        for (_, pieces), known in sorted(elsewhere, key=lambda found: len(found[0][1])):
            _place(facts, positions, pieces, known)
        facts.summary = self._summary(struct)
        for index, known in facts.members.items():
            known.expansion = _mark_ring(known.expansion, struct, struct.members[index].name)
        return facts

    def of_global(
        self, type_: types.Type, statements: list[tuple[str, Alternatives]], tags: tuple[str, ...]
    ) -> MemberFacts:
        """Check what overlays and tags say about a global variable of type `type_`."""
        return self._merge(type_, statements, tags)

    def _gather(
        self,
        overlay: Overlay,
        struct: types.Composite,
        into: dict[str, list[tuple[str, Alternatives]]],
    ) -> None:
        if not struct.name:
            return
        for path, alternatives in overlay.members(struct.name).items():
            into.setdefault(path, []).append((overlay.source, alternatives))

    def _summary(self, struct: types.Composite) -> tuple[str, ...]:
        if struct.name:
            for overlay in self.sources():
                paths = overlay.summary(struct.name)
                if paths is not None:
                    return tuple(paths)
        return ()

    @staticmethod
    def _tags(struct: types.Composite) -> dict[int, tuple[str, ...]]:
        """Decl tags on members, by member index (attributes, kind_flag 1, are not ours)."""
        found: dict[int, list[str]] = {}
        for index, tag in member_tags(struct):
            if not tag.is_attribute:
                found.setdefault(index, []).append(tag.text)
        return {index: tuple(texts) for index, texts in found.items()}

    def _merge(
        self,
        type_: types.Type,
        statements: Iterable[tuple[str, Alternatives]],
        tags: tuple[str, ...],
    ) -> MemberFacts:
        facts = MemberFacts()
        head = container_type(type_)
        ranked = list(statements)
        if tags:
            of_library = [s for s in ranked if s[0] == "library"]
            of_user = [s for s in ranked if s[0] != "library"]
            ranked = [*of_user, ("tag", (tuple(parse(text) for text in tags),)), *of_library]
        for source, alternatives in ranked:
            self._apply(facts, type_, head, source, alternatives)
        if head is not None and not (facts.is_container or facts.is_link):
            self._by_type(facts, type_, head)
        return facts

    def of_container(self, struct: types.Composite) -> MemberFacts | None:
        """Return what every container of a type holds, for use where nothing else is said."""
        facts = MemberFacts()
        self._by_type(facts, struct, struct.name)
        return facts if facts.provenance else None

    def _by_type(self, facts: MemberFacts, type_: types.Type, head: str) -> None:
        for overlay in self.sources():
            self._apply(facts, type_, head, overlay.source, overlay.container(head))

    def _apply(
        self,
        facts: MemberFacts,
        type_: types.Type,
        head: str | None,
        source: str,
        alternatives: Alternatives,
    ) -> None:
        complaints: list[str] = []
        for alternative in alternatives:
            trial: list[str] = []
            conditions = [a.expression for a in alternative if isinstance(a, Condition)]
            # What holds under a condition is kept apart; what else may hold is still to come.
            case = MemberFacts() if conditions else facts
            for annotation in enclosed(alternative):
                self._state(case, type_, head, source, annotation, trial)
            if not trial and not conditions:
                return
            if not trial:
                facts.cases.append((" && ".join(f"({c})" for c in conditions), case))
            complaints += trial
        if source != "library":
            facts.problems += complaints

    def _state(
        self,
        facts: MemberFacts,
        type_: types.Type,
        head: str | None,
        source: str,
        annotation: Annotation,
        complaints: list[str],
    ) -> None:
        """Enter one annotation unless a source of more authority has spoken already."""
        facts.provenance = facts.provenance or source
        if isinstance(annotation, Contains):
            if facts.expansion is None and not facts.candidates:
                self._expand(facts, type_, head, source, annotation, complaints)
        elif isinstance(annotation, PointsTo | Placed):
            if facts.points_to is None:
                placed = annotation if isinstance(annotation, Placed) else None
                try:
                    facts.points_to = self._unique(annotation.target, type_.btf)
                    facts.placed = placed
                except AnnotationError as error:
                    key = "points_to" if placed is None else "placed"
                    complaints.append(f"{source} {key}:{annotation.target}: {error}")
        elif isinstance(annotation, ContainerOf):
            if facts.points_to is None:
                self._enclose(facts, type_, source, annotation, complaints)
        elif isinstance(annotation, FlagsOf):
            facts.flags = facts.flags or flag_names(type_.btf, annotation.names)
            if not facts.flags:
                complaints.append(f"{source} flags:{annotation.names}: no such enum or prefix")
        elif isinstance(annotation, Unknown):
            if head not in (None, CHAIN):
                complaints.append(
                    f'{source} "{annotation.text}" is not understood: expected NAME:NODE'
                )
        else:
            _state_plain(facts, annotation)

    def _enclose(
        self,
        facts: MemberFacts,
        type_: types.Type,
        source: str,
        tag: ContainerOf,
        complaints: list[str],
    ) -> None:
        """Let a pointer to a member lead to the struct around it."""
        text = f"{source} container_of:{tag.outer}:{tag.member}"
        if not isinstance(type_.btf.skip_modifiers(type_), types.Ptr):
            complaints.append(f"{text}: the member is neither a pointer nor a container")
            return
        try:
            outer = self._unique(tag.outer, type_.btf)
        except AnnotationError as error:
            complaints.append(f"{text}: {error}")
            return
        resolved = resolve_path(outer, tag.member)
        if resolved is None:
            complaints.append(f"{text}: {outer} has no member {tag.member}")
        else:
            facts.points_to, facts.points_into = outer, resolved[1]

    def _unique(self, name: str, near: TypeTable) -> types.Composite:
        found = self._find_structs(name, near, True)
        if not found:
            raise AnnotationError(f"no struct {name} in the BTF")
        if len(found) > 1:
            ids = ", ".join(str(struct.id) for struct in found)
            raise AnnotationError(f"{len(found)} different structs {name} (type ids {ids})")
        return found[0]

    def _expand(
        self,
        facts: MemberFacts,
        type_: types.Type,
        head: str | None,
        source: str,
        tag: Contains,
        complaints: list[str],
    ) -> None:
        text = f'{source} "{tag.element}{":" + tag.node if tag.node else ""}"'
        try:
            walker = _walker(type_, head, source)
        except PluginError as error:
            complaints.append(f"{text}: {error}")
            return
        if walker is None or (head == CHAIN and not tag.node):
            if source == "tag":
                return  # NAME on something that is no container: not ours
            complaints.append(f"{text}: the member is not a container")
            return
        structs = self._find_structs(tag.element, type_.btf, source != "library")
        if not structs:
            if head != CHAIN or source != "tag":
                complaints.append(f"{text}: no struct {tag.element} in the BTF")
            return
        fitting: list[Expansion] = []
        reasons: list[str] = []
        for struct in structs:
            if tag.node is None:
                fitting += [
                    Expansion(walker.head, struct, node, offset, 0, source)
                    for node, offset in links_of(struct, walker.link)
                ]
                continue
            link = (
                next_offset(struct, tag.node)
                if head == CHAIN
                else link_offset(struct, tag.node, walker.link)
            )
            if isinstance(link, str):
                reasons.append(link)
            else:
                fitting.append(Expansion(walker.head, struct, tag.node, *link, source))
        shapes = {(e.element.size, e.node, e.link_offset) for e in fitting}
        if len(shapes) == 1:  # copies of one struct that were not merged when the BTF was made
            facts.expansion = fitting[0]
        elif fitting:
            facts.candidates = tuple(fitting)
        elif tag.node is None:
            complaints.append(f"{text}: struct {tag.element} has no member of struct {walker.link}")
        else:
            complaints.append(f"{text}: {reasons[0]}")


def _walker(type_: types.Type, head: str | None, source: str) -> Walker | None:
    """Return what walks a member of type `type_`, whose container type is `head`, if any is known.

    Another package may have it. The library knows of none of those: its lines on structs that are
    containers in other kernels are no reason to look.
    """
    name = struct_name(type_) if head is None and source != "library" else head
    return walker_of(name) if name is not None else None


def enclosed(alternative: tuple[Annotation, ...]) -> tuple[Annotation, ...]:
    """Apply `container_of:OUTER:MEMBER` to the `NAME:NODE` next to it: `OUTER:MEMBER.NODE`."""
    contains = next((a for a in alternative if isinstance(a, Contains)), None)
    outer = next((a for a in alternative if isinstance(a, ContainerOf)), None)
    if contains is None or outer is None:
        return alternative
    node = f"{outer.member}.{contains.node}" if contains.node else outer.member
    rest = tuple(a for a in alternative if a is not contains and a is not outer)
    return (Contains(outer.outer, node), *rest)


def _place(
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


def _state_plain(facts: MemberFacts, annotation: Annotation) -> None:
    """Enter an annotation that needs no look at the kernel's types."""
    if isinstance(annotation, Length):
        facts.length = facts.length or annotation.expression
    elif isinstance(annotation, TypedBy):
        facts.typed_by = facts.typed_by or annotation.path
    elif isinstance(annotation, Show):
        facts.is_string |= annotation.how == "string"
        facts.is_hex |= annotation.how == "hex"
    elif isinstance(annotation, Follow):
        facts.follow = annotation.members if facts.follow is None else facts.follow
    elif isinstance(annotation, Space):
        facts.space = facts.space or annotation.name
    elif isinstance(annotation, Link):
        facts.is_link = True
    elif isinstance(annotation, Skip):
        facts.skip = facts.skip or annotation.expression


def flag_names(btf: TypeTable, names: str) -> dict[int, str]:
    """Return bit -> name for the single-bit enumerators of an enum, or of those with a prefix."""
    enums = [e for e in btf.find_all("enum", names) if isinstance(e, types.Enum)]
    prefix = ""
    if not enums and names.endswith("_"):
        prefix = names
        enums = [
            e
            for kind in (Kind.ENUM, Kind.ENUM64)
            for b in ((btf.base, btf) if btf.base is not None else (btf,))
            for e in b.iter_types(kind)
            if isinstance(e, types.Enum)
        ]
    return {
        e.value: e.name
        for enum in enums
        for e in enum.enumerators
        if e.name.startswith(prefix) and e.value > 0 and not e.value & (e.value - 1)
    }


def _mark_ring(
    expansion: Expansion | None, struct: types.Composite, member: str
) -> Expansion | None:
    if expansion is not None and expansion.element is struct and expansion.node == member:
        return replace(expansion, is_ring=True)
    return expansion


def _bad_summary(overlay: Overlay, struct: types.Composite) -> list[str]:
    """Say which paths of a user's [summary] begin with no member of the struct."""
    paths = overlay.summary(struct.name) if struct.name else None
    return [
        f"{overlay.source}: summary of {struct}: no member {path}"
        for path in paths or ()
        if find_member(struct, split_path(path)[0]) is None
    ]
