"""Conditions of templates as Python functions, made once: most are decided for every object.

Only what cannot fail is compiled: comparisons, bits and logic on numbers. The reference, which any
other condition is left to, is `btfdump/_kernel/expression.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.postfix import BINARY, UNARY, steps_of
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._annotate.postfix import PathStep

    Member = Callable[[str], Callable[[bytes, int], int] | None]
    Holds: TypeAlias = Callable[[bytes, int], int]

_SAFE = frozenset(("==", "!=", "<", "<=", ">", ">=", "&", "|", "^", "unary !"))
_MOST_STEPS = 32
"""The longest condition that is compiled: functions are nested as deep as its operators."""


def compiled(text: str, member: Member) -> Holds | None:
    """Return a function that evaluates a condition on bytes, None for one that may fail.

    Like those that `member(path)` returns to read a member, it takes bytes and where in them the
    object starts; `member(path)` returns None for a member that is not in them.
    """
    try:
        steps = steps_of(text)
    except ExpressionError:  # said where it is evaluated
        return None
    if len(steps) > _MOST_STEPS:
        return None
    made: list[Holds] = []
    logic: list[str] = []
    for step in steps:
        if not _add(step, made, logic, member):
            return None
    return made.pop()


def _add(step: PathStep, made: list[Holds], logic: list[str], member: Member) -> bool:
    """Apply one step to the functions that are made so far; whether that can be done."""
    kind, operand = step
    if isinstance(operand, tuple):
        read = member(".".join(operand))
        if read is None:
            return False
        made.append(read)
    elif kind == "number":
        made.append(lambda data, at, number=operand: number)  # type: ignore[misc]
    elif kind.startswith("skip "):
        logic.append(kind[len("skip ") :])
    elif kind == "truth":
        right, left = made.pop(), made.pop()
        made.append(_both(left, right) if logic.pop() == "&&" else _either(left, right))
    elif kind not in _SAFE:
        return False
    elif kind in UNARY:
        made.append(_after(UNARY[kind], made.pop()))
    else:
        right, left = made.pop(), made.pop()
        made.append(_of_two(BINARY[kind], left, right))
    return True


def _both(left: Holds, right: Holds) -> Holds:
    return lambda data, at: bool(left(data, at) and right(data, at))


def _either(left: Holds, right: Holds) -> Holds:
    return lambda data, at: bool(left(data, at) or right(data, at))


def _after(operate: Callable[[int], int], operand: Holds) -> Holds:
    return lambda data, at: operate(operand(data, at))


def _of_two(operate: Callable[[int, int], int], left: Holds, right: Holds) -> Holds:
    return lambda data, at: operate(left(data, at), right(data, at))
