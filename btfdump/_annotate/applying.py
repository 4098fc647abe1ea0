"""Whether lines of [scalar], which are about all of a type, of [first] and [last] apply.

Those of the library name types and members of many kernels; of a user's overlay, what applies to
nothing is a mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.grammar import bare_name, with_keyword
from btfdump._btf import types
from btfdump._btf.members import find_member
from btfdump._decode.paths import split_path
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._annotate.lookup import Lookup
    from btfdump._annotate.meanings import Meanings
    from btfdump._annotate.overlay import Overlay
    from btfdump._btf.types import TypeTable

APPLIES, NO_STRUCT, NO_MEMBER, MISFIT = "applies", "no struct", "no member", "does not fit"
INTEREST = ("first", "last")
"""The tables of what matters most in a struct, and of what is of interest to few."""


class Verdict(NamedTuple):
    """Whether a line applies, and why not."""

    status: str
    reason: str = ""


def scalar_verdict(
    overlay: Overlay, name: str, found: Iterable[types.Type], meanings: Meanings
) -> Verdict:
    """Return whether what an overlay says of all values of a type can be said of any of them.

    `found` are the types of that name.
    """
    reasons: list[str] = []
    is_there = False
    for type_ in found:
        is_there = True
        for annotation in (one for choice in overlay.scalar(name) for one in choice):
            try:
                if meanings.stated(annotation, type_) is not None:
                    return Verdict(APPLIES)
                reasons.append(f"it does not say what values mean: {annotation}")
            except AnnotationError as error:
                reasons.append(str(error))
    if not is_there:
        return Verdict(NO_STRUCT, f"no type {name}")
    return Verdict(MISFIT, reasons[0] if reasons else "nothing is said")


def types_called(name: str, btfs: Iterable[TypeTable]) -> list[types.Type]:
    """Return the typedefs, structs and unions of a name in some BTFs."""
    found = dict.fromkeys(type_ for btf in btfs for type_ in btf.find_all(None, name))
    return [one for one in found if isinstance(one, types.Typedef | types.Composite)]


def interest_verdict(
    overlay: Overlay, table: str, name: str, structs: Sequence[types.Composite]
) -> Verdict:
    """Return whether any of the members that a line of [first] or [last] names is there."""
    names = (overlay.first(name) if table == "first" else overlay.last(name)) or []
    if not structs:
        return Verdict(NO_STRUCT, f"no {with_keyword(name)}")
    for struct in structs:
        if any(find_member(struct, split_path(one)[0]) is not None for one in names):
            return Verdict(APPLIES)
    return Verdict(NO_MEMBER, f"{with_keyword(bare_name(name))} has none of {', '.join(names)}")


def scalar_problems(
    overlay: Overlay, lookup: Lookup, near: TypeTable, meanings: Meanings
) -> list[str]:
    """Return a text for each line of a user's [scalar] that applies to nothing in a kernel."""
    problems = []
    for name in overlay.scalars():
        verdict = scalar_verdict(overlay, name, lookup.declared(name, near), meanings)
        if verdict.status == NO_STRUCT:
            where = "in the BTF of this kernel or its modules"
            problems.append(f"{overlay.source}: scalar: {verdict.reason} {where}")
        elif verdict.status != APPLIES:
            problems.append(f"{overlay.source}: scalar: {name}: {verdict.reason}")
    return problems
