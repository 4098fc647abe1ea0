"""Layout -> Python source -> function: readers of a few members, and walks that use them.

A projection names members of one struct (dotted paths, no pointers); its reader turns the struct's
bytes into a tuple with one struct.unpack_from() where the members allow it. `interp` is what it
must agree with.
"""

from __future__ import annotations

import linecache
from itertools import count, repeat
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump.decode.fields import bits_to_python, to_python
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout, StructLayout
from btfdump.errors import FaultError, MemberNotFoundError
from btfdump.targets.memory import unchecked_read

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from typing import TypeAlias

    from btfdump.decode.layout import Layout, Layouts
    from btfdump.targets.memory import Memory
    from btfdump.walk import Head

    _Spot: TypeAlias = tuple[int, int, str, str]
    """What struct.unpack() reads: (offset, size, code, name of the variable)."""
    _Pieces: TypeAlias = Generator[list[tuple[Any, ...]], None, tuple[int, int, int]]

CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
CODES |= {(size, True): code.lower() for (size, _), code in CODES.items()}
"""struct.unpack() codes by (size in bytes, signed)."""

HOT = 16
"""Objects of a type from which on compiling code for them pays (see docs/performance.md)."""
_PIECE = 256
"""Entries that a projection reads ahead at most; it begins with one."""
_MAX_SPAN = 1 << 16
"""Bytes of an entry that a projection reads at once at most: more is no honest struct."""
_LOST = -1
"""No pointer: where a walk goes that cannot go on."""

_names = count()


def define(name: str, source: str, constants: dict[str, Any], title: str) -> Any:
    """Compile `source` and return what it defines as `name`; the source stays in `linecache`.

    The result's `source` attribute is the source.
    """
    filename = f"<btfdump {title} #{next(_names)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace = dict(constants)
    exec(compile(source, filename, "exec"), namespace)
    function = namespace[name]
    function.source = source
    return function


def is_unpackable(layout: Layout) -> bool:
    """Whether struct.unpack() reads this scalar as it is: whole integers, enums, pointers."""
    return (
        isinstance(layout, ScalarLayout)
        and layout.is_whole
        and layout.category not in (Category.FLOAT, Category.OPAQUE)
    )


def compile_reader(
    layouts: Layouts, layout: StructLayout, paths: Sequence[str], start: int = 0
) -> Callable[[bytes], tuple[Any, ...]]:
    """Return a function from a struct's bytes, `start` on, to a tuple of the members `paths`.

    Values are as `Value.value_()` gives them. Raises `MemberNotFoundError`.
    """
    fields = [Located(layouts, layout, path) for path in paths]
    spots = [field.spot(f"v{i}") for i, field in enumerate(fields) if field.is_plain]
    constants, lines = _decode(layouts, fields, _runs(spots), start)
    body = "".join(f"    {line}\n" for line in lines)
    source = f"def read(d):\n{body}    return {_row(fields)}\n"
    reader: Callable[[bytes], tuple[Any, ...]] = define(
        "read", source, constants, f"reader of {layout.type}: {', '.join(paths)}"
    )
    return reader


def _runs(spots: Iterable[_Spot]) -> list[list[_Spot]]:
    """Sort what is to be unpacked into runs that one struct.unpack() each can read.

    Members of a union lie over each other, so one run may not be enough.
    """
    runs: list[list[_Spot]] = []
    for spot in sorted(spots):
        for run in runs:
            if run[-1][0] + run[-1][1] <= spot[0]:
                run.append(spot)
                break
        else:
            runs.append([spot])
    return runs


def _pattern(layouts: Layouts, run: Sequence[_Spot], start: int, end: int = 0) -> str:
    """Return the struct.unpack() format of a run in bytes that are `start` to `end` of a struct."""
    pattern, at = "<" if layouts.byteorder == "little" else ">", start
    for offset, size, code, _ in run:
        pattern += f"{offset - at}x{code}"
        at = offset + size
    return f"{pattern}{max(0, end - at)}x"


