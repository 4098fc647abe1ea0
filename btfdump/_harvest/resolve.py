"""From expressions to types and places, using the kernel's BTF for every member.

A *place* is where a container (or a link) is: a chain of (struct, path) from the innermost named
struct outward. `&task->pending.list` is `sigpending.list` as well as `task_struct.pending.list`.
Pointers in local variables, parameters and results of small functions are followed to what was
assigned, passed or returned, and a macro's parameters are replaced by its arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import types
from btfdump._decode.paths import split_path
from btfdump._harvest.containers import ENDS
from btfdump._harvest.idioms import FIRSTS, IDIOMS, LOOPS_OF_LINKS, STEPS
from btfdump._harvest.syntax import (
    AddressOf,
    Arithmetic,
    Call,
    Cast,
    Choice,
    CType,
    Deref,
    Expression,
    Index,
    Member,
    Name,
    Number,
    Other,
    Var,
    type_of_text,
)

if TYPE_CHECKING:
    from btfdump._btf.reader import Btf
    from btfdump._harvest.program import Program
    from btfdump._harvest.scan import Function

MAX_NESTING = 12
"""How far pointers are followed through variables, calls and macros."""
MAX_STEPS = 20_000
"""The most expressions looked at to resolve one: variables assigned to each other multiply."""

Spot: TypeAlias = tuple[str, str]
"""(struct, path of a member); a global variable is ("", its name)."""


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A member, as seen from each named struct around it, the innermost first.

    `is_pointer` means that the member only points to the head. `length` is the number of elements
    of an array of heads or links, 0 if it is not an array. `is_step` means that a pointer to a link
    was named (`head.next`), so that the member may be a link as well.
    """

    spots: tuple[Spot, ...]
    is_pointer: bool = False
    is_step: bool = False
    length: int = 0


@dataclass(frozen=True, slots=True)
class Typed:
    """A type of the BTF behind `stars` more pointers."""

    type: types.Type
    stars: int = 0


@dataclass(slots=True)
class Frame:
    """A function or macro that is being read, and the arguments of the call that led to it."""

    function: Function
    args: tuple[Expression, ...] = ()
    texts: tuple[str, ...] = ()
    caller: Frame | None = None
    depth: int = 0
    _assigned: dict[int, list[Expression]] = field(default_factory=dict)

    def argument(self, expression: Expression) -> tuple[Expression, Frame] | None:
        """Return what a parameter stands for: (the argument, the frame in which to read it)."""
        number = self._parameter(expression)
        if number is None or self.caller is None or number >= len(self.args):
            return None
        return self.args[number], self.caller

    def text(self, text: str) -> str:
        """Replace a macro's parameter by the text of the argument."""
        if self.function.macro_params and self.caller and text in self.function.macro_params:
            number = self.function.macro_params.index(text)
            if number < len(self.texts):
                return self.caller.text(self.texts[number])
        return text

    def assigned(self, number: int) -> list[Expression]:
        """Return everything that is assigned to a variable."""
        if not self._assigned:
            for left, right in self.function.assigns:
                self._assigned.setdefault(left.number, []).append(right)
            for call in self.function.calls:
                if call.name in LOOPS_OF_LINKS and call.args and isinstance(call.args[0], Var):
                    head = call.args[-1]
                    self._assigned.setdefault(call.args[0].number, []).append(head)
            self._assigned.setdefault(-1, [])
        return self._assigned.get(number, [])

    def _parameter(self, expression: Expression) -> int | None:
        params = self.function.macro_params
        if isinstance(expression, Name) and params and expression.name in params:
            return params.index(expression.name)
        if isinstance(expression, Var) and params is None:
            return expression.number if expression.number < self.function.params else None
        return None


