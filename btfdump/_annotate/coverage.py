"""What annotations know about a BTF: which lines apply, and which containers have none.

The members counted are those that are containers (`walk.FAMILIES`), arrays of them included. A
`list_head` may be a link instead of a head: known links are counted separately, and a member is
known to be one too if it links the entries of any container that is typed. The members of
container structs themselves (`klist.k_list`, `rb_root_cached.rb_root`) are walked together with the
container around them, as is `list_lru_one.list`, and count neither as known nor as unknown.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.applying import (
    APPLIES,
    INTEREST,
    MISFIT,
    NO_MEMBER,
    NO_STRUCT,
    interest_verdict,
    scalar_verdict,
    types_called,
)
from btfdump._annotate.grammar import Contains, as_meaning, bare_name, enclosed, parse
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.members import head_type, owner_of, resolve
from btfdump._btf import types
from btfdump._btf.expansion import is_overgrown, overgrown
from btfdump._btf.sections import member_tags
from btfdump._walk import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfdump._annotate.facts import Expansion, MemberFacts, StructFacts
    from btfdump._annotate.grammar import Annotation
    from btfdump._annotate.overlay import Alternatives, Overlay
    from btfdump._btf.reader import Btf

LINK, PART, UNKNOWN = "link", "part", "unknown"
_PARTS = FAMILIES | {"list_lru_one"}
"""Structs whose containers are walked together with the container that they are in."""


@dataclass(frozen=True, slots=True)
class Known:
    """One container member: what kind of head it is, and who says what it holds.

    `status` is a source ("tag", "library", "overlay FILE"), `LINK`, `PART` or `UNKNOWN`; `detail`
    says what the member holds, or what is wrong with what is said of it. `by_type` says that it
    holds what all containers of its type do, since nothing is said of this one.
    """

    struct: str
    member: str
    head: str
    status: str
    detail: str = ""
    by_type: bool = False

    @property
    def is_typed(self) -> bool:
        """Whether it is known what the container holds."""
        return self.status not in (LINK, PART, UNKNOWN)


@dataclass(frozen=True, slots=True)
class CheckedHeads:
    """One line of an overlay: whether it applies to this BTF, and if not, why.

    `is_proven` means that entries in a real dump have confirmed it. `table` is "struct" for those
    about a member; of "scalar" `member` is the name of a type, of "first" and "last" it is "". Of
    "table" they are a table's and a column's names, or "rows".
    """

    source: str
    struct: str
    member: str
    says: str
    see: str
    status: str
    reason: str = ""
    is_proven: bool = False
    table: str = "struct"

    @property
    def place(self) -> str:
        """What the line is about."""
        if self.table == "struct":
            return f"{self.struct}.{self.member}"
        if self.table == "table":
            return f"[table.{self.struct}] {self.member}"
        return f"[{self.table}] {self.struct or self.member}"


@dataclass(slots=True)
class Tally:
    """How many members have one kind of head, by status."""

    by_status: dict[str, int] = field(default_factory=dict)

    def add(self, status: str) -> None:
        """Count one."""
        self.by_status[status] = self.by_status.get(status, 0) + 1

    @property
    def total(self) -> int:
        """The members that can be known: parts of other containers are not counted."""
        return sum(self.by_status.values()) - self.by_status.get(PART, 0)

    @property
    def known(self) -> int:
        """The members that are typed or known to be links."""
        return self.total - self.by_status.get(UNKNOWN, 0)


def annotations_for(btf: Btf, overlays: Iterable[Overlay], library: Overlay | None) -> Annotations:
    """Return what resolves annotations in one BTF (and its base) without a kernel around it."""
    return Annotations(tuple(overlays), library, Lookup(btf))


def coverage(
    btf: Btf,
    annotations: Annotations,
    complain: Callable[[str], None] = lambda problem: None,
    links: Links | None = None,
) -> Iterator[Known]:
    """Yield every container member of the structs in this BTF (not its base), by type id.

    `complain` is told of each struct that is passed over, as it cannot be gone through. `links` are
    those that have been met in other BTFs, and takes in those of this one.
    """
    links = links if links is not None else Links(annotations.sources())
    structs = [struct for struct in btf.composites() if struct.name]
    for struct in structs:
        links.read_tags(struct)
    for struct in structs:
        links.meet(struct)
    for struct in structs:
        if is_overgrown(struct, struct.size):
            complain(f"{overgrown(struct)}: passed over")
        else:
            yield from _members(struct, annotations, links)


def tally(members: Iterable[Known]) -> dict[str, Tally]:
    """Count members by kind of head."""
    tallies: dict[str, Tally] = {}
    for member in members:
        tallies.setdefault(member.head, Tally()).add(member.status)
    return dict(sorted(tallies.items()))


class Links:
    """What tags, overlays and the library say elsewhere of members: links, and heads by their path.

    A member links entries if anything says so of a container; and what a head holds may be said by
    a path from structs, or globals, that have it inside them. Only a member of a struct that was
    met counts: others may have the same name.
    """

    def __init__(self, sources: Iterable[Overlay]) -> None:
        self._nodes: dict[str, dict[str, str]] = {}
        self._paths: dict[str, dict[str, tuple[str, str]]] = {}
        self._found: dict[tuple[str, str], str] = {}
        self._heads: dict[tuple[str, str], tuple[str, str]] = {}
        for source in sources:
            for struct, path, place, alternatives in _all_statements(source):
                self._state(place, chain.from_iterable(map(enclosed, alternatives)))
                if any(isinstance(a, Contains) for a in chain.from_iterable(alternatives)):
                    self._paths.setdefault(struct, {}).setdefault(path, (source.source, place))

    def _state(self, place: str, annotations: Iterable[Annotation]) -> None:
        for annotation in annotations:
            if isinstance(annotation, Contains) and annotation.node:
                nodes = self._nodes.setdefault(bare_name(annotation.element), {})
                nodes.setdefault(annotation.node, place)

    def read_tags(self, struct: types.Composite) -> None:
        """Take in what tags on members say of containers; it counts for structs met later."""
        for index, tag in member_tags(struct):
            self._state(f"{struct.name}.{struct.members[index].name}", (parse(tag.text),))

    def meet(self, struct: types.Composite) -> None:
        """Take in the links that a struct has, also those in structs of a name inside it."""
        for node, place in self._nodes.get(struct.name, {}).items():
            found = owner_of(struct, node.replace("[]", ""))
            if found is not None:
                self._found.setdefault(found, place)
        for path, said in self._paths.get(struct.name, {}).items():
            owner = owner_of(struct, path)
            if owner is not None and (owner[0], said[1]) != (struct.name, f"{struct.name}.{path}"):
                self._heads.setdefault(owner, said)

    def container(self, struct: str, member: str) -> str:
        """Name a container whose entries are linked by the member; "" if none is known."""
        return self._found.get((struct, member), "")

    def by_path(self, struct: str, member: str) -> tuple[str, str]:
        """Return who says by a path what a head holds, and the path; ("", "") if nobody does."""
        return self._heads.get((struct, member), ("", ""))


def _all_statements(source: Overlay) -> Iterator[tuple[str, str, str, Alternatives]]:
    """Yield (struct, path, place, what is said) of whatever may be a container; "" if of none."""
    for struct in source.structs():
        for member, alternatives in source.members(struct).items():
            yield bare_name(struct), member, f"{struct}.{member}", alternatives
    for name in source.globals():
        for choice in source.global_(name):
            yield "", "", name, choice.alternatives
            struct = re.sub(r"^(struct|union) |[ *]+$", "", choice.type)
            for path, alternatives in choice.members.items():
                yield struct, path, f"{name}.{path}", alternatives
    for head in source.containers():
        yield "", "", f"struct {head}", source.container(head)


def _members(struct: types.Composite, annotations: Annotations, links: Links) -> Iterator[Known]:
    """Go through a struct and the anonymous structs inside it."""
    facts: StructFacts | None = None  # most structs have no container
    pending: list[tuple[types.Composite, str]] = [(struct, "")]
    while pending:
        inner, prefix = pending.pop()
        own: StructFacts | None = None
        for index, member in enumerate(inner.members):
            type_ = inner.btf.type(member.type_id)
            path = f"{prefix}{member.name}"
            head = head_type(type_)
            if head is not None:
                facts = facts or annotations.of_struct(struct)
                own = own or (facts if inner is struct else annotations.of_struct(inner))
                known = facts.paths.get(path) or own.members.get(index)
                found = _known(struct.name, path, head, known, annotations, type_)
                yield _linked(found, links)
                continue
            base = _without_arrays(type_)
            if isinstance(base, types.Composite) and not base.name:
                pending.append((base, f"{path}." if member.name else prefix))


def _known(
    struct: str,
    path: str,
    head: str,
    facts: MemberFacts | None,
    annotations: Annotations,
    type_: types.Type,
) -> Known:
    base = _without_arrays(type_)
    by_type = facts is None
    if facts is None and isinstance(base, types.Composite):
        facts = annotations.of_container(base)  # what every container of this type holds
    stated = _expansions(facts) if facts is not None else []
    if stated:
        detail = " or ".join(
            f"{e.element.name}{':' if e.node else ''}{e.node}{f' if {case}' if case else ''}"
            for case, e in stated
        )
        return Known(struct, path, head, stated[0][1].provenance, detail, by_type)
    if struct in _PARTS:
        return Known(struct, path, head, PART)
    if facts is None:
        return Known(struct, path, head, UNKNOWN)
    if facts.is_link:
        return Known(struct, path, head, LINK, facts.provenance)
    detail = "; ".join(facts.problems)
    if facts.candidates:
        detail = f"one of {facts.choices}"
    return Known(struct, path, head, UNKNOWN, detail)


def _linked(found: Known, links: Links) -> Known:
    """Return what is said elsewhere of a member of which its own struct says nothing."""
    if found.status != UNKNOWN or found.detail:
        return found
    source, place = links.by_path(found.struct, found.member)
    if source:
        return replace(found, status=source, detail=f"by the path {place}")
    container = links.container(found.struct, found.member)
    return replace(found, status=LINK, detail=f"of {container}") if container else found


def _expansions(facts: MemberFacts) -> list[tuple[str, Expansion]]:
    """What a container holds: (under which condition, "" for always; what)."""
    cases = [(case, known.settled().expansion) for case, known in facts.cases]
    return [(case, e) for case, e in (*cases, ("", facts.expansion)) if e is not None]


def check(btfs: Iterable[Btf], overlay: Overlay, lookup: Lookup) -> Iterator[CheckedHeads]:
    """Yield every line of an overlay about a struct, and whether it applies to these BTFs.

    `lookup` finds what the line names: for the BTFs of a kernel and its modules, as in a dump.
    """
    plain = copy(overlay)
    plain.source = "entry"  # of the library, misfits are passed over in silence
    annotations = Annotations((plain,), None, lookup)
    known = tuple(btfs)
    for name in overlay.structs():
        structs = lookup.every(name, known)
        resolved = [(struct, annotations.of_struct(struct)) for struct in structs]
        for member, alternatives in overlay.members(name).items():
            says = _says(alternatives, _is_head(member, resolved))
            see = overlay.see(name, member)
            status, reason = _verdict(name, member, resolved)
            is_proven = overlay.is_proven(name, member)
            yield CheckedHeads(overlay.source, name, member, says, see, status, reason, is_proven)
    for name in overlay.scalars():
        verdict = scalar_verdict(overlay, name, types_called(name, known), annotations.meanings)
        says, see = _says(overlay.scalar(name), False), overlay.see_of_scalar(name)
        yield CheckedHeads(overlay.source, "", name, says, see, *verdict, table="scalar")
    for table in INTEREST:
        for name in overlay.interests(table):
            verdict = interest_verdict(overlay, table, name, lookup.every(name, known))
            says = ", ".join((overlay.first if table == "first" else overlay.last)(name) or ())
            yield CheckedHeads(overlay.source, name, "", says, "", *verdict, table=table)


def _is_head(member: str, resolved: Sequence[tuple[types.Composite, StructFacts]]) -> bool:
    """Whether a member is a container in any of the structs."""
    found = (facts_at(struct, facts, member) for struct, facts in resolved)
    return any(known is not None and known.is_container for known in found)


def _says(alternatives: Alternatives, is_head: bool) -> str:
    """Return what a line says, in words."""
    return " | ".join(
        ", ".join(str((None if is_head else as_meaning(one)) or one) for one in choice)
        for choice in alternatives
    )


def _verdict(
    name: str, member: str, resolved: Sequence[tuple[types.Composite, StructFacts]]
) -> tuple[str, str]:
    """Return (status, reason) of a line: that it applies, if it does to any of the structs.

    Of alternatives on conditions, one is enough: others may be those of other kernels.
    """
    status, reason = NO_STRUCT, f"no struct {name}"
    for struct, facts in resolved:
        known = facts_at(struct, facts, member)
        if known is None:
            if status == NO_STRUCT:
                status, reason = NO_MEMBER, f"{struct} has no member {member}"
        elif known.problems and not known.cases:
            status, reason = MISFIT, _without_source(known.problems[-1])
        else:
            return APPLIES, ""
    return status, reason


def facts_at(struct: types.Composite, facts: StructFacts, path: str) -> MemberFacts | None:
    """Return what is known of the member at a path, which may lead through pointers."""
    place = resolve(struct, path, is_within=False)
    if place is None:
        return None
    first, *rest = place.pieces
    index = next((i for i, m in enumerate(struct.members) if m.name == first), None)
    known: MemberFacts | None
    known = facts.paths.get(first) if index is None else facts.members.get(index)
    for piece in rest:
        known = known.of_target.get(piece) if known is not None else None
    return known


def _without_source(problem: str) -> str:
    return problem.removeprefix("entry").lstrip(" :")


def _without_arrays(type_: types.Type) -> types.Type:
    base = type_.btf.skip_modifiers(type_)
    while isinstance(base, types.Array):
        base = base.btf.skip_modifiers(base.type_id)
    return base
