"""Expressions in annotations as steps for a stack machine: operands first, then their operator.

Precedence is that of C, for those who write annotations know C. Where C's own surprises people,
parentheses are asked for: `a & b == c` is `a & (b == c)` there, and is hardly meant so. Nothing is
nested here, so that an expression of any shape takes no more of Python's stack than another.
"""

from __future__ import annotations

import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._decode.paths import split_path
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:0[xX][0-9a-fA-F]+|\d+)(?!\w))"
    r"|(?P<member>[A-Za-z_]\w*(?:\s*(?:\.|->)\s*[A-Za-z_]\w*)*)"
    r"|(?P<operator><<|>>|&&|\|\||[=!<>]=|[-+*/%&|^~!<>()]))",
    re.ASCII,
)
# A name, with what stands for it if there is no such enumerator. Numbers, and members of what is
# before them, are left as they are.
_WORD = (
    r"(?:->|\.)\s*[A-Za-z_]\w*|\d\w*"
    r"|(?P<name>[A-Za-z_]\w*)(?P<others>(?:\s*\?:\s*\w+)*)"
)
_MARKS = frozenset(".()*/%&|^~!<>=+-_")
_MOST_BITS = 64

_LEVELS = ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %")
_PRECEDENCE = {op: level for level, ops in enumerate(_LEVELS, 1) for op in ops.split()}
_COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])
_REMEDY = "put parentheses around what is meant"
UNARY_PRECEDENCE = len(_LEVELS) + 1


PathStep: TypeAlias = "tuple[str, Any]"
"""One step: push a "number" or the value of a "member", by its path; or apply an operator.

What goes with it is the number, the path, or where a step that skips goes on.

`&&` and `||` are two steps each, as what follows them is not always looked at: "skip &&" where the
left side decides, with the step to go on with, and "truth".
"""

UNARY: dict[str, Callable[[int], int]] = {
    "unary !": operator.not_,
    "unary ~": operator.invert,
    "unary -": operator.neg,
    "unary +": operator.pos,
}
BINARY: dict[str, Callable[[int, int], int]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "|": operator.or_,
    "^": operator.xor,
    "&": operator.and_,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda dividend, divisor: _quotient(dividend, divisor),
    "%": lambda dividend, divisor: dividend - divisor * _quotient(dividend, divisor),
}
"""What operators of C do; `/` and `%` are not asked to divide by zero."""


def _quotient(dividend: int, divisor: int) -> int:
    """Divide as C does: towards zero."""
    whole = abs(dividend) // abs(divisor)
    return whole if (dividend < 0) == (divisor < 0) else -whole


@lru_cache(maxsize=256)
def steps_of(text: str) -> tuple[PathStep, ...]:
    """Return the steps that evaluate an expression; raises `ExpressionError` if it is none.

    The message says what is wrong, without the expression.
    """
    if not all(c.isascii() and (c.isalnum() or c.isspace()) for c in {*text} - _MARKS):
        raise _more_than_members()
    return Reading(text).steps()


def with_names(expression: str, named: Callable[[re.Match[str]], str]) -> str:
    """Return an expression with what `named` returns for each word of it.

    In the match, "name" is the first name of a choice and "others" holds those after it.
    """
    return re.sub(_WORD, named, expression, flags=re.ASCII)


def with_one_choice(expression: str) -> str:
    """Return an expression with the first of several enumerators: its syntax is that of all."""
    return with_names(expression, lambda word: word["name"] or word[0])


_Operator: TypeAlias = tuple[str, int, int]
"""Its text and precedence, and the step that it skips by."""


class Reading:
    """The reading of one expression, by Dijkstra's two stacks.

    A class of another language of expressions has its own `token`, `precedence` and `comparisons`,
    and `operand()` makes a step of a match that is no operator.
    """

    token = _TOKEN
    precedence: Mapping[str, int] = _PRECEDENCE
    comparisons = _COMPARISONS

    def __init__(self, text: str) -> None:
        self.text = text
        self.made: list[PathStep] = []
        self.pending: list[_Operator] = []
        self.ways: list[str] = []
        """How each operand came about: by which operator, "" for one that stands by itself."""

    def steps(self) -> tuple[PathStep, ...]:
        is_operand_next, at, end = True, 0, len(self.text.rstrip())
        while at < end:
            match = self.token.match(self.text, at)
            if match is None:
                raise _no_expression()
            at = match.end()
            token = match["operator"]
            is_operand_next = self.begin(match, token) if is_operand_next else self.go_on(token)
        if is_operand_next:
            raise _no_expression()
        self.settle(0)
        if self.pending:  # a parenthesis that is not closed
            raise _no_expression()
        return tuple(self.made)

    def begin(self, match: re.Match[str], token: str | None) -> bool:
        """Take what an operand begins with; return whether it goes on."""
        if token is None:
            self.push(self.operand(match))
            return False
        if token == "(":
            self.pending.append((token, 0, 0))
        elif f"unary {token}" in UNARY:
            self.pending.append((f"unary {token}", UNARY_PRECEDENCE, 0))
        else:
            raise _no_expression()
        return True

    def go_on(self, token: str | None) -> bool:
        """Take what stands behind an operand; return whether another one follows."""
        if token == ")":
            self.settle(0)
            if not self.pending:
                raise _no_expression()
            self.pending.pop()
            self.ways[-1] = ""
            return False
        if token == "(":  # a call
            raise _more_than_members()
        if token is None or token not in self.precedence:
            raise _no_expression()
        precedence, skip = self.precedence[token], 0
        self.settle(precedence)
        if token in {"&&", "||"}:
            skip = len(self.made)
            self.made.append((f"skip {token}", 0))
        self.pending.append((token, precedence, skip))
        return True

    def settle(self, precedence: int) -> None:
        """Apply the operators that bind as closely as that, up to a parenthesis."""
        while self.pending and self.pending[-1][1] >= max(precedence, 1):
            self.apply(self.pending.pop())

    def apply(self, one: _Operator) -> None:
        text, precedence, skip = one
        if precedence == UNARY_PRECEDENCE:
            self.made.append((text, 0))
            self.ways[-1] = text
            return
        right, left = self.ways.pop(), self.ways.pop()
        compared = [way for way in (left, right) if way in self.comparisons]
        if compared and text in self.comparisons:
            raise ExpressionError(f"is ambiguous: comparisons cannot be chained; {_REMEDY}")
        if compared and text in {"&", "|", "^"}:
            closer = f"in C, {compared[0]} binds closer than {text}"
            raise ExpressionError(f"is ambiguous: {closer}; {_REMEDY}")
        if text in {"&&", "||"}:
            self.made[skip] = f"skip {text}", len(self.made)
            self.made.append(("truth", 0))
        else:
            self.made.append((text, 0))
        self.ways.append(text)

    def operand(self, match: re.Match[str]) -> PathStep:
        """Return the step of a number, or of a member."""
        return _operand(match)

    def push(self, step: PathStep) -> None:
        self.made.append(step)
        self.ways.append("")


def _operand(match: re.Match[str]) -> PathStep:
    digits = match["number"]
    if digits is None:
        return "member", split_path(match["member"])
    is_octal = digits[0] == "0" and digits[1:].isdigit()
    try:
        value = int(digits, 8 if is_octal else 0)
    except ValueError:  # 08; or more digits than Python takes
        raise _no_expression() from None
    if value >> _MOST_BITS:
        raise ExpressionError("has a number of more than 64 bits")
    return "number", value


def _no_expression() -> ExpressionError:
    return ExpressionError("is not an expression")


def _more_than_members() -> ExpressionError:
    return ExpressionError("uses more than members and arithmetic")