class ExpressionResolver:
    """Resolves expressions for one BTF and one set of scanned files."""

    def __init__(self, btf: Btf, program: Program) -> None:
        self.btf = btf
        self.program = program
        self.members = cache(members_of)
        self._steps = 0

    def _may_go_on(self, depth: int) -> bool:
        """Count a step in resolving one expression, which begins at depth 0."""
        self._steps = self._steps + 1 if depth else 0
        return depth <= MAX_NESTING and self._steps < MAX_STEPS

    # Types

    def declared(self, type_: CType) -> Typed | None:
        """Find a declared type in the BTF."""
        keyword, _, name = type_.base.rpartition(" ")
        kind = keyword if keyword in ("struct", "union") else "typedef"
        found = self.btf.find_all(kind, name)
        return Typed(self.btf.skip_modifiers(found[0]), type_.stars) if found else None

    def type_of(self, expression: Expression, frame: Frame, depth: int = 0) -> Typed | None:
        """Return the type of an expression, None if it cannot be told."""
        if not self._may_go_on(depth) or isinstance(expression, Number | Arithmetic | Other):
            return None
        given = frame.argument(expression)
        if isinstance(expression, Var):
            return self._type_of_variable(expression, frame, depth)
        if given is not None:
            return self.type_of(*given, depth + 1)
        if isinstance(expression, Name):
            type_ = self.program.type_of_global(frame.function.file, expression.name)
            return self.declared(type_) if type_ is not None else None
        if isinstance(expression, Cast):
            return self.declared(expression.type)
        if isinstance(expression, Choice):
            one = self.type_of(expression.one, frame, depth + 1)
            return one or self.type_of(expression.other, frame, depth + 1)
        if isinstance(expression, Call):
            return self._type_of_call(expression, frame, depth)
        return self._type_of_access(expression, frame, depth)

    def _type_of_variable(self, variable: Var, frame: Frame, depth: int) -> Typed | None:
        declared = frame.function.types[variable.number]
        if declared is not None and not declared.base.startswith(("void", "typeof", "__auto")):
            return self.declared(declared)
        for value in frame.assigned(variable.number):
            found = self.type_of(value, frame, depth + 1)
            if found is not None:
                return found
        return None

    def _type_of_access(
        self, expression: Member | Index | AddressOf | Deref, frame: Frame, depth: int
    ) -> Typed | None:
        if isinstance(expression, Member):
            base = self.type_of(expression.base, frame, depth + 1)
            struct = pointee(base) if expression.arrow else base
            if struct is None or struct.stars or not isinstance(struct.type, types.Composite):
                return None
            type_: types.Type = struct.type
            for name in self._spelled_out(struct.type, expression.field):
                found = (
                    self.members(type_).get(name) if isinstance(type_, types.Composite) else None
                )
                if found is None:
                    return None
                type_ = found
            return Typed(type_)
        if isinstance(expression, Index):
            base = self.type_of(expression.base, frame, depth + 1)
            return base if expression.is_sum else pointee(base)
        inner = self.type_of(expression.operand, frame, depth + 1)
        if isinstance(expression, Deref):
            return pointee(inner)
        return Typed(inner.type, inner.stars + 1) if inner is not None else None

    def _type_of_call(self, call: Call, frame: Frame, depth: int) -> Typed | None:
        idiom = IDIOMS.get(call.name)
        if idiom is not None:
            if idiom.type is None or len(call.texts) <= idiom.type:
                return None
            named = type_of_text(frame.text(call.texts[idiom.type]))
            found = self.declared(named) if named is not None else None
            return Typed(found.type, found.stars + 1) if found is not None else None
        callee = self.callee(call, frame)
        if callee is not None:
            if callee.function.returns is not None:
                return self.declared(callee.function.returns)
            for result in callee.function.results:
                found = self.type_of(result, callee, depth + 1)
                if found is not None:
                    return found
            return None
        for function in self.btf.find_all("func", call.name):
            proto = self.btf.type(function.type_id)  # type: ignore[attr-defined]
            if isinstance(proto, types.FuncProto) and proto.type_id:
                return Typed(self.btf.skip_modifiers(proto.type_id))
        return None

    def callee(self, call: Call, frame: Frame) -> Frame | None:
        """Return a frame for the function or macro that is called, if its source was read."""
        function = self.program.find(frame.function.file, call.name)
        if function is None or frame.depth >= MAX_NESTING // 2:
            return None
        return Frame(function, call.args, call.texts, frame, frame.depth + 1)

    # Places

    def places(self, expression: Expression, frame: Frame, depth: int = 0) -> list[SeenMember]:
        """Return the members that a pointer to a container, or to a link, may point to."""
        if not self._may_go_on(depth):
            return []
        given = frame.argument(expression)
        if given is not None:
            return self.places(*given, depth + 1)
        if isinstance(expression, Cast):
            return self.places(expression.operand, frame, depth + 1)
        if isinstance(expression, Index):
            return self.places(expression.base, frame, depth + 1)
        if isinstance(expression, AddressOf | Deref):
            return self._places_behind(expression.operand, frame, depth)
        if isinstance(expression, Member):
            return self._member(expression, frame, depth)
        if isinstance(expression, Choice):
            one = self.places(expression.one, frame, depth + 1)
            return one + self.places(expression.other, frame, depth + 1)
        if isinstance(expression, Var):
            values = frame.assigned(expression.number)
            return [p for value in values for p in self.places(value, frame, depth + 1)]
        if isinstance(expression, Name):
            return self._global(expression.name, frame)
        if isinstance(expression, Call):
            return self._places_of_call(expression, frame, depth)
        return []

    def _places_behind(self, operand: Expression, frame: Frame, depth: int) -> list[SeenMember]:
        given = frame.argument(operand)
        if given is not None:
            return self._places_behind(*given, depth + 1) if depth < MAX_NESTING else []
        if isinstance(operand, Member):
            return self._member(operand, frame, depth)
        return self.places(operand, frame, depth + 1)

    def _places_of_call(self, call: Call, frame: Frame, depth: int) -> list[SeenMember]:
        if call.name in FIRSTS and call.args:
            found = self.places(call.args[0], frame, depth + 1)
            return [replace(place, is_step=True) for place in found]
        callee = self.callee(call, frame)
        if callee is None:
            return []
        results = callee.function.results
        return [p for result in results for p in self.places(result, callee, depth + 1)]

    def _global(self, name: str, frame: Frame) -> list[SeenMember]:
        type_ = self.program.type_of_global(frame.function.file, name)
        if type_ is None or type_.base.removeprefix("struct ") not in ENDS:
            return []
        is_pointer = bool(type_.stars) and not type_.is_array
        return [SeenMember((("", name),), is_pointer)] if type_.stars < 2 else []

    def _member(self, member: Member, frame: Frame, depth: int) -> list[SeenMember]:
        """Follow `a->b.c.d` from the struct it starts in, down to the first container or link."""
        fields: list[str] = []
        current: Expression = member
        is_pointer = False
        while isinstance(current, Member | Index) or frame.argument(current) is not None:
            given = frame.argument(current)
            if given is not None:
                current, frame = given
            elif isinstance(current, Index):
                current = current.base
            elif isinstance(current, Member):
                fields.insert(0, current.field)
                is_pointer = current.arrow
                current = current.base
                if is_pointer and isinstance(current, AddressOf):
                    current, is_pointer = current.operand, False
                if is_pointer:
                    break
        base = self.type_of(current, frame, depth + 1)
        while base is not None and (base.stars or isinstance(base.type, types.Ptr | types.Array)):
            base = pointee(base)
        if base is None or not isinstance(base.type, types.Composite):
            return []
        if base.type.name in ENDS and depth < MAX_NESTING:  # head->next: wherever head points to
            is_step = fields[-1] in STEPS
            found = self.places(current, frame, depth + 1)
            return [replace(place, is_step=place.is_step or is_step) for place in found]
        return self._descend(base.type, fields)

    def _descend(self, struct: types.Composite, fields: list[str]) -> list[SeenMember]:
        levels: list[tuple[str, list[str]]] = [(struct.name, [])]
        current: types.Type = struct
        fields = list(fields)
        while fields:
            name = fields.pop(0)
            if not isinstance(current, types.Composite):
                return []
            name, *more = self._spelled_out(current, name)
            fields[:0] = more
            found = self.members(current).get(name)
            if found is None:
                return []
            current, length, is_pointer = strip(found)
            for _, path in levels:
                path.append(name)
            if isinstance(current, types.Composite) and current.name in ENDS:
                spots = tuple((s, ".".join(p)) for s, p in reversed(levels) if s)
                is_step = bool(fields) and fields[-1] in STEPS
                return [SeenMember(spots, is_pointer, is_step, length)] if spots else []
            if is_pointer:
                levels = []  # `table[i].chain`: an element is a place of its own
            for _, path in levels if length else ():
                path[-1] += "[]"
            if isinstance(current, types.Composite):
                levels.append((current.name, []))
        return []

    def _spelled_out(self, struct: types.Composite, name: str) -> list[str]:
        """Return the member path that a name stands for: itself, unless it is a macro."""
        return [name] if name in self.members(struct) else self.program.member_path(name)

    def link_of(self, struct: types.Composite, path: str) -> SeenMember | None:
        """Return the place of a link that is named by its struct and path: `se.group_node`."""
        fields = [step.split("[")[0].strip() for step in split_path(path)]
        found = self._descend(struct, fields)
        return found[0] if found else None


