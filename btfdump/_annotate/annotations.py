"""What annotations say about a struct's members, checked against the kernel's types.

They come from overlays that the user gives, from tags in the BTF, and from the built-in library, in
that order of authority. Each is resolved here: the element type must exist, and the link must be
there and have the right type. What does not fit is a `problem`, shown where the member is. The
library alone may be silent about it, since its lines name members of many kernel versions.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._annotate.facts import MemberFacts, StructFacts, enter_at, mark_ring
from btfdump._annotate.grammar import Condition, Contains, Means, Skip, enclosed, parse
from btfdump._annotate.lookup import Subject, of_global, of_member
from btfdump._annotate.meanings import Meanings
from btfdump._annotate.members import resolve, target_struct
from btfdump._annotate.statements import OTHER_THING, Statements
from btfdump._annotate.summaries import bad_summary, by_interest, summary_of
from btfdump._btf.sections import member_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from btfdump._annotate.grammar import Annotation
    from btfdump._annotate.lookup import Lookup
    from btfdump._annotate.overlay import Alternatives, Overlay
    from btfdump._annotate.template import Template
    from btfdump._btf import types
    from btfdump._btf.types import TypeTable
    from btfdump._decode.scope import PathFacts
    from btfdump._meaning import Surroundings


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
        surroundings: Surroundings | None = None,
    ) -> None:
        self._overlays = tuple(reversed(overlays))  # the last one given comes first
        self._library = library
        self._lookup = lookup
        self.meanings = Meanings(self.sources(), lookup, surroundings)
        self._entering = Statements(lookup, self.meanings)
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
            p
            for overlay, name in of_users
            for p in bad_summary(overlay, struct, name, self._lookup)
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
            elif (means := self._meaning_alone(statements, index_, tags)) is not None:
                known = MemberFacts(is_meant=True, provenance="library")
                known.meant = partial(self.meanings.of_member, means, struct, index_)
                facts.members[index_] = known
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
        facts.interest_by = partial(by_interest, about)
        for index, known in facts.members.items():
            known.expansion = mark_ring(known.expansion, struct, struct.members[index].name)
        return facts

    def _meaning_alone(
        self,
        statements: Sequence[tuple[str, Alternatives]],
        index: int,
        tags: Mapping[int, tuple[str, ...]],
    ) -> Means | None:
        """Return what the library alone says that a member means, if it says nothing else of it.

        So it is with most scalars: what they mean is found out when one is shown.
        """
        if len(statements) != 1 or index in tags or self.is_strict:
            return None
        source, alternatives = statements[0]
        if source != "library" or len(alternatives) != 1 or len(alternatives[0]) != 1:
            return None
        (annotation,) = alternatives[0]
        return annotation if isinstance(annotation, Means) else None

    def summary_of(self, struct: types.Composite) -> tuple[str, ...] | tuple[Template, ...]:
        """Return what tells an object in a line: the paths of members, or else templates.

        Nothing else is looked up: it is asked of whatever a pointer leads to.
        """
        return summary_of(self._about(struct))

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
                self._entering.resolved(a, subject, source, trial)
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
            # A line of the library that has no others beside it is looked into when it is needed.
            is_only = source == "library" and len(alternatives) == 1 and not self.is_strict
            self._enter(case, subject, source, alternative, trial, is_only=is_only)
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
        *,
        is_only: bool = False,
    ) -> None:
        # What entries are skipped is said of their members: first comes what they are.
        for annotation in sorted(enclosed(alternative), key=lambda a: isinstance(a, Skip)):
            self._entering.state(facts, subject, source, annotation, complaints, is_later=is_only)

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
        return [c for c in complaints if self.is_strict and not c.endswith(OTHER_THING)]

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


def _is_settled(facts: MemberFacts, case: MemberFacts) -> bool:
    """Whether a source of more authority has said without a condition what a case says with one."""
    return (
        (facts.is_container and case.is_container)
        or (facts.points_to is not None and case.points_to is not None)
        or (facts.is_meant and case.is_meant)
    )
