"""Lists that are in order, walked by compiled code: a whole entry in one read, members and all.

At the first thing that is out of order a quick walk stops; `walk.lists` goes on with all care.
"""

from __future__ import annotations

from itertools import count, repeat
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump._decode.compiled.projection import Located, runs, spots, unpacking
from btfdump._decode.compiled.source import CODES, Source, Spot, define, pattern
from btfdump._targets.memory import unchecked_read
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from typing import TypeAlias

    from btfdump._decode.layout import Layouts, StructLayout
    from btfdump._targets.memory import Memory
    from btfdump._walk import Head

    _Pieces: TypeAlias = Generator[list[tuple[Any, ...]], None, tuple[int, int, int]]

_PIECE = 256
"""Entries that a projection reads ahead at most; it begins with one."""
_MAX_SPAN = 1 << 16
"""Bytes of an entry that a projection reads at once at most: more is no honest struct."""
_LOST = -1
"""No pointer: where a walk goes that cannot go on."""
ADDRESS = ""
"""Among the paths of a walk: the virtual address of the entry itself."""


def walk_quickly(
    layouts: Layouts,
    layout: StructLayout,
    paths: Sequence[str],
    head: Head,
    nowhere: Iterable[int],
    *,
    circular: bool,
) -> Generator[list[tuple[Any, ...]], None, tuple[int, bool]]:
    """Walk a list while all its back pointers agree, yielding pieces: lists of tuples of `paths`.

    `circular` tells a list_head from an hlist_head; `nowhere` are pointers that lead to no entry.
    Returns (entries yielded, whether that was the whole list): at the first thing that is out of
    order it stops, for the careful walker to go on. Raises `MemberNotFoundError`.
    """
    key = layout, tuple(paths), head.link_offset
    if key not in layouts.compiled:
        layouts.compiled[key] = compile_walk(layouts, layout, paths, head.link_offset)
    walk = layouts.compiled[key]
    if walk is None:
        return 0, False
    try:
        link, *last = head.pointers(
            head.read_head(layouts.pointer_size << circular), 0, 1 + circular
        )
    except FaultError:
        return 0, False
    end = head.address if circular else 0
    stops = frozenset((_LOST, 0, head.address, *nowhere))
    count, link, holder = yield from walk(head.memory, head.address, link, end, stops)
    return count, link == end and (not circular or last == [holder])


def compile_walk(
    layouts: Layouts, layout: StructLayout, paths: Sequence[str], link_offset: int
) -> Callable[[Memory, int, int, int, frozenset[int]], _Pieces] | None:
    """Return a function that follows the links of a list, for tuples of the members `paths`.

    Called with (memory, address of the head, first link, the pointer at the list's end, pointers
    that lead nowhere), it yields pieces from 1 entry growing to `_PIECE`, and returns (entries
    yielded, the pointer it stopped at, the last link). `_LOST` is what it stops at where something
    is out of order; a pointer that leads nowhere may be found out by what is read there.

    An entry costs one read, of the bytes from the first to the last that are needed, and as a rule
    one struct.unpack() of links and members together. None instead of a function: these bytes are
    more than `_MAX_SPAN`, or the link is not in the struct. Raises `MemberNotFoundError`.
    """
    fields = [Located(layouts, layout, path) for path in paths if path != ADDRESS]
    width = layouts.pointer_size
    start = min([link_offset, *(field.offset for field in fields)])
    end = max([link_offset + 2 * width, *(field.end for field in fields)])
    if end > layout.size or end - start > _MAX_SPAN:
        return None
    code = CODES[width, False]
    links = [
        Spot(link_offset, width, code, "following"),
        Spot(link_offset + width, width, code, "back"),
    ]
    first, *others = runs([*links, *spots(fields)])
    source = Source(layouts)
    lines = unpacking(source, fields, others, start)
    # unpack() of exactly these bytes is faster than unpack_from().
    constants = source.constants | {
        "unpack": Packer(source.mark + pattern(first, start, end)).unpack,
        "unchecked_read": unchecked_read,
        "repeat": repeat,
        "PIECE": _PIECE,
        "LOST": _LOST,
    }
    names = ", ".join(spot.name for spot in first)
    read = f"read(link - {link_offset - start}, {end - start})"
    if lines:
        lines = [f"d = {read}", f"{names}, = unpack(d)", *lines]
    else:
        lines = [f"{names}, = unpack({read})"]
    body = "\n                ".join(lines)
    text = f"""\
def walk(memory, holder, link, end, stops, *, unpack=unpack):
    count, room = 0, 1
    while link not in stops:
        piece = []
        append = piece.append
        read, errors = unchecked_read(memory)
        try:
            for _ in repeat(None, room):
                {body}
                if back != holder:
                    link = LOST
                    break
                append({_row(paths, link_offset)})
                holder, link = link, following
                if link == end:
                    break
        except errors:
            link = LOST
        count += len(piece)
        yield piece
        room = min(2 * room, PIECE)
    return count, link, holder
"""
    walk: Callable[[Memory, int, int, int, frozenset[int]], _Pieces] = define(
        "walk", text, constants, f"walk of {layout.type}: {', '.join(paths)}"
    )
    return walk


def _row(paths: Sequence[str], link_offset: int) -> str:
    """Return an expression for the tuple of an entry's members, and its address where asked for."""
    numbers = count()
    cells = [f"link - {link_offset}" if path == ADDRESS else f"v{next(numbers)}" for path in paths]
    return f"({', '.join(cells)},)" if cells else "()"