def pointee(typed: Typed | None) -> Typed | None:
    """Take off one pointer or array."""
    if typed is None:
        return None
    if typed.stars:
        return Typed(typed.type, typed.stars - 1)
    if isinstance(typed.type, types.Ptr | types.Array):
        btf = typed.type.btf
        return Typed(btf.skip_modifiers(typed.type.type_id))
    return None


def strip(type_: types.Type) -> tuple[types.Type, int, bool]:
    """Return (the type without arrays and pointers, the array's length, was it a pointer)."""
    length = 0
    is_pointer = False
    base = type_.btf.skip_modifiers(type_)
    while isinstance(base, types.Array | types.Ptr):
        if isinstance(base, types.Array):
            length = max(length, 1) * base.length
        else:
            is_pointer = True
        base = base.btf.skip_modifiers(base.type_id)
    return base, length, is_pointer


def members_of(struct: types.Composite) -> dict[str, types.Type]:
    """Return the types of a struct's members by name, including those of anonymous members."""
    found: dict[str, types.Type] = {}
    pending = deque([struct])
    met: set[types.Type] = set()  # the same struct again has no other names
    while pending:
        current = pending.popleft()
        if current in met:
            continue
        met.add(current)
        for member in current.members:
            base = struct.btf.skip_modifiers(member.type_id)
            if member.name:
                found.setdefault(member.name, base)
            elif isinstance(base, types.Composite):
                pending.append(base)
    return found
