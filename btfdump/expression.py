"""Small languages: member paths typed by users, and length expressions in annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from btfdump.errors import CorruptDataError, ExpressionError, ObjectNotFoundError

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

    from btfdump.value import Value

MAX_LENGTH = 1 << 28
"""Array lengths beyond this are taken for corrupt data."""

_TOKEN = re.compile(
    r"(?:0[xX][0-9a-fA-F]+|\d+)(?!\w)|[A-Za-z_]\w*|->|<<|>>|[-+*/%&|^().]|\s", re.ASCII
)
_STEP = re.compile(
    r"\s*(?:(?:->|\.)\s*(?P<member>[A-Za-z_]\w*)|\[\s*(?P<index>-?\d+|-?0x[0-9a-fA-F]+)\s*\])"
)


@dataclass(frozen=True)
class Path:
    """Steps from a root: member names (`.` and `->` alike) and indexes."""

    text: str
    steps: tuple[str | int, ...]
    where: str = ""

    @classmethod
    def parse(cls, text: str, *, where: str = "") -> Path:
        """Parse `.a->b[2]`; raises `ExpressionError` that points at the character."""
        steps: list[str | int] = []
        at = 0
        while at < len(text.rstrip()):
            match = _STEP.match(text, at)
            if match is None:
                raise ExpressionError(
                    f"{where}{text}: {text[at:]!r} is not understood: "
                    "expected .MEMBER, ->MEMBER or [INDEX]"
                )
            steps.append(match["member"] or int(match["index"], 0))
            at = match.end()
        return cls(text, tuple(steps), where)

    def follow(self, value: Value) -> Value:
        """Walk from `value`; raises `MemberNotFoundError`, `FaultError`, `ObjectNotFoundError`."""
        for step in self.steps:
            try:
                value = value[step]
            except IndexError as error:
                raise ObjectNotFoundError(f"{self.where}{self.text}: {error}") from error
        return value


def evaluate_length(holder: Value, text: str) -> int:
    """Evaluate a length expression such as `1 << bucket_log` over the members of `holder`.

    Integers, members (`.` and `->`), parentheses and + - * / % << >> & | ^ are understood. Raises
    `CorruptDataError` where the result is no sensible length, `ExpressionError` for other syntax.
    """
    if _TOKEN.sub("", text).strip():
        raise ExpressionError(f"length {text!r} uses more than members and arithmetic")
    try:
        length = _evaluate(holder, _parse(text), text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"length {text!r} is not an expression") from error
    if not 0 <= length <= MAX_LENGTH:
        raise CorruptDataError(f"length {text} is {length}: not a sensible number of elements")
    return length


@lru_cache(maxsize=256)
def _parse(text: str) -> ast.expr:
    import ast

    return ast.parse(text.replace("->", ".").strip(), mode="eval").body


def _evaluate(holder: Value, node: ast.expr, text: str) -> int:
    import ast

    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return int(node.value)
    if isinstance(node, ast.Name | ast.Attribute):
        value = _member(holder, node, text).value_()
        if not isinstance(value, int):
            raise ExpressionError(f"length {text!r} uses what is no integer")
        return int(value)
    if isinstance(node, ast.BinOp):
        left = _evaluate(holder, node.left, text)
        right = _evaluate(holder, node.right, text)
        if isinstance(node.op, ast.Div | ast.Mod) and not right:
            raise CorruptDataError(f"length {text}: division by zero")
        if isinstance(node.op, ast.LShift | ast.RShift) and not 0 <= right < 64:
            raise CorruptDataError(f"length {text}: shift by {right}")
        for kind, operate in _OPERATORS.items():
            if type(node.op).__name__ == kind:
                return operate(left, right)
    raise ExpressionError(f"length {text!r} uses more than members and arithmetic")


def _member(holder: Value, node: ast.expr, text: str) -> Value:
    import ast

    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ExpressionError(f"length {text!r} uses more than members and arithmetic")
    value = holder.member_(node.id)
    for name in reversed(names):
        value = value.member_(name)
    return value


_OPERATORS: dict[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mult": lambda a, b: a * b,
    "Div": lambda a, b: a // b,
    "FloorDiv": lambda a, b: a // b,
    "Mod": lambda a, b: a % b,
    "LShift": lambda a, b: a << b,
    "RShift": lambda a, b: a >> b,
    "BitAnd": lambda a, b: a & b,
    "BitOr": lambda a, b: a | b,
    "BitXor": lambda a, b: a ^ b,
}