def _decode(
    layouts: Layouts, fields: Sequence[Located], runs: Iterable[Sequence[_Spot]], start: int
) -> tuple[dict[str, Any], list[str]]:
    """Return (constants, statements) that take runs, and the fields that are not plain, from `d`.

    `d` holds the struct's bytes from `start` on.
    """
    constants: dict[str, Any] = {}
    lines = []
    for run in runs:
        unpack = f"U{len(constants)}"
        constants[unpack] = Packer(_pattern(layouts, run, start)).unpack_from
        lines.append(f"{', '.join(name for *_, name in run)}, = {unpack}(d)")
    for i, field in enumerate(fields):
        if not field.is_plain:
            constants[f"R{i}"] = field.read
            lines.append(f"v{i} = R{i}(d, {-start})")
    return constants, lines


def _row(fields: Sequence[Located]) -> str:
    names = ", ".join(f"v{i}" for i in range(len(fields)))
    return f"({names},)" if names else "()"


class Located:
    """A member at the end of a dotted path: where it is, and how it is read."""

    def __init__(self, layouts: Layouts, layout: StructLayout, path: str) -> None:
        self.layouts = layouts
        bits, bit_size = 0, 0
        current: Layout = layout
        for name in path.split("."):
            owner, index, base = layouts.find_member(_struct(current, path), name)
            member = owner.members[index]
            bits += base + member.bit_offset
            bit_size = member.bit_size
            current = layouts.of_member(member, owner)
        self.layout = current
        self.bit_offset = bits
        self.bit_size = bit_size
        self.offset = bits // 8
        self.end = self.offset + current.size
        if bit_size:
            self.end = (bits + bit_size + 7) // 8
        is_bool = isinstance(current, ScalarLayout) and current.category is Category.BOOL
        self.is_plain = not bit_size and is_unpackable(current) and not is_bool
        self.code = CODES[current.size, current.is_signed] if self.is_plain else ""  # type: ignore[union-attr]

    def spot(self, name: str) -> _Spot:
        """Return how a plain member is unpacked into the variable `name`."""
        return self.offset, self.layout.size, self.code, name

    def read(self, data: bytes, at: int) -> Any:
        """Read a member that struct.unpack() does not understand; the struct starts at `at`.

        That is negative where `data` lacks the struct's first bytes.
        """
        if self.bit_size:
            return bits_to_python(
                self.layouts, self.layout, self.bit_offset, self.bit_size, data, at
            )
        return to_python(self.layouts, self.layout, data, at + self.offset)


def _struct(layout: Layout, path: str) -> StructLayout:
    if isinstance(layout, ArrayLayout | ScalarLayout):
        raise MemberNotFoundError(f"{path}: {layout.type} has no members")
    return layout


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
    fields = [Located(layouts, layout, path) for path in paths]
    width = layouts.pointer_size
    start = min([link_offset, *(field.offset for field in fields)])
    end = max([link_offset + 2 * width, *(field.end for field in fields)])
    if end > layout.size or end - start > _MAX_SPAN:
        return None
    code = CODES[width, False]
    spots = [(link_offset, width, code, "following"), (link_offset + width, width, code, "back")]
    spots += [field.spot(f"v{i}") for i, field in enumerate(fields) if field.is_plain]
    first, *others = _runs(spots)
    constants, lines = _decode(layouts, fields, others, start)
    # unpack() of exactly these bytes is faster than unpack_from().
    constants["unpack"] = Packer(_pattern(layouts, first, start, end)).unpack
    constants |= {"unchecked_read": unchecked_read, "repeat": repeat}
    constants |= {"PIECE": _PIECE, "LOST": _LOST}
    names = ", ".join(name for *_, name in first)
    read = f"read(link - {link_offset - start}, {end - start})"
    if lines:
        lines = [f"d = {read}", f"{names}, = unpack(d)", *lines]
    else:
        lines = [f"{names}, = unpack({read})"]
    body = "\n                ".join(lines)
    source = f"""\
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
                append({_row(fields)})
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
        "walk", source, constants, f"walk of {layout.type}: {', '.join(paths)}"
    )
    return walk
