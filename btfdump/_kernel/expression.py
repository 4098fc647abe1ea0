"""Small languages: member paths that users type, and expressions in annotations."""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from keyword import iskeyword
from typing import TYPE_CHECKING

from btfdump.errors import (
    BtfdumpError,
    CorruptDataError,
    ExpressionError,
    MemberNotFoundError,
    ObjectNotFoundError,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeVar

    from typing_extensions import Self

    from btfdump._annotate.facts import MemberFacts

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
_MARK = "\N{LATIN SMALL LETTER O WITH STROKE}"
"""Ends a name that is a word of Python."""

_TOKEN = re.compile(
    r"(?:0[xX][0-9a-fA-F]+|\d+)(?!\w)|[A-Za-z_]\w*|->|<<|>>|&&|\|\||[=!<>]=|[-+*/%&|^().~!<>]|\s",
    re.ASCII,
)
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
    condition that cannot be evaluated does not hold, and is recorded as a problem.
    """
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
    | ^ ~ !, comparisons, && and ||; unlike in C, & binds more tightly than ==. Raises
    `ExpressionError` for any other syntax, `CorruptDataError` for a division by zero, an impossible
    shift or a result that no integer of C holds, `MemberNotFoundError`, and `FaultError`.
    """
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(
            f"{what} {excerpt(text)!r} is not an expression: it has {len(text)} characters, "
            f"more than {MAX_EXPRESSION}"
        )
    if _TOKEN.sub("", text).strip():
        raise ExpressionError(f"{what} {text!r} uses more than members and arithmetic")
    try:
        return _Evaluation(scopes, text, what).of(_parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{what} {text!r} is not an expression") from error


@lru_cache(maxsize=256)
def _parse(text: str) -> ast.expr:
    import ast

    return ast.parse(in_python(text), mode="eval").body


def in_python(text: str) -> str:
    """Replace C's operators by Python's, and names that are words of Python by others.

    `class` is a member of many structs. What `as_in_c()` gives back cannot be confused with another
    name: those in C are ASCII.
    """
    text = re.sub(r"\b[A-Za-z_]\w*", _as_a_name, text)
    for there, here in (("->", "."), ("&&", " and "), ("||", " or ")):
        text = text.replace(there, here)
    return re.sub(r"!(?!=)", " not ", text).strip()


def _as_a_name(word: re.Match[str]) -> str:
    return f"{word[0]}{_MARK}" if iskeyword(word[0]) else word[0]


def as_in_c(name: str) -> str:
    """Return a name in an expression of Python as it is in C: see `in_python()`."""
    return name.removesuffix(_MARK)


class _Evaluation:
    """The evaluation of one expression."""

    def __init__(self, scopes: Sequence[Scope], text: str, what: str) -> None:
        self.scopes = scopes
        self.text = text
        self.what = what

    def of(self, node: ast.expr) -> int:
        """Return the value of a subexpression."""
        import ast

        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            if node.value >= 1 << 64:
                raise ExpressionError(f"{self.what} {self.text!r}: a number of more than 64 bits")
            return int(node.value)
        if isinstance(node, ast.Name | ast.Attribute):
            value = self.member(node).value_()
            if not isinstance(value, int):
                raise ExpressionError(f"{self.what} {self.text!r} uses what is no integer")
            return int(value)
        if isinstance(node, ast.UnaryOp) and type(node.op).__name__ in _UNARY:
            return _UNARY[type(node.op).__name__](self.of(node.operand))
        if isinstance(node, ast.BoolOp):
            decide = all if isinstance(node.op, ast.And) else any
            return int(decide(self.of(part) for part in node.values))
        if isinstance(node, ast.Compare):
            return self.compare(node)
        if isinstance(node, ast.BinOp):
            return self.arithmetic(node)
        raise ExpressionError(f"{self.what} {self.text!r} uses more than members and arithmetic")

    def compare(self, node: ast.Compare) -> int:
        kind = type(node.ops[0]).__name__
        if kind not in _COMPARISONS or len(node.ops) > 1:
            raise ExpressionError(f"{self.what} {self.text!r}: comparisons cannot be chained")
        return int(_COMPARISONS[kind](self.of(node.left), self.of(node.comparators[0])))

    def arithmetic(self, node: ast.BinOp) -> int:
        import ast

        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Div | ast.Mod) and not right:
            raise CorruptDataError(f"{self.what} {self.text}: division by zero")
        if isinstance(node.op, ast.LShift | ast.RShift) and not 0 <= right < 64:
            raise CorruptDataError(f"{self.what} {self.text}: shift by {right}")
        operate = _OPERATORS.get(type(node.op).__name__)
        if operate is None:
            raise ExpressionError(
                f"{self.what} {self.text!r} uses more than members and arithmetic"
            )
        result = operate(left, right)
        if abs(result) >= _BEYOND:
            raise CorruptDataError(f"{self.what} {self.text}: the result passes 128 bits")
        return result

    def member(self, node: ast.expr) -> Operand:
        import ast

        names: list[str] = []
        while isinstance(node, ast.Attribute):
            names.append(as_in_c(node.attr))
            node = node.value
        if not isinstance(node, ast.Name):
            raise ExpressionError(
                f"{self.what} {self.text!r} uses more than members and arithmetic"
            )
        value = self.first(as_in_c(node.id))
        for name in reversed(names):
            value = value.member_(name)
        return value

    def first(self, name: str) -> Operand:
        """Return the member of that name from the innermost scope that has one."""
        for scope in self.scopes[:-1]:
            try:
                return scope.member_(name)
            except MemberNotFoundError:
                continue
        return self.scopes[-1].member_(name)


def _quotient(dividend: int, divisor: int) -> int:
    """Divide as C does: towards zero."""
    whole = abs(dividend) // abs(divisor)
    return whole if (dividend < 0) == (divisor < 0) else -whole


def _remainder(dividend: int, divisor: int) -> int:
    return dividend - divisor * _quotient(dividend, divisor)


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mult": operator.mul,
    "Div": _quotient,
    "Mod": _remainder,
    "LShift": operator.lshift,
    "RShift": operator.rshift,
    "BitAnd": operator.and_,
    "BitOr": operator.or_,
    "BitXor": operator.xor,
}
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "Eq": operator.eq,
    "NotEq": operator.ne,
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}
_UNARY: dict[str, Callable[[int], int]] = {
    "Not": lambda value: int(not value),
    "Invert": operator.invert,
    "USub": operator.neg,
    "UAdd": operator.pos,
}
