"""A table as one kernel has it: its levels and columns, checked against the kernel's types.

Of alternatives the first counts whose members exist. A column of which none exists is lacking; a
level without which there are no rows is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._kernel.expression import Evaluation
from btfdump._kernel.following import Following
from btfdump._kernel.paths import structs_at
from btfdump._kernel.pointers import read_string
from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._tables.form import Form, form_of, is_string, of_words, with_wishes
from btfdump._tables.functions import FUNCTIONS, OBJECTS
from btfdump.errors import AnnotationError, BtfdumpError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from btfdump._decode.layout import StructLayout
    from btfdump._kernel.context import Context
    from btfdump._kernel.following import PathEnd, Troubles
    from btfdump._kernel.value import Value
    from btfdump._tables.definition import Choice, Column, Level, Steps, TableDefinition

    Get: TypeAlias = Callable[[Sequence["LevelRow"]], Any]
    Walk: TypeAlias = Callable[[Sequence["LevelRow"]], Iterator[Value]]

MAX_STRING = 256
"""Bytes of a C string that a cell shows."""
ROOTS: Mapping[str, str] = {"task": "struct task_struct"}
"""Roots that may be walked, and the types of their objects."""


class LevelRow(NamedTuple):
    """One object of a level: itself, the key that it was found by, and what was read of it."""

    value: Value
    key: Any
    row: tuple[Any, ...]


@dataclass(eq=False)
class BoundLevel:
    """A level of rows: what is walked, `path` from level number `holder` (-1: a root or global).

    `walk` yields its objects where that is a function.
    """

    name: str
    holder: int
    path: tuple[str, ...]
    key: str
    layout: StructLayout | None
    unless: str = ""
    paths: list[str] = field(default_factory=list)
    only: Get | None = None
    walk: Walk | None = None

    def slot(self, path: tuple[str, ...]) -> int:
        """Return the number, in what is read of an object, of the member at a path."""
        text = ".".join(path)
        if text not in self.paths:
            self.paths.append(text)
        return self.paths.index(text)


class BoundColumn(NamedTuple):
    """A column: how a cell is got, once `depth` levels are known, and how it is told.

    `slot` is that of the member if the cell is nothing else, else -1.
    """

    name: str
    depth: int
    get: Get
    form: Form
    slot: int = -1
    is_hidden: bool = False


class _Operand(NamedTuple):
    depth: int
    get: Get
    place: PathEnd | None = None
    slot: int = -1


class Missing(Exception):
    """Something that an expression needs is not there."""


class Bound:
    """A table of one kernel. `lacking` are the columns that it has no members for, and why.

    `options` are those that were given. Raises `MemberNotFoundError` and what
    `Context.own_variable()` raises if there can be no rows.
    """

    def __init__(
        self,
        context: Context,
        definition: TableDefinition,
        troubles: Troubles,
        options: frozenset[str] = frozenset(),
    ) -> None:
        self.context = context
        self.definition = definition
        self.troubles = troubles
        self.surroundings = KernelSurroundings(context)
        self.levels: list[BoundLevel] = []
        self.lacking: dict[str, BtfdumpError] = {}
        self._keys: dict[str, int] = {}
        self._strings: dict[int, str | None] = {}
        for level in definition.levels:
            self._bind(level, options)
        found: list[BoundColumn] = []
        for column in definition.columns:
            try:
                found.append(self._column(column))
            except BtfdumpError as error:
                self.lacking[column.name] = error
        self.columns: tuple[BoundColumn, ...] = tuple(found)

    # Levels

    def _bind(self, level: Level, options: frozenset[str]) -> None:
        bound = self._called(level) if level.call else self._walked(level)
        self.levels.append(bound)
        if level.key:
            self._keys[level.key] = len(self.levels) - 1
        if level.only and not (level.unless and level.unless in options):
            bound.only, bound.unless = self._choose(level.only).get, level.unless

    def _walked(self, level: Level) -> BoundLevel:
        errors: list[BtfdumpError] = []
        for path in level.each:
            holder = self._level_of(path[0])
            try:
                layout = self._struct(path, holder)
            except BtfdumpError as error:
                errors.append(error)
                continue
            return BoundLevel(level.name, holder, path[holder >= 0 :], level.key, layout)
        raise errors[0]

    def _called(self, level: Level) -> BoundLevel:
        """Return a level whose objects a function yields."""
        function = OBJECTS.get(level.call)
        if function is None:
            known = ", ".join(OBJECTS)
            raise AnnotationError(f"no function of objects {level.call!r}; there are {known}")
        layout = structs_at(value_at(self.context, function.type, 0), ())[0]
        call = function.make(self.context)
        gets = [self._argument(choice).get for choice in level.arguments]
        bound = BoundLevel(level.name, -1, (level.call,), level.key, layout)
        bound.walk = lambda frames: call(*[get(frames) for get in gets])
        return bound

    def _level_of(self, name: str) -> int:
        names = [level.name for level in self.levels]
        return names.index(name) if name in names else -1

    def _struct(self, path: tuple[str, ...], holder: int) -> StructLayout | None:
        """Return the type of a level's objects, None if only memory can tell."""
        context = self.context
        if holder >= 0:
            layout = self.levels[holder].layout
            if layout is None:
                raise MemberNotFoundError(f"{'.'.join(path)}: the type of {path[0]} is not known")
            found = structs_at(value_at(context, layout.type, 0), path[1:])
        elif path[0] in ROOTS and len(path) == 1:
            found = structs_at(value_at(context, ROOTS[path[0]], 0), ())
        else:
            found = structs_at(find_global(context, path[0]), path[1:])
        return found[0] if found else None

    # Columns

    def _column(self, column: Column) -> BoundColumn:
        if column.call:
            found, form = self._call(column), Form()
        else:
            found = self._choose(column.choices)
            form = Form(is_number=True)
            if found.place is not None and is_string(self.context, found.place):
                found, form = self._string(found), Form()
            elif found.place is not None:
                form = form_of(self.context, found.place)
        if column.means:
            form = of_words(self.context, column.means)
        form = with_wishes(
            form, is_summed=column.is_summed, spare=column.spare, without=column.without
        )
        return BoundColumn(column.name, found.depth, found.get, form, found.slot, column.is_hidden)

    def _call(self, column: Column) -> _Operand:
        make = FUNCTIONS.get(column.call)
        if make is None:
            known = ", ".join(FUNCTIONS)
            raise AnnotationError(f"no column function {column.call!r}; there are {known}")
        call = make.make(self.context)
        arguments = [self._argument(choice) for choice in column.arguments]
        gets = [argument.get for argument in arguments]
        where = f"{self.definition.name}.{column.name}"
        depth = max((argument.depth for argument in arguments), default=0)

        def get(frames: Sequence[LevelRow]) -> Any:
            try:
                return call(*[get(frames) for get in gets])
            except BtfdumpError as error:
                self.troubles.add(where, error)
                return None

        return _Operand(depth, get)

    def _argument(self, choice: Choice) -> _Operand:
        """Return an argument of a function: of a pointer to a string, the string."""
        found = self._choose(choice)
        is_text = found.place is not None and is_string(self.context, found.place)
        return self._string(found) if is_text else found

    def _string(self, operand: _Operand) -> _Operand:
        """Return the C string that a pointer leads to, read once for each address of a dump."""
        get, known = operand.get, self._strings
        is_live = self.context.target.is_live

        def text(frames: Sequence[LevelRow]) -> Any:
            address = get(frames)
            if not address:
                return None
            if address not in known or is_live:
                try:
                    data = read_string(self.context, address, MAX_STRING)
                    known[address] = data.decode("utf-8", "backslashreplace")
                except BtfdumpError as error:
                    self.troubles.add("strings", error)
                    known[address] = None
            return known[address]

        return _Operand(operand.depth, text)

    def _choose(self, choice: Choice) -> _Operand:
        """Return the first of several expressions whose members the kernel has."""
        errors: list[MemberNotFoundError] = []
        for steps in choice:
            if not steps:
                return _Operand(0, lambda frames: None)
            try:
                return self._expression(steps)
            except MemberNotFoundError as error:
                errors.append(error)
        raise errors[0]

    def _expression(self, steps: Steps) -> _Operand:
        members = [what for _, what in steps if isinstance(what, tuple)]
        operands = {path: self._operand(path) for path in members}
        if len(steps) == 1 and members:
            return operands[members[0]]
        gets = {path: operand.get for path, operand in operands.items()}
        depth = max((operand.depth for operand in operands.values()), default=0)

        def get(frames: Sequence[LevelRow]) -> Any:
            try:
                return _Computing(frames, gets).of(steps)
            except Missing:
                return None
            except BtfdumpError as error:
                self.troubles.add(self.definition.name, error)
                return None

        return _Operand(depth, get)

    def _operand(self, path: tuple[str, ...]) -> _Operand:
        """Return a level, a key, a constant, or a member of a level's objects."""
        name, *rest = path
        number = self._level_of(name)
        if number < 0 and name in self._keys and not rest:
            of = self._keys[name]
            return _Operand(of, lambda frames: frames[of].key)
        if name == "PAGE_SIZE" and not rest:
            size = self.surroundings.page_size or None
            return _Operand(0, lambda frames: size)
        if number < 0:
            raise MemberNotFoundError(f"{'.'.join(path)}: {name} is no level of the rows")
        if not rest:
            return _Operand(number, lambda frames: frames[number].value)
        level = self.levels[number]
        if level.layout is None:
            raise MemberNotFoundError(f"{'.'.join(path)}: the type of {name} is not known")
        (place,) = Following(self.context, level.layout, [".".join(rest)]).places
        slot = level.slot(tuple(rest))
        return _Operand(number, lambda frames: frames[number].row[slot], place, slot)


class _Computing(Evaluation):
    """The evaluation of an expression of a table; raises `Missing` where a part is None."""

    def __init__(self, frames: Sequence[LevelRow], gets: Mapping[tuple[str, ...], Get]) -> None:
        super().__init__((), "", "expression")
        self._frames, self._gets = frames, gets

    def member(self, path: Sequence[str]) -> int:
        cell = self._gets[tuple(path)](self._frames)
        if not isinstance(cell, int):
            raise Missing
        return cell
