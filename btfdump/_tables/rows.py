"""The rows of a declared table, read level by level; what is wrong comes between them, as notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._kernel.containers import is_perhaps_one
from btfdump._kernel.following import Following, Troubles
from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.per_cpu import on_cpu
from btfdump._kernel.variables import find_global
from btfdump._tables.columns import Bound, LevelRow
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump._tables.columns import BoundLevel
    from btfdump._tables.definition import TableDefinition

    Walk: TypeAlias = "Callable[[], Iterator[Value]]"
    Wants: TypeAlias = "Callable[..., bool]"


@dataclass(frozen=True)
class Asked:
    """What is asked of a table beside its name.

    `wants(*texts)` tells whether a row with these names is wanted. `roots` walk what may be walked
    by a name: "task". `options` are those of the table that were given.
    """

    wants: Wants
    roots: Mapping[str, Walk]
    options: frozenset[str] = frozenset()


class TableReading:
    """The reading of one table of one kernel."""

    def __init__(self, context: Context, definition: TableDefinition, asked: Asked) -> None:
        self.context = context
        self.troubles = Troubles()
        self.bound = Bound(context, definition, self.troubles, asked.options)
        self._asked = asked
        self._names = [column.name for column in self.bound.columns]
        self._cells: list[Any] = [None] * len(self._names)
        self._frames: list[LevelRow] = []
        wanted = [self._names.index(n) for n in definition.names if n in self._names]
        self._asked_of = wanted
        self._asked_at = max((self.bound.columns[at].depth for at in wanted), default=-1)
        depths = range(len(self.bound.levels))
        numbered = list(enumerate(self.bound.columns))
        self._direct = [
            [(at, c.slot) for at, c in numbered if c.depth == depth and c.slot >= 0]
            for depth in depths
        ]
        self._computed = [
            [(at, c.get) for at, c in numbered if c.depth == depth and c.slot < 0]
            for depth in depths
        ]
        self._passed: dict[str, int] = {}
        self._readers: dict[tuple[int, Layout], Following] = {}

    def rows(self) -> Iterator[dict[str, Any] | Note]:
        """Yield the rows, and notes on what is wrong; at last, on what could not be read."""
        yield from self._level(0)
        for trouble in self.troubles.taken():
            yield Note(str(trouble), trouble.address)

    def passed(self) -> str:
        """Return how many objects an option that was not given would have added; "" for none.

        Those that `wants()` would not have wanted count, too, so nothing is said where it chose.
        """
        return ", ".join(f"{count} more with --{name}" for name, count in self._passed.items())

    def _level(self, depth: int) -> Iterator[dict[str, Any] | Note]:
        """Yield the rows of a level inside the objects of those before it."""
        level = self.bound.levels[depth]
        is_last = depth == len(self.bound.levels) - 1
        direct, computed, cells = self._direct[depth], self._computed[depth], self._cells
        frames, only = self._frames, level.only
        for found in self._objects(level):
            if isinstance(found, Note):
                yield found
                continue
            row = self._read(depth, level, found)
            frames[depth:] = [LevelRow(found, found.key_, row)]
            if only is not None and not only(frames):
                if level.unless:
                    self._passed[level.unless] = self._passed.get(level.unless, 0) + 1
                continue
            for at, slot in direct:
                cells[at] = row[slot]
            for at, get in computed:
                cells[at] = get(frames)
            if depth == self._asked_at and not self._is_wanted():
                continue
            if is_last:
                yield dict(zip(self._names, cells, strict=True))
            else:
                yield from self._level(depth + 1)

    def _is_wanted(self) -> bool:
        names: list[str] = []
        for at in self._asked_of:
            cell = self._cells[at]
            names += map(str, cell) if isinstance(cell, list) else [str(cell)]
        return self._asked.wants(*names)

    def _read(self, depth: int, level: BoundLevel, value: Value) -> tuple[Any, ...]:
        if not level.paths:
            return ()
        layout = value._layout_
        reader = self._readers.get((depth, layout))
        if reader is None:
            if not isinstance(layout, StructLayout):
                return (None,) * len(level.paths)
            reader = Following(
                self.context, layout, level.paths, name=level.name, troubles=self.troubles
            )
            self._readers[depth, layout] = reader
        return reader.of(value)

    def _objects(self, level: BoundLevel) -> Iterator[Value | Note]:
        """Yield the objects of a level, and notes on what is wrong with the container."""
        try:
            if level.walk is not None:
                yield from level.walk(self._frames)
            elif level.holder < 0 and level.path[0] in self._asked.roots:
                yield from self._asked.roots[level.path[0]]()
            elif level.holder < 0:
                value = find_global(self.context, level.path[0])
                if self.context.is_per_cpu(level.path[0]):
                    yield from self._on_cpus(value, level.path[1:])
                else:
                    yield from self._inside(level, value, level.path[1:])
            else:
                yield from self._inside(level, self._frames[level.holder].value, level.path)
        except BtfdumpError as error:
            yield note_of(error, ".".join(level.path))

    def _on_cpus(self, variable: Value, path: tuple[str, ...]) -> Iterator[Value]:
        """Yield what each CPU has at a path from a per-CPU variable; its key is the CPU."""
        for cpu in range(len(self.context.target.per_cpu_offsets)):
            value = _at(on_cpu(variable, cpu), path)
            if value is not None:
                value.key_ = cpu
                yield value

    def _inside(
        self, level: BoundLevel, start: Value, path: tuple[str, ...]
    ) -> Iterator[Value | Note]:
        """Yield what a container, an array or a pointer at a path leads to."""
        value = _at(start, path)
        facts = value.facts_ if value is not None else None
        if value is None:
            return
        if isinstance(value._layout_, ArrayLayout) and (facts is None or facts.length is None):
            for index, element in enumerate(value):
                for found in self._inside(level, element, ()):
                    if isinstance(found, Note):
                        yield found
                        continue
                    found.key_ = index
                    yield found
        elif is_perhaps_one(value):
            for item in value.entries_():
                if isinstance(item, Anomaly):
                    yield Note(f"{'.'.join(level.path)}: {item.message}", item.address)
                elif not isinstance(item, ValueEntry):
                    yield item
        else:
            yield value.deref_() if value.is_pointer_ else value


def _at(value: Value, path: tuple[str, ...]) -> Value | None:
    """Return what is at a path from a value, None if a pointer on the way is NULL."""
    for name in path:
        if value.is_pointer_ and not value.value_():
            return None
        value = value.member_(name)
    return None if value.is_pointer_ and not value.value_() else value
