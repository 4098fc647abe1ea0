"""Small languages: member paths that users type, and expressions in annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from btfdump.errors import (
    BtfdumpError,
    CorruptDataError,
    ExpressionError,
    MemberNotFoundError,
    ObjectNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextvars import ContextVar
    from typing import Any, Protocol, TypeVar

    from typing_extensions import Self

    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.postfix import PathStep

    class Scope(Protocol):
        """Resolves the names in an expression: usually a struct, by its members."""

        def member_(self, name: str) -> Operand:
            """Return the member of that name; raises `MemberNotFoundError`."""

    class Operand(Scope, Protocol):
        """A member used in an expression."""

        def value_(self) -> Any:
            """Return its value: an int if it can take part in arithmetic."""

    class Indexed(Protocol):
        """What a path can be followed through: `value["member"]`, `value[3]`."""

        def __getitem__(self, key: str | int, /) -> Self:
            """Return a member by name, or an element or entry by index."""

    Root = TypeVar("Root", bound=Indexed)


MAX_LENGTH = 1 << 28
"""The most elements an array may have; a greater length is taken for corrupt data."""

MAX_EXPRESSION = 1000
"""The most characters of an expression: those of the library have a tenth of that."""
_BEYOND = 1 << 128

_MOST_QUOTED = 200
_STEP = re.compile(
    r"\s*(?:(?:->|\.)\s*(?P<member>[A-Za-z_]\w*)|\[\s*(?P<index>-?(?:\d+|0x[0-9a-fA-F]+))\s*\])"
)


def parse_number(text: str, where: str = "") -> int:
    """Return the integer that a user wrote, decimal or after 0x.

    Raises `ExpressionError`, with the text `where` it stands, if it is none or has more than 128
    bits: Python itself does not print the longest ones.
    """
    try:
        value = int(text, 10 if text.lstrip("+-").isdecimal() else 0)
    except ValueError:
        value = _BEYOND
    if abs(value) >= _BEYOND:
        shown = excerpt(text)
        raise ExpressionError(f"{excerpt(where or text)}: {shown} is no number of at most 128 bits")
    return value


def excerpt(text: str) -> str:
    """Return what a message repeats of a text that a user, a tag or an overlay has: its beginning.

    People read messages, and a text may have any length.
    """
    return text if len(text) <= _MOST_QUOTED else f"{text[:_MOST_QUOTED]}..."


def is_path(text: str) -> bool:
    """Whether a text is nothing but the steps of a `Path`."""
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _STEP.match(text, at)
        if match is None:
            return False
        at = match.end()
    return True


def is_more_than_path(text: str) -> bool:
    """Whether a text begins with a step as a path does, and goes on as no path does."""
    return not is_path(text) and text.lstrip().startswith((".", "->", "["))


@dataclass(frozen=True)
class Path:
    """The steps from a root: member names (after `.` or `->`, which mean the same) and indexes."""

    text: str
    steps: tuple[str | int, ...]
    where: str = ""

    @classmethod
    def parse(cls, text: str, *, where: str = "") -> Path:
        """Parse a path such as `.a->b[2]`.

        `where` is the text before it, for error messages. Raises `ExpressionError`, which points at
        the offending character.
        """
        steps: list[str | int] = []
        at = 0
        while at < len(text.rstrip()):
            match = _STEP.match(text, at)
            if match is None:
                raise ExpressionError(
                    f"{where}{excerpt(text)}: {excerpt(text[at:])!r} is not understood: "
                    "expected .MEMBER, ->MEMBER or [INDEX]"
                )
            steps.append(match["member"] or parse_number(match["index"], f"{where}{excerpt(text)}"))
            at = match.end()
        return cls(text, tuple(steps), where)

    def follow(self, value: Root) -> Root:
        """Return what the path leads to from `value`.

        Raises `MemberNotFoundError`, `FaultError`, or `ObjectNotFoundError` if an index is out of
        range.
        """
        for step in self.steps:
            try:
                value = value[step]
            except IndexError as error:
                raise ObjectNotFoundError(f"{self.where}{self.text}: {error}") from error
        return value


def evaluate_length(scopes: Sequence[Scope], text: str) -> int:
    """Evaluate a length expression, such as `1 << bucket_log`, over the members of `scopes`.

    Returns a number of elements. Raises `CorruptDataError` if it is negative or implausibly large,
    and the same errors as `evaluate()`.
    """
    length = evaluate(scopes, text, "length")
    if not 0 <= length <= MAX_LENGTH:
        raise CorruptDataError(f"length {text} is {length}: not a sensible number of elements")
    return length


def applying(facts: MemberFacts, scopes: Sequence[Scope]) -> MemberFacts:
    """Return the facts of the first case whose condition holds, else those without a condition.

    Names in conditions are members of `scopes`: the structs around the member, innermost first. A
    condition that cannot be evaluated does not hold, and is recorded as a problem. What holds for
    those names under conditions is not asked: it might be asked of the member itself again.
    """
    is_deciding = _is_deciding()
    if is_deciding.get():
        return replace(facts, cases=[])
    token = is_deciding.set(True)
    try:
        return _decided(facts, scopes)
    finally:
        is_deciding.reset(token)


@cache
def _is_deciding() -> ContextVar[bool]:
    """Return what tells whether a condition is being evaluated."""
    from contextvars import ContextVar

    return ContextVar("is_deciding", default=False)


def _decided(facts: MemberFacts, scopes: Sequence[Scope]) -> MemberFacts:
    problems, unmet = [], []
    for condition, case in facts.cases:
        try:
            if evaluate(scopes, condition):
                return case.settled()
        except BtfdumpError as error:
            problems.append(f"{case.provenance} cond:{condition}: {error}")
        else:
            if case.is_container or case.pending is not None:
                unmet.append(f"{case.provenance or 'library'} cond:{condition}")
    return replace(
        facts, cases=[], problems=[*facts.problems, *problems], unmet=tuple(dict.fromkeys(unmet))
    )


def evaluate(scopes: Sequence[Scope], text: str, what: str = "condition") -> int:
    """Evaluate an integer expression over members.

    A name is looked up in each of `scopes` in turn; `what` names the expression in error messages.
    Understood are integers of up to 64 bits, members (`.` and `->`), parentheses, + - * / % << >> &
    | ^ ~ !, comparisons, && and ||, with the precedence that they have in C
    (btfdump/_annotate/postfix.py). Raises `ExpressionError` for any other syntax, and where a
    comparison is an operand of & | ^ without parentheses; `CorruptDataError` for a division by
    zero, an impossible shift or a result that no integer of C holds; `MemberNotFoundError`, and
    `FaultError`.
    """
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(
            f"{what} {excerpt(text)!r} is not an expression: it has {len(text)} characters, "
            f"more than {MAX_EXPRESSION}"
        )
    from btfdump._annotate.postfix import steps_of  # many a look needs no expression

    try:
        steps = steps_of(text)
    except ExpressionError as error:
        raise ExpressionError(f"{what} {text!r} {error}") from None
    return Evaluation(scopes, text, what).of(steps)


def binary(operate: Callable[[int, int], int], kind: str, left: int, right: int, told: str) -> int:
    """Apply an operator of C, the one that is spelled `kind`.

    `told` is what errors say first. Raises `CorruptDataError` for what has no result.
    """
    if kind in {"/", "%"} and not right:
        raise CorruptDataError(f"{told}: division by zero")
    if kind in {"<<", ">>"} and not 0 <= right < 64:
        raise CorruptDataError(f"{told}: shift by {right}")
    result = int(operate(left, right))
    if abs(result) >= _BEYOND:
        raise CorruptDataError(f"{told}: the result passes 128 bits")
    return result


class Evaluation:
    """The evaluation of one expression."""

    def __init__(self, scopes: Sequence[Scope], text: str, what: str) -> None:
        self.scopes = scopes
        self.text = text
        self.what = what

    def of(self, steps: Sequence[PathStep]) -> int:
        """Return the value that the steps of an expression lead to."""
        from btfdump._annotate.postfix import BINARY, UNARY

        stack: list[int] = []
        at = 0
        while at < len(steps):
            kind, operand = steps[at]
            at += 1
            if isinstance(operand, tuple):
                stack.append(self.member(operand))
            elif kind == "number":
                stack.append(operand)
            elif kind in UNARY:
                stack.append(int(UNARY[kind](stack.pop())))
            elif kind == "truth":
                stack.append(int(bool(stack.pop())))
            elif kind in BINARY:
                right = stack.pop()
                told = f"{self.what} {self.text}"
                stack.append(binary(BINARY[kind], kind, stack.pop(), right, told))
            elif bool(stack[-1]) == (kind == "skip ||"):  # the left side decides
                at = operand
            else:
                stack.pop()
        return stack.pop()

    def member(self, path: Sequence[str]) -> int:
        found = self.first(path[0])
        for name in path[1:]:
            found = found.member_(name)
        value = found.value_()
        if not isinstance(value, int):
            raise ExpressionError(f"{self.what} {self.text!r} uses what is no integer")
        return int(value)

    def first(self, name: str) -> Operand:
        """Return the member of that name from the innermost scope that has one."""
        for scope in self.scopes[:-1]:
            try:
                return scope.member_(name)
            except MemberNotFoundError:
                continue
        return self.scopes[-1].member_(name)
