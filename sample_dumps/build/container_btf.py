"""What the containers of kernels and all their modules are, as a small BTF for the tests.

Every line of the library is held against real types (tests/annotate/test_library.py). Those of a
distribution's modules are 80 MB; of them are kept the members that are containers, the links, what
leads to either, the names of the structs that the library says are in containers of pointers, and
the names of the arrays of which it says how long they are: as arrays of numbers.
Where modules or kernels have different structs of one name, each of them is kept.

`python -m sample_dumps.build containers FOLDER... -o OUTPUT` makes it of folders like
/sys/kernel/btf; `make coverage` leaves such in the cache.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.grammar import Contains, Length
from btfdump._annotate.overlay import library
from btfdump._btf import Btf, types
from btfdump._btf.builder import BtfBuilder
from btfdump._walk import FAMILIES, walker_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
    from pathlib import Path

    from btfdump._btf.deflate import MemberSpec

Shape: TypeAlias = "tuple[str, int, bool, tuple[Kept, ...]]"
"""A struct: its name, size in bytes, whether it is a union, and what is kept of its members."""
Kept: TypeAlias = "tuple[str, int, Shape | str, tuple[int, ...]]"
"""A member: its name, bit offset, struct (the name of one that has a name), and the lengths of the
arrays around that, the outermost first; -1 is a pointer."""
Counted: TypeAlias = "Set[tuple[str, str]]"
"""Members that are arrays with a length to be told: struct and member."""

NUMBER = "int"

_LINKS = {walker.link for name in FAMILIES if (walker := walker_of(name)) is not None}
ENDS = frozenset(filter(None, _LINKS)) | FAMILIES
"""The structs that are containers or links: nothing is kept of what is in them."""


def run(folders: Sequence[Path], output: Path) -> int:
    """Write the BTF of the containers in the BTF of some kernels, compressed."""
    import zstandard

    data = make(chain.from_iterable(map(read, folders)), elements(), counted())
    output.write_bytes(zstandard.ZstdCompressor(19).compress(data))
    return 0


def read(folder: Path) -> Iterator[Btf]:
    """Yield the BTF in the file `vmlinux`, and those of the modules beside it."""
    base = Btf.from_bytes((folder / "vmlinux").read_bytes(), name="vmlinux", check=False)
    yield base
    for file in sorted(folder.iterdir()):
        if file.name != "vmlinux":
            yield Btf.from_bytes(file.read_bytes(), base=base, name=file.name, check=False)


def elements() -> set[str]:
    """Return the names of the structs that the library says are in some container."""
    source = library()
    of_members = (source.members(struct).values() for struct in source.structs())
    of_globals = (one.alternatives for name in source.globals() for one in source.global_(name))
    stated = chain(chain.from_iterable(of_members), of_globals)
    said = chain.from_iterable(chain.from_iterable(stated))
    return {annotation.element for annotation in said if isinstance(annotation, Contains)}


def counted() -> Counted:
    """Return (struct, member) of the arrays of which the library says how long they are."""
    source = library()
    return {
        (name, member)
        for name in source.structs()
        for member, alternatives in source.members(name).items()
        if any(isinstance(fact, Length) for choice in alternatives for fact in choice)
    }


def make(btfs: Iterable[Btf], names: Container[str], counted: Counted = frozenset()) -> bytes:
    """Return a BTF of what is kept of these, and of structs that have one of the names."""
    shapes: dict[Shape, None] = {}
    sizes: dict[str, int] = {}
    for btf in btfs:
        for type_ in btf.composites():
            if type_.name:
                if type_.name in ENDS:
                    sizes.setdefault(type_.name, type_.size)
                    continue
                shape = shape_of(type_, counted)
                if shape[3] or type_.name in names:
                    shapes.setdefault(shape)
    return _Structs(sorted(shapes, key=str), sizes).build()


def shape_of(struct: types.Composite, counted: Counted) -> Shape:
    """Return what is kept of a struct."""
    kept = (
        _kept(member, counted) or _kept_array(member, (struct.name, member.name) in counted)
        for member in struct.members
    )
    members = tuple(member for member in kept if member is not None)
    return struct.name, struct.size, isinstance(struct, types.Union), members


def _kept_array(member: types.Member, is_counted: bool) -> Kept | None:
    """Return what is kept of a member that is a flexible array, or a pointer to an array."""
    if not is_counted:
        return None
    is_pointer = isinstance(member.type.btf.skip_modifiers(member.type), types.Ptr)
    return member.name, member.bit_offset, NUMBER, (-1 if is_pointer else 0,)


def _kept(member: types.Member, counted: Counted) -> Kept | None:
    """Return what is kept of a member as a container or a link, None if that is nothing."""
    around = []
    type_ = member.type.btf.skip_modifiers(member.type)
    while isinstance(type_, types.Array):
        around.append(type_.length)
        type_ = type_.btf.skip_modifiers(type_.type_id)
    if isinstance(type_, types.Ptr):
        around.append(-1)
        type_ = type_.btf.skip_modifiers(type_.type_id)
    if not isinstance(type_, types.Composite):
        return None
    if type_.name in ENDS:
        return member.name, member.bit_offset, type_.name, tuple(around)
    if -1 in around:
        return None
    shape = shape_of(type_, counted)
    if not shape[3]:
        return None
    return member.name, member.bit_offset, type_.name or shape, tuple(around)


class _Structs:
    """Structs become records in their order, and what they are made of records behind them."""

    def __init__(self, shapes: Sequence[Shape], sizes: Mapping[str, int]) -> None:
        self._builder = BtfBuilder()
        self._number = self._builder.int_(NUMBER, 4)
        self._shapes = shapes
        self._ids = {name: self._builder.struct(name, sizes[name], []) for name in sorted(sizes)}
        self._ids[NUMBER] = self._number
        for number, shape in enumerate(shapes, self._builder.next_id):
            self._ids.setdefault(shape[0], number)
        self._following = self._builder.next_id + len(shapes)
        self._parts: dict[Shape | tuple[int, int], int] = {}
        self._later: list[Shape | tuple[int, int]] = []

    def build(self) -> bytes:
        """Return the BTF."""
        for shape in self._shapes:
            self._add(shape)
        for part in self._later:  # which grows
            if len(part) == 4:
                self._add(part)
            elif part[1] < 0:
                self._builder.ptr(part[0])
            else:
                self._builder.array(part[0], part[1], self._number)
        return self._builder.build()

    def _add(self, shape: Shape) -> None:
        name, size, is_union, members = shape
        specs: list[MemberSpec] = [
            (member, self._around(type_, around), bit_offset)
            for member, bit_offset, type_, around in members
        ]
        (self._builder.union if is_union else self._builder.struct)(name, size, specs)

    def _around(self, type_: Shape | str, around: tuple[int, ...]) -> int:
        """Return the id of arrays of a struct, or of a pointer to it."""
        inner = self._ids[type_] if isinstance(type_, str) else self._part(type_)
        for length in reversed(around):
            inner = self._part((inner, length))
        return inner

    def _part(self, part: Shape | tuple[int, int]) -> int:
        """Return the id of what will be written behind the structs."""
        if part not in self._parts:
            self._parts[part] = self._following
            self._following += 1
            self._later.append(part)
        return self._parts[part]
