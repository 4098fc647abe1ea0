"""`BtfBuilder` turns types into a blob of BTF, the reverse of the reader.

::

    b = BtfBuilder()
    u32 = b.int_("unsigned int", 4)
    node = b.next_id  # the id that the next call will return: types may refer ahead
    b.struct("node", 16, [("next", b.next_id + 1, 0), ("lo", u32, 64, 3)])
    b.ptr(node)
    btf = b.parse()

Every method that adds a type returns its id. Ids are not checked here, because a test may well want
bad ones; `Btf.from_bytes()` refuses them. A number that does not fit its field raises `ValueError`.
Each name is stored once, and a split BTF uses the names of its base.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from . import types as t
from .deflate import composite_record, deflate, enum_record, int_word
from .reader import Btf
from .strings import decode, encode
from .wire import (
    HEADER_MIN,
    HEADER_SIZE,
    MAGIC,
    STRUCT_FORMAT,
    TRAILERS,
    U32_MAX,
    VERSION,
    Kind,
    kind_of,
    make_info,
)

if TYPE_CHECKING:
    from .deflate import MemberSpec
    from .strings import Strings
    from .wire import ByteOrder


Enumerators: TypeAlias = Mapping[str, int] | Iterable[tuple[str, int]]


class BtfBuilder:
    """Types under construction, in either byte order.

    `base` makes the result a split BTF: its ids and strings continue those of `base`. `layout`
    gives the record lengths of kinds, in bytes: kind -> (fixed part, each element). Unless it is
    empty it is written as the layout section.
    """

    def __init__(self, byteorder: ByteOrder = "little", base: Btf | None = None) -> None:
        if base and base.byteorder != byteorder:
            raise ValueError(f"byteorder is {byteorder}, that of the base is {base.byteorder}")
        self.byteorder: ByteOrder = byteorder
        self.base = base
        self.layout: dict[int, tuple[int, int]] = {}
        """Bytes (once, per element) of each kind, written as the layout section unless empty."""
        self._records: list[list[int]] = []
        self._start_id = len(base) if base else 1
        self._offsets: dict[str, int] = {}
        self._strings = bytearray()
        self._start_offset = 0
        self._first_int = 0
        if base:
            self._start_offset = base.strings.end
            below: Strings | None = base.strings
            while below:
                self._know(below)
                below = below.base
            self._first_int = next((i.id for i in base.iter_types(Kind.INT)), 0)
        else:
            self._strings.append(0)
        self._offsets[""] = 0

    @classmethod
    def from_btf(cls, btf: Btf) -> BtfBuilder:
        """Return a builder that already holds all types of `btf`, under the same ids.

        The strings are kept as they are, used or not, so that string offsets in records of unknown
        kinds stay valid.
        """
        builder = cls(btf.byteorder, btf.base)
        types = list(btf.iter_types())
        builder._strings = bytearray(btf.strings.data)
        builder._know(btf.strings)
        for offset, name in btf.strings.decoded.items():  # those that are tails of others
            builder._offsets.setdefault(name, offset)
        if not btf.base or btf.layout is not btf.base.layout:
            builder.layout = dict(btf.layout)
        for type_ in types:
            builder.add_type(type_)
        return builder

    @property
    def next_id(self) -> int:
        """The id that the next added type will get."""
        return self._start_id + len(self._records)

    def build(self) -> bytes:
        """Return the blob; the layout section is written unless `layout` is empty."""
        order = STRUCT_FORMAT[self.byteorder]
        words = [word for record in self._records for word in record]
        types = struct.pack(f"{order}{len(words)}I", *words)
        layout = self._layout_section()
        header_size = HEADER_SIZE if layout else HEADER_MIN
        sizes = [len(types) + len(layout), len(self._strings)]
        if layout:
            sizes += [len(types), len(layout)]
        header = struct.pack(
            f"{order}HBB{3 + len(sizes)}I", MAGIC, VERSION, 0, header_size, 0, len(types), *sizes
        )
        return header + types + layout + self._strings

    def parse(self, name: str = "", *, check: bool = True, pointer_size: int | None = None) -> Btf:
        """Build the blob and read it back; the arguments are those of `Btf.from_bytes()`.

        Raises `BtfFormatError` if a record refers to an id that does not exist.
        """
        return Btf.from_bytes(
            self.build(), base=self.base, name=name, check=check, pointer_size=pointer_size
        )

    # One method per kind

    def int_(
        self,
        name: str,
        size: int,
        *,
        signed: bool = False,
        char: bool = False,
        boolean: bool = False,
        bits: int | None = None,
        bit_offset: int = 0,
    ) -> int:
        """Add an integer of `size` bytes and return its id.

        `bits` is how many of its bits carry the value, by default all of them, and `bit_offset` is
        where these begin. `signed`, `char` and `boolean` set `BTF_INT_SIGNED`, `BTF_INT_CHAR` and
        `BTF_INT_BOOL`.
        """
        encoding = signed * t.Int.SIGNED | char * t.Int.CHAR | boolean * t.Int.BOOL
        word = int_word(size * 8 if bits is None else bits, bit_offset, encoding)
        self._first_int = self._first_int or self.next_id
        return self._add(Kind.INT, name, size, [word])

    def ptr(self, type_id: int) -> int:
        """Add a pointer to `type_id` (0: `void *`) and return its id."""
        return self._add(Kind.PTR, "", type_id)

    def array(self, type_id: int, length: int, index_type_id: int | None = None) -> int:
        """Add an array of `length` elements of type `type_id` and return its id.

        The index type has no influence on anything; by default it is the first integer of the
        builder.
        """
        index = self._first_int if index_type_id is None else index_type_id
        return self._add(Kind.ARRAY, "", 0, [type_id, index, length])

    def struct(
        self, name: str, size: int, members: Iterable[MemberSpec] = (), *, kind_flag: bool = False
    ) -> int:
        """Add a struct of `size` bytes and return its id.

        Members are (name, type id, bit offset) or, for a bit field, (name, type id, bit offset,
        width in bits). `kind_flag` says how offsets are encoded; a bit field sets it by itself.
        """
        return self._append(
            composite_record(Kind.STRUCT, name, size, members, kind_flag, self._intern)
        )

    def union(
        self, name: str, size: int, members: Iterable[MemberSpec] = (), *, kind_flag: bool = False
    ) -> int:
        """Add a union and return its id; the arguments are those of `struct()`."""
        return self._append(
            composite_record(Kind.UNION, name, size, members, kind_flag, self._intern)
        )

    def set_members(
        self, type_id: int, members: Iterable[MemberSpec], *, kind_flag: bool = False
    ) -> None:
        """Replace the members of a struct or union of this builder; see `struct()` for their form.

        Raises `ValueError` if `type_id` is not a struct or union of this builder.
        """
        index = type_id - self._start_id
        known = 0 <= index < len(self._records)
        kind = kind_of(self._records[index][1]) if known else None
        if kind not in (Kind.STRUCT, Kind.UNION):
            raise ValueError(f"type [{type_id}] is no struct or union of this builder")
        name_offset, _, size = self._records[index][:3]
        record = composite_record(Kind(kind), "", size, members, kind_flag, self._intern)
        _check_words(record)
        self._records[index] = [name_offset, *record[1:]]

    def enum(
        self, name: str, values: Enumerators = (), *, size: int = 4, signed: bool | None = None
    ) -> int:
        """Add an enumeration of `size` bytes and return its id; `values` are (name, value).

        It is signed if `signed` says so, or by default if one of the values is negative.
        """
        return self._append(
            enum_record(Kind.ENUM, name, _pairs(values), size, signed, self._intern)
        )

    def enum64(
        self, name: str, values: Enumerators = (), *, size: int = 8, signed: bool | None = None
    ) -> int:
        """Add an enumeration whose values have up to 64 bits; arguments are those of `enum()`."""
        return self._append(
            enum_record(Kind.ENUM64, name, _pairs(values), size, signed, self._intern)
        )

    def fwd(self, name: str, *, union: bool = False) -> int:
        """Add a forward declaration of a struct, or of a union, and return its id."""
        return self._add(Kind.FWD, name, 0, kind_flag=union)

    def typedef(self, name: str, type_id: int) -> int:
        """Add a typedef of `type_id` and return its id."""
        return self._add(Kind.TYPEDEF, name, type_id)

    def const(self, type_id: int) -> int:
        """Add a `const` qualifier of `type_id` and return its id."""
        return self._add(Kind.CONST, "", type_id)

    def volatile(self, type_id: int) -> int:
        """Add a `volatile` qualifier of `type_id` and return its id."""
        return self._add(Kind.VOLATILE, "", type_id)

    def restrict(self, type_id: int) -> int:
        """Add a `restrict` qualifier of `type_id` and return its id."""
        return self._add(Kind.RESTRICT, "", type_id)

    def type_tag(self, text: str, type_id: int, *, attribute: bool = False) -> int:
        """Add a type tag with the text `text` on the pointee `type_id`, and return its id.

        `attribute` says that the text is that of a whole attribute (`kind_flag`).
        """
        return self._add(Kind.TYPE_TAG, text, type_id, kind_flag=attribute)

    def decl_tag(
        self, text: str, type_id: int, component_index: int = -1, *, attribute: bool = False
    ) -> int:
        """Add a declaration tag with the text `text` on a type, and return its id.

        `component_index` is the number of the member or parameter that it is on, counted from 0, or
        -1 for the type itself. `attribute` says that the text is that of a whole attribute
        (`kind_flag`).
        """
        return self._add(
            Kind.DECL_TAG, text, type_id, [component_index & U32_MAX], kind_flag=attribute
        )

    def func_proto(
        self, return_id: int, params: Iterable[tuple[str, int]] = (), *, variadic: bool = False
    ) -> int:
        """Add a function prototype and return its id; `params` are (name, type id).

        `return_id` 0 is `void`. `variadic` adds `...` at the end.
        """
        rows = [*params, *[("", 0)] * variadic]
        words = [word for name, type_id in rows for word in (self._intern(name), type_id)]
        return self._add(Kind.FUNC_PROTO, "", return_id, words, vlen=len(rows))

    def func(self, name: str, proto_id: int, linkage: int = 1) -> int:
        """Add a function and return its id; `linkage`: 0 is static, 1 global, 2 extern."""
        return self._add(Kind.FUNC, name, proto_id, vlen=linkage)

    def var(self, name: str, type_id: int, linkage: int = 1) -> int:
        """Add a variable and return its id; `linkage`: 0 is static, 1 global, 2 extern."""
        return self._add(Kind.VAR, name, type_id, [linkage])

    def datasec(
        self, name: str, variables: Iterable[tuple[int, int, int]] = (), size: int | None = None
    ) -> int:
        """Add a section and return its id; `variables` are (id, offset, size), both in bytes.

        By default the section ends where the last of them does; `size`, in bytes, says otherwise.
        """
        rows = list(variables)
        if size is None:
            size = max((offset + length for _, offset, length in rows), default=0)
        words = [word for row in rows for word in row]
        return self._add(Kind.DATASEC, name, size, words, vlen=len(rows))

    def float_(self, name: str, size: int) -> int:
        """Add a floating point number of `size` bytes and return its id."""
        return self._add(Kind.FLOAT, name, size)

    def unknown(
        self,
        kind_number: int,
        name: str = "",
        *,
        vlen: int = 0,
        kind_flag: bool = False,
        size_or_type: int = 0,
        trailer: bytes = b"",
    ) -> int:
        """Add a record of a kind that has no method here, and return its id.

        `vlen`, `kind_flag` and `size_or_type` go into its `struct btf_type`; `trailer` is what
        follows that, in the byte order of the builder. A reader needs `layout[kind_number]` to step
        over it.
        """
        if len(trailer) % 4:
            raise ValueError(f"trailer has {len(trailer)} bytes, not a multiple of 4")
        words = struct.unpack(f"{STRUCT_FORMAT[self.byteorder]}{len(trailer) // 4}I", trailer)
        return self._add(kind_number, name, size_or_type, words, vlen=vlen, kind_flag=kind_flag)

    def add_type(self, type_: t.Type) -> int:
        """Add a copy of a parsed type and return its id.

        The ids in it must mean the same types here as there. Raises `ValueError` for void, which
        every BTF has anyway, and for a type of an unknown kind whose record has another length
        here.
        """
        if isinstance(type_, t.Unknown):
            kind, sizes = type_.kind_number, type_.btf.layout[type_.kind_number]
            inherited = self.base.layout.get(kind) if self.base else None
            if self.layout.get(kind, inherited) is None:
                self.layout[kind] = sizes
            elif self.layout.get(kind, inherited) != sizes:
                raise ValueError(f"{type_!r}: kind {kind} has another layout here")
        return self._append(deflate(type_, self._intern))

    # How records are made

    def _add(
        self,
        kind: Kind | int,
        name: str,
        size_or_type: int,
        trailer: Iterable[int] = (),
        *,
        vlen: int = 0,
        kind_flag: bool = False,
    ) -> int:
        return self._append(
            [self._intern(name), make_info(kind, vlen, kind_flag), size_or_type, *trailer]
        )

    def _append(self, record: list[int]) -> int:
        _check_words(record)
        self._records.append(record)
        return self.next_id - 1

    def _intern(self, name: str) -> int:
        """Return the offset of a name, stored now if it is new."""
        offset = self._offsets.get(name)
        if offset is None:
            if "\0" in name:
                raise ValueError(f"name {name!r} holds a NUL")
            offset = self._offsets[name] = self._start_offset + len(self._strings)
            self._strings += encode(name) + b"\0"
        return offset

    def _know(self, strings: Strings) -> None:
        """Note the whole strings of a section that this blob can refer to."""
        offset = strings.start
        for raw in strings.data.split(b"\0")[:-1]:
            self._offsets.setdefault(decode(raw), offset)
            offset += len(raw) + 1

    def _layout_section(self) -> bytes:
        """Return `struct btf_layout` for each kind up to the last in `layout`, if there is any."""
        if not self.layout:
            return b""
        known = {kind: (4 * once, 4 * each) for kind, (once, each) in TRAILERS.items()}
        added = {**(self.base.layout if self.base else {}), **self.layout}
        sizes = known | added
        return b"".join(bytes((*sizes.get(kind, (0, 0)), 0, 0)) for kind in range(max(added) + 1))


def _pairs(values: Enumerators) -> Iterable[tuple[str, int]]:
    return values.items() if isinstance(values, Mapping) else values


def _check_words(record: list[int]) -> None:
    for word in record:
        if not 0 <= word <= U32_MAX:
            raise ValueError(f"{word} doesn't fit into an unsigned word of 32 bits")
