"""Which pointers count no more although they are there, as annotations state it of their member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import StructLayout
from btfdump._kernel.expression import Path
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._kernel.value import Value

_MAX_STEPS = 64


def stale_member(whole: Value, path: str) -> str:
    """Return why the pointer at a path in an object counts no more, "" if it may well.

    That is said of what is kept when its target is freed (`role:stale`), and of the owner of a lock
    on the condition that it has one (`cond:`, `owner:task`), where it is not true.
    """
    try:
        steps = Path.parse(f".{path}").steps[:_MAX_STEPS]
        part = whole
        for step in steps:
            declared = _declared(part, step)
            part = part[step]
            facts = part.facts_
            if facts is not None and facts.is_stale:
                return "may outlive it"
            if declared and (facts is None or not facts.is_meant or _is_of_reader(facts)):
                return "of its last owner"
    except BtfdumpError:
        return ""
    return ""


def _is_of_reader(facts: MemberFacts) -> bool:
    """Whether it is the reader that took a lock last: it may have let go long ago."""
    return facts.meaning is not None and facts.meaning.name == "owner:reader"


def _declared(part: Value, step: str | int) -> bool:
    """Whether a member of a struct may be the owner of something, on a condition."""
    layout = part._layout_
    if not isinstance(step, str) or not isinstance(layout, StructLayout):
        return False
    base = layout.base
    if not isinstance(base, types.Composite):
        return False
    numbers = [number for number, member in enumerate(base.members) if member.name == step]
    known = part._context_.facts(layout).members.get(numbers[0]) if numbers else None
    return known is not None and any(
        case.meaning is not None and case.meaning.name.startswith("owner")
        for _, case in ((text, case.settled()) for text, case in known.settled().cases)
    )
