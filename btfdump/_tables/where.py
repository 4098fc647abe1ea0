"""Conditions on the rows of a table: the expressions of annotations, with texts and units.

::

    state == "D" && rss > 100M
    age > 5m || comm ~ "^kworker"
    flags ~ "O_APPEND" && !(uid == 0)

A text is compared with what a cell means; `~` and `!~` search it for a regular expression. A number
may have a unit: K, M, G, T of bytes, and ns, us, ms, s, m (or min), h, d of time. What is missing
in a row compares as false.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._annotate.postfix import BINARY, UNARY, Reading
from btfdump._tables.form import Form
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from btfdump._annotate.postfix import PathStep

_NS = 1_000_000_000
_UNITS: dict[str, tuple[str, int]] = {
    **{
        f"{letter}{end}": ("bytes", 1 << 10 * power)
        for power, letter in enumerate("KMGTPE", 1)
        for end in ("", "B", "iB")
    },
    "k": ("bytes", 1 << 10),
    "B": ("bytes", 1),
    "ns": ("ns", 1),
    "us": ("ns", 1_000),
    "ms": ("ns", 1_000_000),
    "s": ("ns", _NS),
    "m": ("ns", 60 * _NS),
    "min": ("ns", 60 * _NS),
    "h": ("ns", 3_600 * _NS),
    "d": ("ns", 86_400 * _NS),
}
_MATCHES = ("~", "!~")
_PLAIN = Form()


class Amount(NamedTuple):
    """A number with a unit: of "bytes", or of "ns"."""

    number: float
    unit: str
    text: str


class Cell(NamedTuple):
    """A column's name, its cell in a row, and how that is told."""

    name: str
    value: Any
    form: Form

    def text(self) -> str:
        """Return what the cell means, or its value as it is written."""
        if isinstance(self.value, list | tuple):
            return ",".join(map(str, self.value))
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        if self.form.names is not None:
            names = self.form.names(self.value)
            return names if isinstance(names, str) else "|".join(names)
        return str(self.form.told(self.value))


class _Asking(Reading):
    """The reading of a condition: expressions in which texts and amounts may stand."""

    token = re.compile(
        r"\s*(?:(?P<text>\"[^\"]*\"|'[^']*')"
        r"|(?P<number>(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?)(?![\w.]))"
        r"|(?P<amount>\d+(?:\.\d+)?[A-Za-z]+(?![\w.]))"
        r"|(?P<member>[A-Za-z_]\w*(?:\.\w+)*)"
        r"|(?P<operator><<|>>|&&|\|\||!~|[=!<>]=|[-+*/%&|^~!<>()]))",
        re.ASCII,
    )
    precedence: Mapping[str, int] = {
        **Reading.precedence,
        **dict.fromkeys(_MATCHES, Reading.precedence["=="]),
    }
    comparisons = Reading.comparisons | set(_MATCHES)

    def operand(self, match: re.Match[str]) -> PathStep:
        """Return the step of a text, an amount, a number or a column."""
        if match["text"] is not None:
            return "text", match["text"][1:-1]
        if match["amount"] is not None:
            digits = re.match(r"[\d.]+", match["amount"])
            assert digits is not None
            unit = match["amount"][digits.end() :]
            if unit not in _UNITS:
                known = ", ".join(one for one in _UNITS if len(one) < 3)
                raise ExpressionError(f"has the unit {unit!r}; known are {known}")
            kind, factor = _UNITS[unit]
            return "amount", Amount(float(digits[0]) * factor, kind, match["amount"])
        if match["number"] is not None:
            text = match["number"]
            return "number", float(text) if "." in text else int(text, 16 if "x" in text else 10)
        return "member", match["member"]


