"""Hops -> Python source -> function: members of an object and of what its pointers lead to.

A `Hop` is an object, the members that are wanted of it, and the pointers from it to further hops.
Its reader costs one read and as a rule one struct.unpack() for each object on the way, however
many members are wanted. NULL on the way makes what lies behind it None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._decode.compiled.projection import Located, runs
from btfdump._decode.compiled.source import Source, Spot, pattern
from btfdump._decode.fields import decode_text
from btfdump._decode.layout import ArrayLayout
from btfdump.errors import UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from btfdump._decode.layout import Layouts, StructLayout

    Read: TypeAlias = "Callable[[int, int], bytes]"
    Lost: TypeAlias = "Callable[[int, int], tuple[Any, ...]]"
    Moved: TypeAlias = "Callable[[int, tuple[tuple[int, int], ...]], bool]"
    ReadRow: TypeAlias = (
        "Callable[[int, bytes | None, Read, tuple[type[Exception], ...], Lost, Moved],"
        " tuple[Any, ...]]"
    )

MAX_SPAN = 1 << 16
"""Bytes of an object that are read at once at most; what spans more is read member by member."""
MAX_HOPS = 16
"""Pointers that one path may pass through."""


class Leaf(NamedTuple):
    """A member that is wanted: the place of its value in the row, and where it lies."""

    slot: int
    located: Located


class PointerWay(NamedTuple):
    """A pointer to a hop: the target begins `into` bytes before where it points."""

    located: Located
    into: int
    hop: Hop


@dataclass(eq=False)
class Hop:
    """An object of type `layout`, met at the path `path` ("" for the one that a row is about)."""

    layout: StructLayout
    path: str = ""
    leaves: list[Leaf] = field(default_factory=list)
    ways: dict[str, PointerWay] = field(default_factory=dict)

    def all(self) -> list[Hop]:
        """Return this hop and those behind it, in the order in which the reader numbers them."""
        found = [self]
        for hop in found:  # which grows
            found += [way.hop for way in hop.ways.values()]
        return found

    def located(self) -> list[Located]:
        """Return where everything lies that is read of the object: its leaves, then its ways."""
        return [leaf.located for leaf in self.leaves] + [way.located for way in self.ways.values()]


def compile_row(layouts: Layouts, root: Hop, slots: int, *, is_live: bool) -> ReadRow:
    """Return a function that reads one object into a tuple of `slots` values.

    Called with (the object's virtual address, its bytes if they have been read, read, errors, lost,
    moved), it reads with `read`, which raises `errors`. Where it does, `lost(number of the hop,
    address)` returns the values of what `Hop.located()` lists, None for those that are not there to
    be read. Of live memory (`is_live`), `moved(number, chain)` is asked after each object behind a
    pointer, with (virtual address, value) of each pointer that led there; if it is true, nothing of
    that object counts.
    """
    source = Source(layouts)
    hops = root.all()
    numbers = {id(hop): number for number, hop in enumerate(hops)}
    own = {leaf.slot for leaf in root.leaves}
    others = [f"v{slot}" for slot in range(slots) if slot not in own]
    if others:  # behind pointers, or not for this reader
        source.emit(f"{' = '.join(others)} = None")
    _Writer(source, numbers, is_live=is_live).hop(root, ())
    source.emit(f"return ({''.join(f'v{slot}, ' for slot in range(slots))})")
    title = f"row of {root.layout.type}"
    row: ReadRow = source.function("row(a0, data, read, errors, lost, moved)", title)
    return row


class _Writer:
    """Writes the code of hops, each inside a block for the pointer that leads to it."""

    def __init__(self, source: Source, numbers: dict[int, int], *, is_live: bool) -> None:
        self._source = source
        self._numbers = numbers
        self._is_live = is_live
        self._mask = hex((1 << source.layouts.pointer_size * 8) - 1)

    def hop(self, hop: Hop, chain: tuple[str, ...]) -> None:
        """Write what reads an object at the address in its variable, and all behind it."""
        if len(chain) > MAX_HOPS:
            raise UnusableBtfError(0, f"{hop.path}: more than {MAX_HOPS} pointers on the way")
        number = self._numbers[id(hop)]
        names = self._names(hop)
        if not names:
            return
        emit = self._source.emit
        emit("try:")
        for line in self._reading(hop, names, number):
            emit(f"    {line}")
        emit("except errors:")
        emit(f"    {', '.join(names)}, = lost({number}, a{number})")
        if self._is_live and chain:
            with self._source.indented(f"if moved({number}, ({', '.join(chain)}, )):"):
                emit(f"{' = '.join(names)} = None")
        for way in hop.ways.values():
            at = self._numbers[id(way.hop)]
            with self._source.indented(f"if p{at}:"):
                into = f" - {way.into} & {self._mask}" if way.into else ""
                emit(f"a{at} = p{at}{into}")
                slot = f"(a{number} + {way.located.offset}, p{at})"
                self.hop(way.hop, (*chain, slot))

    def _names(self, hop: Hop) -> list[str]:
        """Return the variables for what `Hop.located()` lists."""
        ways = [f"p{self._numbers[id(way.hop)]}" for way in hop.ways.values()]
        return [f"v{leaf.slot}" for leaf in hop.leaves] + ways

    def _reading(self, hop: Hop, names: list[str], number: int) -> Iterator[str]:
        """Yield statements that read an object into the variables `names`."""
        wanted = list(zip(names, hop.located(), strict=True))
        start = min(located.offset for _, located in wanted)
        end = max(located.end for _, located in wanted)
        if end - start > MAX_SPAN:
            yield f"{', '.join(names)}, = lost({number}, a{number})"
            return
        spots = [located.spot(name) for name, located in wanted if located.is_plain]
        first = f"read(a{number} + {start}, {end - start})"
        if number == 0:
            first = f"{first} if data is None else data[{start}:{end}]"
        found = runs(spots)
        if len(found) == 1 and len(spots) == len(wanted):
            yield self._unpacking(found[0], first, start, end)
            return
        yield f"d = {first}"
        for run in found:
            yield self._unpacking(run, "d", start, end)
        for name, located in wanted:
            if not located.is_plain:
                yield f"{name} = {self._decoding(located, start)}"

    def _unpacking(self, run: list[Spot], data: str, start: int, end: int) -> str:
        unpack = self._source.unpacker(pattern(run, start, end))
        return f"{', '.join(spot.name for spot in run)}, = {unpack}({data})"

    def _decoding(self, located: Located, start: int) -> str:
        """Return an expression for what struct.unpack() cannot read, of the bytes `d`."""
        layout = located.layout
        if isinstance(layout, ArrayLayout) and layout.is_text:
            text = self._source.constant("R", decode_text)
            return f"{text}(d[{located.offset - start}:{located.end - start}])"
        return f"{self._source.constant('R', located.read)}(d, {-start})"
