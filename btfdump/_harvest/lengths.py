"""How long a table of heads is: from what the source indexes it with, to an expression of `len:`.

An index is below the end of its loop, masked, a remainder, or so many bits of a hash. What that is
computed from is spelled as members of the struct that has the table; numbers and macros are
computed. Of what is neither, nothing is said.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._harvest.containers import leads_to_table
from btfdump._harvest.resolve import ExpressionResolver, Frame, Spot, pointee, strip
from btfdump._harvest.syntax import (
    Arithmetic,
    Call,
    Cast,
    Deref,
    Expression,
    Member,
    Name,
    Number,
    Var,
)
from btfdump._harvest.tables import IndexedTable, is_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_DEPTH = 8
"""How far a number is followed through variables, calls and macros."""
_MOST = 8
"""The most values of one variable, or results of one function, that are followed."""
_BITS = frozenset(
    ("hash_min", "hash_32", "hash_64", "hash_long", "hash_ptr", "hash32_ptr", "hash_32_generic")
)
_SCALED = frozenset(("reciprocal_scale", "array_index_nospec"))
_FOLDED = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "&": operator.and_,
    "|": operator.or_,
    "/": operator.floordiv,
    "%": operator.mod,
}
_LARGEST = 1 << 32


class Lengths:
    """Tells the lengths of tables of one program."""

    def __init__(self, resolver: ExpressionResolver) -> None:
        self._resolver = resolver
        self._program = resolver.program

    def of(self, table: IndexedTable, frame: Frame) -> Iterator[tuple[Spot, str]]:
        """Yield (the member or global that points to the table, an expression for its length)."""
        owner = self._owner(table.base, frame, 0)
        if owner is None:
            return
        spot, struct = owner
        for end, where in self._ends(table.at, frame, 0):
            text = self._spell(end, where, struct, 0)
            if text is not None and text not in (0, 1):
                yield spot, str(text)

    def _owner(
        self, base: Expression, frame: Frame, depth: int
    ) -> tuple[Spot, types.Composite | None] | None:
        """Return what points to a table, and the struct that has it (None: it is a global)."""
        if depth > MAX_DEPTH:
            return None
        given = frame.argument(base)
        if given is not None:
            return self._owner(*given, depth + 1)
        if isinstance(base, Var):
            values = frame.assigned(base.number)
            return self._owner(values[0], frame, depth + 1) if len(values) == 1 else None
        if isinstance(base, Name):
            type_ = self._program.type_of_global(frame.function.file, base.name)
            is_table = type_ is not None and leads_to_table(type_)
            return (("", base.name), None) if is_table else None
        if not isinstance(base, Member):
            return None
        inner = self._resolver.type_of(base.base, frame)
        struct = pointee(inner) if base.arrow else inner
        if struct is None or struct.stars or not isinstance(struct.type, types.Composite):
            return None
        found = self._resolver.members(struct.type).get(base.field)
        if found is None or not struct.type.name:
            return None
        bucket, length, is_pointer = strip(found)
        if not is_pointer or length or not is_bucket(bucket):
            return None
        return (struct.type.name, base.field), struct.type

    def _ends(
        self, index: Expression, frame: Frame, depth: int
    ) -> Iterator[tuple[Expression, Frame]]:
        """Yield what an index is less than."""
        if depth > MAX_DEPTH:
            return
        given = frame.argument(index)
        if given is not None:
            yield from self._ends(*given, depth + 1)
        elif isinstance(index, Var):
            end = frame.function.bounds.get(index.number)
            if end is not None:
                yield end, frame
            for value in _values(index, frame):
                yield from self._ends(value, frame, depth + 1)
        elif isinstance(index, Cast):
            yield from self._ends(index.operand, frame, depth + 1)
        elif isinstance(index, Arithmetic):
            if index.operator == "&":
                yield from ((_beyond(side), frame) for side in (index.left, index.right))
            elif index.operator == "%":
                yield index.right, frame
        elif isinstance(index, Call):
            yield from self._ends_of_call(index, frame, depth)

    def _ends_of_call(
        self, call: Call, frame: Frame, depth: int
    ) -> Iterator[tuple[Expression, Frame]]:
        if call.name in _BITS and len(call.args) == 2:
            yield Arithmetic("<<", Number(1), call.args[1]), frame
        elif call.name in _SCALED and len(call.args) == 2:
            yield call.args[1], frame
        elif call.name == "runtime_const_shift_right_32" and len(call.args) == 2:
            bits = Arithmetic("-", Number(32), call.args[1])
            yield Arithmetic("<<", Number(1), bits), frame
        else:
            callee = self._resolver.callee(call, frame)
            for result in callee.function.results[:_MOST] if callee is not None else ():
                yield from self._ends(result, callee or frame, depth + 1)

    def _spell(
        self, number: Expression, frame: Frame, struct: types.Composite | None, depth: int
    ) -> int | str | None:
        """Spell a number by members of a struct, or by globals; None if that cannot be done."""
        if depth > MAX_DEPTH:
            return None
        given = frame.argument(number)
        if given is not None:
            return self._spell(*given, struct, depth + 1)
        if isinstance(number, Number):
            return number.value
        if isinstance(number, Cast):
            return self._spell(number.operand, frame, struct, depth + 1)
        if isinstance(number, Arithmetic):
            left = self._spell(number.left, frame, struct, depth + 1)
            right = self._spell(number.right, frame, struct, depth + 1)
            return _combined(number.operator, left, right)
        if isinstance(number, Member):
            return self._path(number, frame, struct)
        if isinstance(number, Name):
            return self._named(number.name, frame, struct, depth)
        spelled = {
            self._spell(value, where, struct, depth + 1)
            for value, where in self._equal(number, frame)
        }
        return spelled.pop() if len(spelled) == 1 else None

    def _equal(self, number: Expression, frame: Frame) -> Iterator[tuple[Expression, Frame]]:
        """Yield what a variable, or a call, is the value of."""
        if isinstance(number, Var):
            yield from ((value, frame) for value in _values(number, frame))
        elif isinstance(number, Call):
            if number.name in ("BIT", "BIT_ULL", "_BITUL") and number.args:
                yield Arithmetic("<<", Number(1), number.args[0]), frame
                return
            callee = self._resolver.callee(number, frame)
            if callee is not None:
                yield from ((result, callee) for result in callee.function.results[:_MOST])

    def _named(
        self, name: str, frame: Frame, struct: types.Composite | None, depth: int
    ) -> int | str | None:
        value = self._program.constant(frame.function.file, name)
        if value is not None:
            return self._spell(value, Frame(frame.function), struct, depth + 1)
        for btf in filter(None, (self._resolver.btf, self._resolver.btf.base)):
            for enum, at in btf.find_enumerators(name):
                return enum.enumerators[at].value
        type_ = self._program.type_of_global(frame.function.file, name)
        is_number = type_ is not None and not type_.stars and " " not in type_.base[:7]
        return name if struct is None and is_number else None

    def _path(self, number: Member, frame: Frame, struct: types.Composite | None) -> str | None:
        """Spell a member as a path from a struct, which must be the one that it leads from."""
        if struct is None:
            return None
        path = ""
        current: Expression = number
        for _ in range(MAX_DEPTH):
            given = frame.argument(current)
            if given is not None:
                current, frame = given
                continue
            if isinstance(current, Deref):
                current = current.operand
            if not isinstance(current, Member):
                return None
            path = current.field + path
            typed = self._resolver.type_of(current.base, frame)
            inner = pointee(typed) if current.arrow else typed
            if inner is not None and inner.type is struct and not inner.stars:
                is_there = path.split("->")[0].split(".")[0] in self._resolver.members(struct)
                return path if is_there else None
            path = f"->{path}" if current.arrow else f".{path}"
            current = current.base
        return None


def _values(variable: Var, frame: Frame) -> list[Expression]:
    numbers = (value for number, value in frame.function.numbers if number == variable.number)
    return [value for value in numbers if value != variable][:_MOST]


def _beyond(mask: Expression) -> Expression:
    """Return one more than a mask."""
    if isinstance(mask, Arithmetic) and (mask.operator, mask.right) == ("-", Number(1)):
        return mask.left
    return Arithmetic("+", mask, Number(1))


def _combined(sign: str, left: int | str | None, right: int | str | None) -> int | str | None:
    if left is None or right is None:
        return None
    if isinstance(left, int) and isinstance(right, int):
        if (sign in "/%" and right <= 0) or (sign in ("<<", ">>") and not 0 <= right < 64):
            return None
        value = int(_FOLDED[sign](left, right))
        return value if 0 <= value < _LARGEST else None
    if (sign, right) in (("+", 0), ("-", 0)):
        return left
    if (sign, right) == ("+", 1) and str(left).endswith(" - 1"):
        return _bare(str(left).removesuffix(" - 1"))
    sides = (f"({side})" if " " in str(side) else str(side) for side in (left, right))
    return f" {sign} ".join(sides)


def _bare(text: str) -> str:
    """Take off parentheses that are around all of a text."""
    inner = text[1:-1]
    is_around = text.startswith("(") and text.endswith(")") and "(" not in inner
    return inner if is_around else text