class RowCondition:
    """A condition on rows; raises `ExpressionError` if the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._steps = _Asking(text).steps()
        except ExpressionError as error:
            raise ExpressionError(f"--where {text!r} {error}") from None
        self.names = [what for kind, what in self._steps if kind == "member"]

    def check(self, known: Iterable[str]) -> None:
        """Raise `ExpressionError` if a name is none of the columns `known`."""
        for name in self.names:
            check_column(name, known, "--where")

    def holds(self, row: Mapping[str, Any], forms: Mapping[str, Form]) -> bool:
        """Whether it is true of a row; raises `ExpressionError` for what cannot be compared."""
        stack: list[Any] = []
        at = 0
        while at < len(self._steps):
            kind, what = self._steps[at]
            at += 1
            if kind == "member":
                stack.append(Cell(what, row.get(what), forms.get(what, _PLAIN)))
            elif kind in {"number", "text", "amount"}:
                stack.append(what)
            elif kind in UNARY:
                stack.append(self._unary(kind, stack.pop()))
            elif kind == "truth":
                stack.append(_is_true(stack.pop()))
            elif kind in {"skip &&", "skip ||"}:
                if _is_true(stack[-1]) == (kind == "skip ||"):
                    at = what
                else:
                    stack.pop()
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(self._binary(kind, left, right))
        return _is_true(stack.pop())

    def _unary(self, kind: str, operand: Any) -> Any:
        if kind == "unary !":
            return not _is_true(operand)
        number = self._number(operand)
        return None if number is None else UNARY[kind](number)

    def _binary(self, kind: str, left: Any, right: Any) -> Any:
        if kind in _MATCHES:
            return self._is_found(left, right) == (kind == "~")
        if kind not in Reading.comparisons:
            first, second = self._number(left), self._number(right)
            if first is None or second is None or (kind in {"/", "%"} and not second):
                return None
            if kind in {"<<", ">>"} and not 0 <= second < 64:
                return None
            return BINARY[kind](first, second)
        if _value(left) is None or _value(right) is None:
            return False
        if isinstance(left, str) or isinstance(right, str):
            return BINARY[kind](_text(left), _text(right))  # type: ignore[arg-type]
        if isinstance(left, Amount) or isinstance(right, Amount):
            return BINARY[kind](self._amount(left, right), self._amount(right, left))  # type: ignore[arg-type]
        first, second = _value(left), _value(right)
        if isinstance(first, str) and isinstance(second, str):
            return BINARY[kind](first, second)  # type: ignore[arg-type]
        return BINARY[kind](self._number(left), self._number(right))

    def _is_found(self, left: Any, right: Any) -> bool:
        if not isinstance(right, str):
            raise self._error('expected a text behind ~: NAME ~ "PATTERN"')
        if _value(left) is None:
            return False
        try:
            return re.search(right, _text(left)) is not None
        except re.error as error:
            raise self._error(f"{right!r} is no regular expression: {error}") from error

    def _amount(self, operand: Any, other: Any) -> float:
        """Return a number in the base unit of what it is compared with."""
        if isinstance(operand, Amount):
            unit = other.form.unit if isinstance(other, Cell) else ""
            if isinstance(other, Amount) or unit == operand.unit:
                return operand.number
            if not unit and operand.unit == "bytes":  # 10K of anything
                return operand.number
            told = {"bytes": "a number of bytes", "ns": "a time"}
            name = other.name if isinstance(other, Cell) else str(other)
            raise self._error(
                f"{operand.text} is {told[operand.unit]}, {name} is {told.get(unit, 'a number')}"
            )
        number = self._number(operand)
        return float(number * operand.form.scale if isinstance(operand, Cell) else number)

    def _number(self, operand: Any) -> Any:
        value = _value(operand)
        if isinstance(operand, Amount):
            return operand.number
        if value is None or isinstance(value, int | float):
            return value
        name = f"{operand.name} is" if isinstance(operand, Cell) else f"{value!r} is"
        raise self._error(f'{name} no number: compare it with a text in quotes, == "..." or ~')

    def _error(self, reason: str) -> ExpressionError:
        return ExpressionError(f"--where {self.text!r}: {reason}")


def nanoseconds(text: str) -> int | None:
    """Return a time with a unit, or a number of seconds, in nanoseconds; None if it is none."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([A-Za-z]*)", text, re.ASCII)
    if match is None:
        return None
    kind, factor = _UNITS.get(match[2] or "s", ("", 0))
    if kind != "ns":
        return None
    whole, _, decimals = match[1].partition(".")
    return int(whole) * factor + int(f"{decimals:0<12}"[:12]) * factor // 10**12


def check_column(name: str, known: Iterable[str], where: str) -> None:
    """Raise `ExpressionError`, with what may have been meant, if a column is not known."""
    names = list(known)
    if name in names:
        return
    from difflib import get_close_matches  # only who mistypes needs it

    near = get_close_matches(name, names, 1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise ExpressionError(f"{where}: no column {name!r}; {meant}there are {', '.join(names)}")


def _value(operand: Any) -> Any:
    return operand.value if isinstance(operand, Cell) else operand


def _text(operand: Any) -> str:
    return operand.text() if isinstance(operand, Cell) else str(operand)


def _is_true(operand: Any) -> bool:
    return bool(_value(operand))
