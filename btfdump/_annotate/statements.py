"""What one annotation states, entered into the facts about what it is on.

Each is checked against the kernel's types: the element type must exist, and the link must be there
and have the right type. What does not fit is a complaint, which `Annotations` passes on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._annotate.facts import Expansion
from btfdump._annotate.grammar import (
    ContainerOf,
    Contains,
    Follow,
    Length,
    LinkRole,
    Means,
    NotUnderstood,
    Placed,
    PointsTo,
    Show,
    Skip,
    Space,
    Stale,
    TypedBy,
    Vacant,
    as_meaning,
    bare_name,
    with_keyword,
)
from btfdump._annotate.lookup import of_entry, several
from btfdump._annotate.members import (
    CHAIN,
    link_offset,
    links_of,
    may_lead_to,
    next_offset,
    resolve,
)
from btfdump._btf import types
from btfdump.errors import AnnotationError, PluginError

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.grammar import Annotation, Condition
    from btfdump._annotate.lookup import Lookup, Subject
    from btfdump._annotate.meanings import Meanings

OTHER_THING = "the member is not a container"


class Statements:
    """Enters annotations into facts; `lookup` finds what they name."""

    def __init__(self, lookup: Lookup, meanings: Meanings) -> None:
        self._lookup = lookup
        self._meanings = meanings

    def state(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        annotation: Annotation,
        complaints: list[str],
        *,
        is_later: bool = False,
    ) -> None:
        """Enter one annotation unless a source of more authority has spoken already.

        With `is_later`, what values mean is found out when one is shown, and not complained of.
        """
        stated = as_meaning(annotation)
        if stated is not None and (isinstance(annotation, Means) or not subject.may_hold()):
            if not facts.is_meant:
                self._mean(facts, subject, source, stated, complaints, is_later=is_later)
        elif isinstance(annotation, Contains):
            if facts.expansion is None and not facts.candidates:
                self._expand(facts, subject, source, annotation, complaints)
        elif isinstance(annotation, PointsTo | Placed | ContainerOf):
            if facts.points_to is None:
                self._lead(facts, subject, source, annotation, complaints)
        elif isinstance(annotation, Length | Skip | Vacant):
            self._limit(facts, subject, source, annotation, complaints)
        elif isinstance(annotation, NotUnderstood):
            if annotation.reason or subject.head not in (None, CHAIN):
                reason = annotation.reason or "expected NAME:NODE"
                complaints.append(f'{source} "{annotation.text}" is not understood: {reason}')
        else:
            _state_plain(facts, annotation)

    def _mean(
        self,
        facts: MemberFacts,
        subject: Subject,
        source: str,
        stated: Means,
        complaints: list[str],
        *,
        is_later: bool,
    ) -> None:
        """Say what the values of a member mean."""
        meanings, type_, near = self._meanings, subject.type_, subject.near
        if is_later:
            facts.meant, facts.is_meant = partial(meanings.find, stated, type_, near), True
            return
        try:
            meaning = meanings.of(stated, type_, near)
        except AnnotationError as error:
            text = f"{stated.word}:{stated.argument}" if stated.argument else stated.word
            complaints.append(f"{source} {text}: {error}")
            return
        facts.meant, facts.is_meant = (lambda: meaning), True

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
                facts.length = self.resolved(annotation, subject, source, complaints)
        elif isinstance(annotation, Vacant):
            number = self.resolved(annotation, subject, source, complaints)
            if number.isdecimal() and len(number) < 20:
                facts.vacant = int(number) if facts.vacant is None else facts.vacant
            else:
                complaints.append(f"{source} vacant:{number}: neither a number nor an enumerator")
        elif facts.skip is None:
            if facts.expansion is not None:
                subject = of_entry(facts.expansion.element)
            facts.skip = self.resolved(annotation, subject, source, complaints)

    def resolved(
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
            complaints.append(f"{text}: {OTHER_THING}")
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
        return OTHER_THING
    return f"no {with_keyword(element)} in the BTF"


def _state_plain(facts: MemberFacts, annotation: Annotation) -> None:
    """Enter an annotation that needs no look at the kernel's types."""
    if isinstance(annotation, TypedBy):
        facts.typed_by = facts.typed_by or annotation.path
    elif isinstance(annotation, Show):
        facts.is_string |= annotation.how in ("string", "utf8")
        facts.is_hex |= annotation.how == "hex"
    elif isinstance(annotation, Follow):
        facts.follow = annotation.members if facts.follow is None else facts.follow
    elif isinstance(annotation, Space):
        facts.space = facts.space or annotation.name
    elif isinstance(annotation, LinkRole):
        facts.is_link = True
    elif isinstance(annotation, Stale):
        facts.is_stale = True
