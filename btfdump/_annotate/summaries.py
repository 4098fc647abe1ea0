"""What annotations say of how objects are told in one line, checked against the kernel's types.

That is a list of members, or templates (btfdump/_annotate/template.py), of which the first counts
that this kernel's types have all members for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.members import resolve, target_struct
from btfdump._btf import types
from btfdump._btf.members import find_member
from btfdump._decode.paths import split_path
from btfdump.errors import AnnotationError, BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._annotate.lookup import Lookup
    from btfdump._annotate.overlay import Overlay
    from btfdump._annotate.template import Cast, Part, Slot, Step, Template


def summary_of(about: Iterable[tuple[Overlay, str]]) -> tuple[str, ...] | tuple[Template, ...]:
    """Return what the first overlay says that says anything: member paths, or templates.

    Each overlay comes with a name by which it means the struct.
    """
    for overlay, name in about:
        stated = overlay.summary(name)
        if stated is not None:
            return stated
    return ()


def by_interest(about: Iterable[tuple[Overlay, str]]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names of the members that matter most, and of those of interest to few.

    Each list is that of the first overlay that has one, as in `summary_of()`.
    """
    first: list[str] | None = None
    last: list[str] | None = None
    for overlay, name in about:
        first = overlay.first(name) if first is None else first
        last = overlay.last(name) if last is None else last
    return tuple(first or ()), frozenset(last or ())


def bad_summary(overlay: Overlay, struct: types.Composite, name: str, lookup: Lookup) -> list[str]:
    """Say what is wrong with a user's lists and templates about a struct, under a name of it.

    Paths must begin with a member. Of several templates one must fit: others are for other kernels.
    """
    summary = overlay.summary(name) or ()
    stated = {"summary": summary, "first": overlay.first(name), "last": overlay.last(name)}
    wrong = [
        f"{overlay.source}: {table} of {struct}: no member {path}"
        for table, paths in stated.items()
        for path in paths or ()
        if isinstance(path, str) and find_member(struct, split_path(path)[0]) is None
    ]
    unfit: list[list[str]] = []
    for template in summary:
        if not isinstance(template, str):
            unfit.append([])
            fit(template, struct, lookup, unfit[-1])
    told = dict.fromkeys(text for complaints in unfit for text in complaints) if all(unfit) else {}
    return wrong + [f"{overlay.source}: summary of {struct}: {text}" for text in told]


def fit(
    template: Template,
    struct: types.Composite,
    lookup: Lookup,
    complaints: list[str],
    *,
    is_checked: bool = True,
) -> Template | None:
    """Return a template with its structs found, None if the kernel's types do not have it all.

    Optional parts that do not fit are left out. What does not fit is added to `complaints`. Unless
    `is_checked`, members are not looked up: where they are missing, nothing will be said.
    """
    fitting = _Fitting(struct, lookup, complaints, is_checked)
    try:
        texts = tuple((fitting.slot(slot), said) for slot, said in template.texts)
        parts = fitting.parts(template.parts)
        condition = condition_of(template.condition, struct, lookup)
    except AnnotationError as error:
        complaints.append(str(error))
        return None
    return template._replace(parts=parts, condition=condition, texts=texts)


def condition_of(text: str, struct: types.Composite, lookup: Lookup) -> str:
    """Return a condition with its enumerators resolved; raises `AnnotationError`."""
    if not text or text.islower():  # an enumerator has a capital
        return text
    from btfdump._annotate.enumerators import without_enumerators

    return without_enumerators(text, struct, struct.btf, lookup)


class _Fitting:
    """Fits templates for one struct."""

    def __init__(
        self,
        struct: types.Composite,
        lookup: Lookup,
        complaints: list[str],
        is_checked: bool,
    ) -> None:
        self._struct = struct
        self._lookup = lookup
        self._complaints = complaints
        self._is_checked = is_checked

    def parts(self, parts: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(self._parts(parts))

    def _parts(self, parts: Iterable[Part]) -> Iterator[Part]:
        from btfdump._annotate.template import Optional, Slot

        for part in parts:
            if isinstance(part, Slot):
                yield self.slot(part)
            elif isinstance(part, Optional):
                try:
                    yield Optional(
                        self.parts(part.parts),
                        condition_of(part.condition, self._struct, self._lookup),
                        self.parts(part.otherwise),
                    )
                except AnnotationError as error:
                    self._complaints.append(str(error))
            else:
                yield part

    def slot(self, slot: Slot) -> Slot:
        """Return a slot with the structs of its casts; raises `AnnotationError`.

        What a pointer to void leads to, or to a struct that is declared only, is not looked at.
        """
        from btfdump._annotate.template import Cast, Index

        current: types.Type | None = self._struct if self._is_checked else None
        found: list[Step] = []
        for step in slot.steps:
            if isinstance(step, Cast):
                current, around = self._cast(step)
                current = current if self._is_checked else None
                found.append(around)
                continue
            found.append(step)
            if current is None:
                continue
            if isinstance(step, Index):
                base = current.btf.skip_modifiers(current)
                current = base.btf.type(base.type_id) if isinstance(base, types.Array) else None
            elif isinstance(step, str):
                current = _member(current, step, slot)
        return slot._replace(steps=tuple(found))

    def _cast(self, cast: Cast) -> tuple[types.Composite, Step]:
        from btfdump._annotate.template import Around

        struct = self._lookup.struct(cast.struct, self._struct.btf)
        if not cast.member:
            return struct, Around(struct, 0)
        place = resolve(struct, cast.member)
        if place is None:
            raise AnnotationError(f"{struct} has no member {cast.member}")
        return struct, Around(struct, place.offset)


def _member(current: types.Type, name: str, slot: Slot) -> types.Type | None:
    """Return the type of a member of a struct, or of the one a pointer leads to, if it is known."""
    try:
        owner = target_struct(current)
    except BtfFormatError:
        owner = None
    if owner is None:
        return None
    member = find_member(owner, name)
    if member is None:
        raise AnnotationError(f"no member {slot.text}: {owner} has no {name}")
    return member.type
