"""Layout -> Python source -> function: readers of a few members, and walks that use them.

A projection names members of one struct (dotted paths, no pointers); its reader turns the struct's
bytes into a tuple with one struct.unpack_from() where the members allow it. `interp` is what it
must agree with.
"""

from __future__ import annotations

import linecache
from itertools import count
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any

from btfdump.errors import FaultError, MemberNotFoundError
from btfdump.interp import bits_to_python, to_python
from btfdump.layout import ArrayLayout, Category, ScalarLayout, StructLayout

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from btfdump.layout import Layout, Layouts
    from btfdump.walk import Head

CODES = {(1, False): "B", (2, False): "H", (4, False): "I", (8, False): "Q"}
CODES |= {(size, True): code.lower() for (size, _), code in CODES.items()}
"""struct.unpack() codes by (size in bytes, signed)."""

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
    layouts: Layouts, layout: StructLayout, paths: Sequence[str]
) -> Callable[[bytes], tuple[Any, ...]]:
    """Return a function from a struct's bytes to a tuple of the members `paths`.

    Values are as `Value.value_()` gives them. Raises `MemberNotFoundError`.
    """
    fields = [_Located(layouts, layout, path) for path in paths]
    constants: dict[str, Any] = {}
    names = [f"v{i}" for i in range(len(fields))]
    lines = []
    plain = sorted((f.offset, i) for i, f in enumerate(fields) if f.is_plain)
    while plain:
        run, rest, end = [], [], 0
        code = "<" if layouts.byteorder == "little" else ">"
        for offset, i in plain:
            size = fields[i].layout.size
            if offset < end:  # members of a union lie over each other
                rest.append((offset, i))
                continue
            code += f"{offset - end}x{fields[i].code}"
            run.append(names[i])
            end = offset + size
        unpack = f"U{len(constants)}"
        constants[unpack] = Packer(code).unpack_from
        lines.append(f"    {', '.join(run)}, = {unpack}(d)")
        plain = rest
    for i, field in enumerate(fields):
        if not field.is_plain:
            constants[f"R{i}"] = field.read
            lines.append(f"    {names[i]} = R{i}(d)")
    source = "\n".join(["def read(d):", *lines, f"    return ({', '.join(names)},)", ""])
    reader: Callable[[bytes], tuple[Any, ...]] = define(
        "read", source, constants, f"reader of {layout.type}: {', '.join(paths)}"
    )
    return reader


class _Located:
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
        is_bool = isinstance(current, ScalarLayout) and current.category is Category.BOOL
        self.is_plain = not bit_size and is_unpackable(current) and not is_bool
        self.code = CODES[current.size, current.is_signed] if self.is_plain else ""  # type: ignore[union-attr]

    def read(self, data: bytes) -> Any:
        """Read a member that struct.unpack() does not understand."""
        if self.bit_size:
            return bits_to_python(self.layouts, self.layout, self.bit_offset, self.bit_size, data)
        return to_python(self.layouts, self.layout, data, self.offset)


def _struct(layout: Layout, path: str) -> StructLayout:
    if isinstance(layout, ArrayLayout | ScalarLayout):
        raise MemberNotFoundError(f"{path}: {layout.type} has no members")
    return layout


def walk_quickly(
    head: Head, read: Callable[[bytes], tuple[Any, ...]], *, circular: bool
) -> Generator[tuple[Any, ...], None, tuple[int, bool]]:
    """Walk a list while all its back pointers agree, yielding what `read` makes of each entry.

    `circular` tells a list_head from an hlist_head. Returns (entries yielded, whether that was the
    whole list): at the first thing that is out of order it stops, for the careful walker to go on.
    """
    fetch = head.memory.read
    platform = head.platform
    order = "<" if platform.byteorder == "little" else ">"
    links = Packer(order + {4: "II", 8: "QQ"}[platform.pointer_size]).unpack_from
    offset, size = head.link_offset, head.element_size
    holder, end = head.address, head.address if circular else 0
    count = 0
    try:
        heads = head.read_head(platform.pointer_size * (2 if circular else 1))
        (link,) = head.pointers(heads, 0, 1)
        while link != end:
            data = fetch(link - offset, size)
            following, back = links(data, offset)
            if back != holder:
                return count, False
            yield read(data)
            count += 1
            holder, link = link, following
    except FaultError:
        return count, False
    return count, True
