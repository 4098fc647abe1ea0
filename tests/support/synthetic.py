"""Small kernels made by hand: types spelled as in C, objects in a buffer, either byte order."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from btfdump._api.kernel import Kernel
from btfdump._btf import Btf, BtfBuilder
from btfdump._targets.base import LayeredTarget
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from btfdump._annotate.overlay import Overlay
    from btfdump._btf.wire import ByteOrder
    from btfdump._targets.memory import Target

_SPELLED = re.compile(
    r"(?:__(?P<tag>\w+) )?(?P<base>[^*\[]+?) ?(?P<stars>\**)(?P<arrays>(?:\[\d*\])*)"
)
_INTEGERS: dict[str, tuple[int, dict[str, bool]]] = {
    "char": (1, {"signed": True}),
    "signed char": (1, {"signed": True}),
    "u8": (1, {}),
    "s16": (2, {"signed": True}),
    "u16": (2, {}),
    "int": (4, {"signed": True}),
    "u32": (4, {}),
    "unsigned int": (4, {}),
    "s64": (8, {"signed": True}),
    "u64": (8, {}),
    "s128": (16, {"signed": True}),
    "u128": (16, {}),
    "bool": (1, {"boolean": True}),
}
_FLOATS = {"half": 2, "float": 4, "double": 8, "long double": 16}


class World:
    """Types, objects and symbols of a kernel to be.

    `struct("item", [("id", "int"), ("link", "struct list_head")])` defines, `new("item", id=1)`
    puts an object into memory, `kernel()` opens the whole. A third entry of a member is the width
    of a bit field. Names in angle brackets are anonymous types.
    """

    def __init__(self, byteorder: ByteOrder = "little", pointer_size: int = 8) -> None:
        self.byteorder: ByteOrder = byteorder
        self.pointer_size = pointer_size
        self.b = BtfBuilder(self.byteorder)
        self.symbols: dict[str, int] = {}
        self._starts: list[int] = []
        self._pieces: list[bytearray] = []
        self._fields: dict[str, list[tuple[str, str, int, int]]] = {}
        self._sizes: dict[str, int] = {}
        self._unions: set[str] = set()
        self._tags: list[tuple[str, str, str]] = []
        self._ids: dict[str, int] = {}
        self._built: dict[str, int] = {}
        self._enums: dict[str, tuple[int, int]] = {}
        self._next = 0xFFFF_8880_0010_0000 if pointer_size == 8 else 0xC010_0000
        self._variables: list[tuple[str, str, str]] = []
        self.per_cpu_offsets: tuple[int, ...] = (0,)
        self.target: BufferTarget
        self.struct("list_head", [("next", "struct list_head *"), ("prev", "struct list_head *")])
        self.struct(
            "hlist_node", [("next", "struct hlist_node *"), ("pprev", "struct hlist_node **")]
        )
        self.struct("hlist_head", [("first", "struct hlist_node *")])

    # Types

    def struct(
        self,
        name: str,
        members: Sequence[tuple[Any, ...]],
        tags: Mapping[str, str | Iterable[str]] = {},
        *,
        size: int | None = None,
        union: bool = False,
    ) -> None:
        """Define a struct, laid out as a compiler would, with decl tags by member name."""
        at = end = 0
        fields = []
        for member in members:
            label, spelled, bits = (*member, 0)[:3]
            start = 0 if union else at
            length, align = self.sizeof(spelled), max(1, self._align(spelled))
            if bits:
                fields.append((label, spelled, start, bits))
                at = start + bits
            else:
                start = -(-start // (align * 8)) * align * 8
                fields.append((label, spelled, start, 0))
                at = start + length * 8
            end = max(end, at)
        align = max((self._align(f[1]) for f in fields), default=1) or 1
        self._fields[name] = fields
        self._sizes[name] = -(-end // (align * 8)) * align if size is None else size
        if union:
            self._unions.add(name)
        for label, texts in tags.items():
            for text in [texts] if isinstance(texts, str) else texts:
                self._tags.append((name, label, text))

    def union(self, name: str, members: Sequence[tuple[Any, ...]]) -> None:
        """Define a union."""
        self.struct(name, members, union=True)

    def enum(self, name: str, values: Mapping[str, int], size: int = 4, **how: Any) -> None:
        """Define an enum; one of 8 bytes is an ENUM64."""
        make = self.b.enum64 if size == 8 else self.b.enum
        self._enums[name] = (make(name, values, size=size, **how), size)

    def variable(self, name: str, spelled: str, section: str = ".data..percpu") -> None:
        """Give BTF a variable in a section, by default that of per-CPU ones."""
        self._variables.append((name, spelled, section))

    def sizeof(self, spelled: str) -> int:
        """Return the size of a C type."""
        base, stars, lengths = self._parse(spelled)
        size = self.pointer_size if stars else self._size_of_base(base)
        for length in lengths:
            size *= length
        return size

    def offset(self, path: str) -> int:
        """Return the byte offset of `struct.member.member`, anonymous members passed through."""
        name, *steps = path.split(".")
        at = 0
        for step in steps:
            found = self._find(name, step)
            assert found is not None, f"no {step} in {name}"
            spelled, start = found
            at += start
            name = self._parse(spelled)[0].removeprefix("struct ").removeprefix("union ")
        return at

    def _find(self, name: str, member: str) -> tuple[str, int] | None:
        for label, spelled, start, _ in self._fields[name]:
            if label == member:
                return spelled, start // 8
            inner = spelled.removeprefix("struct ").removeprefix("union ")
            if not label and inner in self._fields:
                found = self._find(inner, member)
                if found is not None:
                    return found[0], found[1] + start // 8
        return None

    @staticmethod
    def _parse(spelled: str) -> tuple[str, int, list[int]]:
        match = _SPELLED.fullmatch(spelled)
        assert match, spelled
        lengths = [int(n or 0) for n in re.findall(r"\[(\d*)\]", match["arrays"])]
        return match["base"], len(match["stars"]), lengths

    def _size_of_base(self, base: str) -> int:
        if base in ("void", "fn"):
            return 0
        if base == "unsigned long":
            return self.pointer_size
        if base in _INTEGERS:
            return _INTEGERS[base][0]
        if base in _FLOATS:
            return _FLOATS[base]
        keyword, _, name = base.partition(" ")
        return self._enums[name][1] if keyword == "enum" else self._sizes[name]

    def _align(self, spelled: str) -> int:
        base, stars, _ = self._parse(spelled)
        name = base.removeprefix("struct ").removeprefix("union ")
        if not stars and name in self._fields:
            return max((self._align(f[1]) for f in self._fields[name]), default=1)
        return min(self.pointer_size if stars else self._size_of_base(base), 8)

    def id(self, spelled: str) -> int:
        """Return the BTF id of a C type, made now if it is new."""
        if spelled in self._built:
            return self._built[spelled]
        match = _SPELLED.fullmatch(spelled)
        assert match, spelled
        base, stars, lengths = self._parse(spelled)
        type_id = self._base_id(base)
        if match["tag"]:
            type_id = self.b.type_tag(match["tag"], type_id)
        for _ in range(stars):
            type_id = self.b.ptr(type_id)
        for length in reversed(lengths):
            type_id = self.b.array(type_id, length)
        self._built[spelled] = type_id
        return type_id

    def _base_id(self, base: str) -> int:
        if base == "void":
            return 0
        if base in self._ids:
            return self._ids[base]
        if base == "fn":
            return self._keep(base, self.b.func_proto(0, [("n", self.id("int"))]))
        if base == "unsigned long":
            return self._keep(base, self.b.int_("long unsigned int", self.pointer_size))
        if base in _INTEGERS:
            size, how = _INTEGERS[base]
            return self._keep(base, self.b.int_(base, size, **how))
        if base in _FLOATS:
            return self._keep(base, self.b.float_(base, _FLOATS[base]))
        keyword, _, name = base.partition(" ")
        if keyword == "enum":
            return self._enums[name][0]
        return self._keep(base, self.b.fwd(name))  # never defined

    def _keep(self, base: str, type_id: int) -> int:
        self._ids[base] = type_id
        return type_id

    # Objects

    def room(self, size: int, align: int = 16) -> int:
        """Return the address of `size` zero bytes, apart from everything else."""
        address = -(-self._next // align) * align
        self._next = address + size + 16
        self._starts.append(address)
        self._pieces.append(bytearray(size))
        return address

    def new(self, name: str, extra: int = 0, /, **members: Any) -> int:
        """Return the address of a new struct with these members set, `extra` bytes behind it."""
        address = self.room(self._sizes[name] + extra)
        for member, value in members.items():
            self.set(address, f"{name}.{member}", value)
        return address

    def set(self, address: int, path: str, value: int | bytes) -> None:
        """Set the member `struct.member` of the object at `address`."""
        name, *steps = path.split(".")
        at = address + self.offset(path)
        if isinstance(value, int):
            holder = name
            for step in steps[:-1]:
                found = self._find(holder, step)
                assert found
                holder = self._parse(found[0])[0].split(" ")[-1]
            found = self._find(holder, steps[-1])
            assert found
            value = self.pack(value, self.sizeof(found[0]))
        self.write(at, value)

    def pack(self, value: int, size: int | None = None) -> bytes:
        """Return an integer (a pointer unless `size` is given) as bytes."""
        size = size or self.pointer_size
        return (value & ((1 << size * 8) - 1)).to_bytes(size, self.byteorder)

    def write(self, address: int, data: bytes) -> None:
        """Change memory, before or after `kernel()`."""
        if hasattr(self, "target"):
            self.target.write(address, data)
            return
        at = bisect_right(self._starts, address) - 1
        offset = address - self._starts[at]
        assert 0 <= offset <= len(self._pieces[at]) - len(data)
        self._pieces[at][offset : offset + len(data)] = data

    def point(self, address: int, to: int) -> None:
        """Write a pointer."""
        self.write(address, self.pack(to))

    def link_list(self, head: int, links: Sequence[int]) -> None:
        """Make a circular list of `links` on the list_head at `head`."""
        ring = [head, *links]
        for here, there in zip(ring, [*ring[1:], head], strict=True):
            self.point(here, there)
            self.point(there + self.pointer_size, here)

    def link_hlist(self, head: int, links: Sequence[int]) -> None:
        """Make a list of `links` on the hlist_head at `head`."""
        self.point(head, links[0] if links else 0)
        holder = head
        for link, following in zip(links, [*links[1:], 0], strict=False):
            self.point(link, following)
            self.point(link + self.pointer_size, holder)
            holder = link

    def link(self, kind: str, head: int, links: Sequence[int]) -> None:
        """Make a `list_head` or `hlist_head` list."""
        (self.link_list if kind == "list_head" else self.link_hlist)(head, links)

    # The whole

    def btf(self, *, check: bool = True) -> Btf:
        """Return the types as BTF."""
        for name, size in self._sizes.items():
            make = self.b.union if name in self._unions else self.b.struct
            keyword = "union" if name in self._unions else "struct"
            shown = "" if name.startswith("<") else name
            self._ids[f"{keyword} {name}"] = make(shown, size)
        for name, fields in self._fields.items():
            keyword = "union" if name in self._unions else "struct"
            self.b.set_members(
                self._ids[f"{keyword} {name}"],
                [
                    (label, self.id(spelled), start, bits)
                    if bits
                    else (label, self.id(spelled), start)
                    for label, spelled, start, bits in fields
                ],
                kind_flag=any(bits for *_, bits in fields),
            )
        for name, label, text in self._tags:
            keyword = "union" if name in self._unions else "struct"
            index = [f[0] for f in self._fields[name]].index(label)
            self.b.decl_tag(text, self._ids[f"{keyword} {name}"], index)
        sections: dict[str, list[tuple[int, int, int]]] = {}
        for name, spelled, section in self._variables:
            rows, size = sections.setdefault(section, []), self.sizeof(spelled)
            start = rows[-1][1] + rows[-1][2] if rows else 0
            rows.append((self.b.var(name, self.id(spelled)), start, size))
        for section, rows in sections.items():
            self.b.datasec(section, rows)
        return self.b.parse("vmlinux", check=check, pointer_size=self.pointer_size)

    def kernel(self, overlays: Iterable[Overlay] = (), *, check: bool = True) -> Kernel:
        """Open the kernel; `target` is its memory from now on."""
        target = BufferTarget(
            zip(self._starts, map(bytes, self._pieces), strict=True),
            self.byteorder,
            self.pointer_size,
            self.symbols,
            per_cpu_offsets=self.per_cpu_offsets,
            release="6.0-test",
            description="buffer",
        )
        btf = self.btf(check=check)
        self.target = target
        return Kernel(target, btf, overlays)


class CountingTarget(LayeredTarget):
    """Another target whose reads are counted."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.reads: list[tuple[int, int]] = []

    def read(self, address: int, size: int) -> bytes:
        self.reads.append((address, size))
        return super().read(address, size)


def until_error(values: Iterable[Any]) -> tuple[list[Any], CorruptDataError]:
    """Return what an iterator yields before it raises, and what it raises."""
    found = []
    try:
        for value in values:
            found.append(value)  # noqa: PERF402 - what came before the error counts
    except CorruptDataError as error:
        return found, error
    raise AssertionError(f"nothing was raised after {len(found)} values")
