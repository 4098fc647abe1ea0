"""What annotations say about a struct's members, checked against the kernel's types.

They come from overlays that the user gives, from tags in the BTF, and from the built-in library, in
that order of authority. Each is resolved here: the element type must exist, and the link must be
there and have the right type. What does not fit is a `problem`, shown where the member is. The
library alone may be silent about it, since its lines name members of many kernel versions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._annotate.facts import Expansion, MemberFacts, StructFacts, enter_at, mark_ring
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
    Vacant,
    bare_name,
    enclosed,
    parse,
    with_keyword,
)
from btfdump._annotate.lookup import Lookup, Subject, of_entry, of_global, of_member, several
from btfdump._annotate.members import (
    CHAIN,
    bad_summary,
    link_offset,
    links_of,
    may_lead_to,
    next_offset,
    resolve,
    summary_of,
    target_struct,
)
from btfdump._btf import types
from btfdump._btf.sections import member_tags
from btfdump.errors import AnnotationError, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from btfdump._annotate.overlay import Alternatives, Overlay
    from btfdump._btf.types import TypeTable
    from btfdump._decode.scope import PathFacts

_OTHER_THING = "the member is not a container"


class Annotations:
    """Resolves annotations for one kernel, in which `lookup` finds what they name.

    With `is_strict`, lines of the library that do not fit are reported as others are, unless the
    member is something else in this kernel.
    """

    def __init__(
        self,
        overlays: Sequence[Overlay],
        library: Overlay | None,
        lookup: Lookup,
    ) -> None:
        self._overlays = tuple(reversed(overlays))  # the last one given comes first
        self._library = library
        self._lookup = lookup
        self.is_strict = False

    def sources(self) -> tuple[Overlay, ...]:
        """Return the overlays in order of authority, the library last."""
        return self._overlays + ((self._library,) if self._library is not None else ())

    def of_struct(self, struct: types.Composite) -> StructFacts:
        """Gather and check all facts about `struct`, a type of the kernel's BTF."""
        facts = StructFacts()
        about = list(self._about(struct))
        by_path = self._statements(about)
        tags = self._tags(struct)
        of_users = [(overlay, name) for overlay, name in about if overlay is not self._library]
        facts.problems = [
            p for overlay, name in of_users for p in bad_summary(overlay, struct, name)
        ]
        positions = {m.name: i for i, m in enumerate(struct.members) if m.name}
        for index in tags:
            by_path.setdefault(struct.members[index].name, [])
        elsewhere: list[tuple[list[str], MemberFacts]] = []
        for path, statements in by_path.items():
            index_ = positions.get(path)
            if index_ is None:
                place = resolve(struct, path, is_within=False)
                if place is None:
                    facts.problems += [
                        f"{source}: {struct} has no member {path}"
                        for source, _ in statements
                        if source != "library"
                    ]
                    continue
                known = self._of_member(struct, place.type, statements)
                if known is not None:
                    elsewhere.append((place.pieces, known))
            else:
                type_ = struct.members[index_].type
                known = self._of_member(struct, type_, statements, tags.get(index_, ()))
                if known is not None:
                    facts.members[index_] = known
        for index, texts in tags.items():
            if not struct.members[index].name:
                type_ = struct.members[index].type
                facts.members[index] = self.of_member(struct, type_, [], texts)
        for pieces, known in sorted(elsewhere, key=lambda found: len(found[0])):
            enter_at(facts, positions, pieces, known)
        facts.summary = summary_of(about)
        for index, known in facts.members.items():
            known.expansion = mark_ring(known.expansion, struct, struct.members[index].name)
        return facts

    def of_global(
        self,
        type_: types.Type,
        near: TypeTable,
        statements: list[tuple[str, Alternatives]],
        tags: tuple[str, ...],
    ) -> MemberFacts:
        """Check what overlays and tags say about a global variable of the kernel or a module."""
        return self._merge(of_global(type_, near), statements, tags)

    def misfits(
        self, type_: types.Type, near: TypeTable, source: str, alternatives: Alternatives
    ) -> list[str]:
        """Say what does not fit of what `source` states about a variable of type `type_`.

        That is said of the library too. If one of the alternatives fits, nothing is wrong.
        """
        return self._apply(MemberFacts(), of_global(type_, near), source, alternatives)

    def inside_global(
        self, type_: types.Type, stated: Iterable[tuple[str, Mapping[str, Alternatives]]]
    ) -> tuple[PathFacts, list[str]]:
        """Check what is said about the members of one global variable, or of what it points to.

        `stated` has what each source says, by member path. Returns the facts, and what does not
        fit, also of the library.
        """
        facts, wrong = StructFacts(), []
        struct = target_struct(type_)
        by_path: dict[str, list[tuple[str, Alternatives]]] = {}
        for source, members in stated:
            for path, alternatives in members.items():
                by_path.setdefault(path, []).append((source, alternatives))
        for path, statements in by_path.items():
            place = resolve(struct, path, is_within=False) if struct is not None else None
            if struct is None or place is None:
                wrong += [f"{source}: {type_} has no member {path}" for source, _ in statements]
                continue
            member = of_member(place.type, struct)
            for source, alternatives in statements:
                wrong += self._apply(MemberFacts(), member, source, alternatives)
            known = self._of_member(struct, place.type, statements)
            if known is not None:
                enter_at(facts, {}, place.pieces, known)
        return facts.paths, wrong

    def of_member(
        self,
        struct: types.Composite,
        type_: types.Type,
        statements: list[tuple[str, Alternatives]],
        tags: tuple[str, ...],
    ) -> MemberFacts:
        """Check what is said about a member of `struct` whose type is `type_`."""
        return self._merge(of_member(type_, struct), statements, tags)

    def _of_member(
        self,
        struct: types.Composite,
        type_: types.Type,
        statements: list[tuple[str, Alternatives]],
        tags: tuple[str, ...] = (),
    ) -> MemberFacts | None:
        """Do as `of_member()`, but return None if nothing is known, as if nothing were said."""
        known = self.of_member(struct, type_, statements, tags)
        return known if known.problems or not known.is_blank else None

    def _statements(
        self, about: Iterable[tuple[Overlay, str]]
    ) -> dict[str, list[tuple[str, Alternatives]]]:
        """Return what overlays and the library say about the members of a struct, by path."""
        found: dict[str, list[tuple[str, Alternatives]]] = {}
        for overlay, name in about:
            for path, alternatives in overlay.members(name).items():
                found.setdefault(path, []).append((overlay.source, alternatives))
        return found

    def _about(self, struct: types.Composite) -> Iterator[tuple[Overlay, str]]:
        """Yield the overlays by authority, each with the names by which it means the struct.

        What is said of just this one comes before what is said of all structs of its name.
        """
        for overlay in self.sources() if struct.name else ():
            for name in overlay.names_of(struct.name):
                if name == struct.name or self._lookup.means(name, struct):
                    yield overlay, name

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
        subject: Subject,
        statements: Iterable[tuple[str, Alternatives]],
        tags: tuple[str, ...],
    ) -> MemberFacts:
        facts = MemberFacts()
        ranked = list(statements)
        if tags:
            of_library = [s for s in ranked if s[0] == "library"]
            of_user = [s for s in ranked if s[0] != "library"]
            ranked = [*of_user, ("tag", (tuple(parse(text) for text in tags),)), *of_library]
        for source, alternatives in ranked:
            self._apply(facts, subject, source, alternatives)
        if subject.head is not None and not (facts.is_container or facts.is_link):
            self._by_type(facts, subject, subject.head)
        return facts

    def of_container(self, struct: types.Composite) -> MemberFacts | None:
        """Return what every container of a type holds, for use where nothing else is said."""
        facts = MemberFacts()
        subject = of_global(struct, struct.btf)
        self._by_type(facts, subject, struct.name)
        return facts if facts.provenance else None

    def _by_type(self, facts: MemberFacts, subject: Subject, head: str) -> None:
        for overlay in self.sources():
            self._apply(facts, subject, overlay.source, overlay.container(head))

    def _apply(
        self, facts: MemberFacts, subject: Subject, source: str, alternatives: Alternatives
    ) -> list[str]:
        """Enter the first alternative that fits, and those before it that hold on a condition.

        Return what is wrong with those before it. Where one fits that holds without a condition,
        nothing is wrong.
        """
        complaints: list[str] = []
        unfit: list[tuple[str, MemberFacts]] = []
        later: dict[str, list[tuple[Annotation, ...]]] = {}
        for alternative in alternatives:
            trial: list[str] = []
            conditions = [
                self._resolved(a, subject, source, trial)
                for a in alternative
                if isinstance(a, Condition)
            ]
            condition = " && ".join(f"({c})" for c in conditions)
            if (
                condition
                and not trial
                and source == "library"
                and self._is_far(alternative, subject)
            ):
                later.setdefault(condition, []).append(alternative)
                continue
            # What holds under a condition is kept apart; what else may hold is still to come.
            case = MemberFacts() if conditions else facts
            if source != "library":  # which counts only where something of it fits
                case.provenance = case.provenance or source
            self._enter(case, subject, source, alternative, trial)
            complaints += trial
            if trial:  # if the condition holds, nothing else does
                unfit.append((condition, MemberFacts(problems=self._told(source, trial))))
                continue
            case.provenance = case.provenance or source
            if not conditions:
                unfit = [(c, known) for c, known in unfit if c]
                complaints = []
                break
            if not _is_settled(facts, case):
                facts.cases.append((condition, case))
        self._enter_unfit(facts, source, unfit)
        for condition, waiting in later.items():
            enter = partial(self._enter_first, subject, source, tuple(waiting))
            facts.cases.append((condition, MemberFacts(pending=enter)))
        return complaints

    def _is_far(self, alternative: tuple[Annotation, ...], subject: Subject) -> bool:
        """Whether only modules can have what an alternative names: they are asked at need."""
        return any(
            isinstance(a, Contains) and not self._lookup.is_near(a.element, subject.near)
            for a in enclosed(alternative)
        )

    def _enter(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        alternative: tuple[Annotation, ...],
        complaints: list[str],
    ) -> None:
        # What entries are skipped is said of their members: first comes what they are.
        for annotation in sorted(enclosed(alternative), key=lambda a: isinstance(a, Skip)):
            self._state(facts, subject, source, annotation, complaints)

    def _enter_first(
        self, subject: Subject, source: str, alternatives: Alternatives, facts: MemberFacts
    ) -> None:
        """Enter the first alternative that fits, now that their condition has been met."""
        complaints: list[str] = []
        for alternative in alternatives:
            trial: list[str] = []
            self._enter(facts, subject, source, alternative, trial)
            if not trial:
                facts.provenance = facts.provenance or source
                return
            complaints += trial
        facts.problems += self._told(source, complaints)

    def _told(self, source: str, complaints: list[str]) -> list[str]:
        """Return those of the complaints about a source that are reported."""
        if source != "library":
            return complaints
        return [c for c in complaints if self.is_strict and not c.endswith(_OTHER_THING)]

    @staticmethod
    def _enter_unfit(
        facts: MemberFacts, source: str, unfit: Iterable[tuple[str, MemberFacts]]
    ) -> None:
        """Report what does not fit: what the library says on a condition, only where that holds."""
        for condition, known in unfit:
            if condition and source == "library":
                facts.cases.append((condition, known))
            else:
                facts.problems += known.problems

    def _state(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        annotation: Annotation,
        complaints: list[str],
    ) -> None:
        """Enter one annotation unless a source of more authority has spoken already."""
        if isinstance(annotation, Contains):
            if facts.expansion is None and not facts.candidates:
                self._expand(facts, subject, source, annotation, complaints)
        elif isinstance(annotation, PointsTo | Placed | ContainerOf):
            if facts.points_to is None:
                self._lead(facts, subject, source, annotation, complaints)
        elif isinstance(annotation, FlagsOf):
            from btfdump._annotate.enumerators import flag_names

            facts.flags = facts.flags or flag_names(annotation.names, subject.near, self._lookup)
            if not facts.flags:
                complaints.append(f"{source} flags:{annotation.names}: no such enum or prefix")
        elif isinstance(annotation, Length | Skip | Vacant):
            self._limit(facts, subject, source, annotation, complaints)
        elif isinstance(annotation, Unknown):
            if annotation.reason or subject.head not in (None, CHAIN):
                reason = annotation.reason or "expected NAME:NODE"
                complaints.append(f'{source} "{annotation.text}" is not understood: {reason}')
        else:
            _state_plain(facts, annotation)

    def _limit(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        annotation: Length | Skip | Vacant,
        complaints: list[str],
    ) -> None:
        """Say how many elements there are, or which entries or heads are none."""
        if isinstance(annotation, Length):
            if facts.length is None:
                facts.length = self._resolved(annotation, subject, source, complaints)
        elif isinstance(annotation, Vacant):
            number = self._resolved(annotation, subject, source, complaints)
            if number.isdecimal() and len(number) < 20:
                facts.vacant = int(number) if facts.vacant is None else facts.vacant
            else:
                complaints.append(f"{source} vacant:{number}: neither a number nor an enumerator")
        elif facts.skip is None:
            if facts.expansion is not None:
                subject = of_entry(facts.expansion.element)
            facts.skip = self._resolved(annotation, subject, source, complaints)

    def _resolved(
        self,
        annotation: Condition | Length | Skip | Vacant,
        subject: Subject,
        source: str,
        complaints: list[str],
    ) -> str:
        """Return an expression with its enumerators resolved."""
        text = annotation.expression
        if text.islower():  # an enumerator has a capital
            return text
        from btfdump._annotate.enumerators import without_enumerators

        try:
            return without_enumerators(text, subject.struct, subject.near, self._lookup)
        except AnnotationError as error:
            complaints.append(f"{source} {annotation}: {error}")
            return text

    def _lead(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        annotation: PointsTo | Placed | ContainerOf,
        complaints: list[str],
    ) -> None:
        """Let a pointer lead to what it is said to."""
        if isinstance(annotation, ContainerOf):
            self._enclose(facts, subject, source, annotation, complaints)
            return
        placed = annotation if isinstance(annotation, Placed) else None
        try:
            facts.points_to = self._lookup.struct(annotation.target, subject.near)
            facts.placed = placed
        except AnnotationError as error:
            key = "points_to" if placed is None else "placed"
            complaints.append(f"{source} {key}:{annotation.target}: {error}")

    def _enclose(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        tag: ContainerOf,
        complaints: list[str],
    ) -> None:
        """Let a pointer to a member lead to the struct around it."""
        text = f"{source} container_of:{tag.outer}:{tag.member}"
        type_ = subject.type_
        if not isinstance(type_.btf.skip_modifiers(type_), types.Ptr):
            complaints.append(f"{text}: the member is neither a pointer nor a container")
            return
        try:
            outer = self._lookup.struct(tag.outer, subject.near)
        except AnnotationError as error:
            complaints.append(f"{text}: {error}")
            return
        resolved = resolve(outer, tag.member)
        if resolved is None:
            complaints.append(f"{text}: {outer} has no member {tag.member}")
        else:
            facts.points_to, facts.points_into = outer, resolved.offset

    def _expand(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        tag: Contains,
        complaints: list[str],
    ) -> None:
        head = subject.head
        text = f'{source} "{tag.element}{":" + tag.node if tag.node else ""}"'
        try:
            walker = subject.walker(source)
        except PluginError as error:
            complaints.append(f"{text}: {error}")
            return
        if walker is None or (head == CHAIN and not tag.node):
            if source == "tag":
                return  # NAME on something that is no container: not ours
            complaints.append(f"{text}: {_OTHER_THING}")
            return
        structs = self._lookup.structs(tag.element, subject.near)
        if not structs:
            if head != CHAIN or source != "tag":
                complaints.append(f"{text}: {_without_element(subject, tag.element)}")
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
        else:
            missing = f"{with_keyword(tag.element)} has no member of struct {walker.link}"
            others = f"; {several(tag.element, structs)}" if len(structs) > 1 else ""
            complaints.append(f"{text}: {reasons[0] if reasons else missing}{others}")


def _without_element(subject: Subject, element: str) -> str:
    """Say what is wrong where there is no struct of the name that is said to be in a container."""
    if subject.head == CHAIN and not may_lead_to(subject.type_, bare_name(element)):
        return _OTHER_THING
    return f"no {with_keyword(element)} in the BTF"


def _is_settled(facts: MemberFacts, case: MemberFacts) -> bool:
    """Whether a source of more authority has said without a condition what a case says with one."""
    return (facts.is_container and case.is_container) or (
        facts.points_to is not None and case.points_to is not None
    )


def _state_plain(facts: MemberFacts, annotation: Annotation) -> None:
    """Enter an annotation that needs no look at the kernel's types."""
    if isinstance(annotation, TypedBy):
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
