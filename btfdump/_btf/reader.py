"""`Btf`: one parsed blob of BTF, indexed at load and inflated on demand."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, cast

from btfdump.errors import AmbiguousTypeError, BtfFormatError, TypeNotFoundError, UnusableBtfError

from . import selection
from .check import check_all, check_record, names_fit
from .inflate import inflate
from .lookup import EnumeratorIndex, NameIndex, make_index
from .names import spell
from .prototypes import Prototypes, functions
from .records import Records, Sizes
from .strings import Strings
from .types import Array, DeclTag, Enum, Reference, Type, TypeTag, Var, Void
from .wire import (
    MODIFIERS,
    U32_MAX,
    Kind,
    kind_of,
    parse_header,
    parse_layout,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from .index import Index
    from .types import Composite, Struct
    from .wire import ByteOrder

KEYWORDS: dict[str, tuple[Kind, ...]] = {
    "struct": (Kind.STRUCT,),
    "union": (Kind.UNION,),
    "enum": (Kind.ENUM, Kind.ENUM64),
    "typedef": (Kind.TYPEDEF,),
    "int": (Kind.INT,),
    "float": (Kind.FLOAT,),
    "func": (Kind.FUNC,),
    "var": (Kind.VAR,),
    "datasec": (Kind.DATASEC,),
    "fwd": (Kind.FWD,),
}
"""What `Btf.find()` understands beside a `Kind`."""

_LONG_NAMES = ("long unsigned int", "unsigned long", "long int", "long")
_MAX_NESTING = 64  # arrays in arrays, tags on tags: nobody writes more, but a loop does


class Btf:
    """The types of one blob of BTF, read-only; made by `from_bytes()` or `open_btf()`.

    Attributes: `data` is the blob; `name` is for messages ("vmlinux", a module, a file), and
    `source` is what errors call it, the name unless something else was given; `base` is the BTF
    that this one is split from, or None; `byteorder` is "little" or "big"; `start_id` is the first
    id of this blob; `strings` is its string section; `layout` is the length of each kind's record
    in bytes, kind -> (fixed part, each element), from the layout section or from the base.

    Ids below `start_id` belong to the base, and so do the objects: `split.type(1) is base.type(1)`.
    Bad bytes raise `BtfFormatError` and nothing else; look-ups raise `TypeNotFoundError` and
    `AmbiguousTypeError`.
    """

    def __init__(
        self,
        data: bytes,
        base: Btf | None = None,
        name: str = "",
        pointer_size: int | None = None,
        index: Index | None = None,
        source: str = "",
    ) -> None:
        header = parse_header(data, split=base is not None)
        if base and base.byteorder != header.byteorder:
            raise BtfFormatError(0, f"this is {header.byteorder}-endian, its base is not")
        self.data = data
        self.name = name
        self.source = source or name
        self.base = base
        self.byteorder: ByteOrder = header.byteorder
        self.start_id = len(base) if base else 1
        layout = parse_layout(data, header)
        self._sizes: Sizes = base._sizes if base and not layout else Sizes(layout)
        self.layout: Mapping[int, tuple[int, int]] = self._sizes.layout
        self.strings: Strings = Strings(
            data[header.str_start : header.str_end], base.strings if base else None
        )
        self._records = Records(data, header, self._sizes, self.start_id, index)
        self._names = NameIndex(self._records, self.strings)
        self._types: dict[int, Type] = {} if base else {0: Void(self, 0, "")}
        self._finals: dict[int, int] = {}
        self._type_tags: dict[int, tuple[str, ...]] = {}
        self._spelled: dict[int, str] = {}
        self._checked = False
        self._pointer_size = pointer_size

    @classmethod
    def from_bytes(
        cls,
        data: bytes | bytearray | memoryview,
        *,
        base: Btf | None = None,
        name: str = "",
        check: bool = True,
        pointer_size: int | None = None,
        index: Index | None = None,
        source: str = "",
    ) -> Btf:
        """Parse a blob of BTF: the bytes of /sys/kernel/btf/vmlinux, or of an ELF section `.BTF`.

        A module's BTF needs its `base`. With `check` every record is checked now, without it when
        it is first used. `pointer_size`, in bytes, overrides what the BTF itself says. `index` is
        what `index()` returned for the same bytes. `source` names the blob in errors, where it is
        not to be `name`. Raises `BtfFormatError` if the blob, or with `check` any record in it, is
        malformed.
        """
        try:
            btf = cls(bytes(data), base, name, pointer_size, index, source)
            if check:
                check_all(btf, btf._records)
                btf._checked = True
        except BtfFormatError as error:
            raise error.named(source or name) from None
        return btf

    def index(self) -> Index:
        """Return the index of this blob: `from_bytes()` takes it to load the same bytes faster."""
        return self._records.index or make_index(self._records, self.strings)

    def __len__(self) -> int:
        """Return the number of ids, void and those of the base included: `btf__type_cnt()`."""
        return self._records.end_id

    def __repr__(self) -> str:
        return f"<Btf {self.name or '(unnamed)'}: ids {self.start_id} to {len(self) - 1}>"

    # Ids to types

    def type(self, type_id: int) -> Type:
        """Return the type with an id; the same id gives the same object every time.

        Raises `TypeNotFoundError` if there is no such id, `BtfFormatError` if its record is
        malformed.
        """
        found = self._types.get(type_id)
        if found is not None:
            return found
        if self.base and 0 <= type_id < self.start_id:
            return self.base.type(type_id)
        if type_id not in self._records:
            raise TypeNotFoundError(f"no type [{type_id}]: {self!r}")
        if not self._checked:
            try:
                check_record(self, self._records, type_id)
            except BtfFormatError as error:
                raise error.named(self.source) from None
        found = inflate(self, type_id, self._records.words, self._records.at(type_id))
        self._types[type_id] = found
        return found

    def kind(self, type_id: int) -> int:
        """Return the kind number of a type without making an object; raises `TypeNotFoundError`."""
        records = self._owner(type_id)
        return kind_of(records.words[records.at(type_id) + 1]) if records else Kind.UNKN

    def fits_base(self) -> bool:
        """Whether the names in a split BTF begin where strings begin, in it and in its base.

        On top of another base than its own, most do not.
        """
        return names_fit(self._records.name_offsets(), self.strings)

    def iter_types(self, kind: Kind | None = None) -> Iterator[Type]:
        """Yield the types of this blob by ascending id, or only those of one kind.

        Neither void nor the types of the base are among them. Raises `BtfFormatError` at a
        malformed record.
        """
        records = self._records
        ids = range(records.start_id, records.end_id) if kind is None else records.ids(kind)
        return map(self.type, ids)

    def composites(self) -> Iterator[Composite]:
        """Yield the structs and unions of this blob, not its base's, by ascending id.

        No other type is made. Raises `BtfFormatError` at a malformed record.
        """
        ids = sorted(chain(self._records.ids(Kind.STRUCT), self._records.ids(Kind.UNION)))
        return (cast("Composite", self.type(type_id)) for type_id in ids)

    def iter_functions(self) -> Iterator[tuple[list[str], list[int]]]:
        """Yield the functions of this blob, some at a time: their names, their prototypes' ids.

        They come by their own ids, and no types are made. Raises `BtfFormatError` at a malformed
        record, after those before it.
        """
        return functions(self, self._records)

    def around_names(self, proto_ids: Iterable[int]) -> list[tuple[str, str]]:
        """Return what stands before and behind the names of functions, by ids of prototypes.

        Thousands of functions share a prototype: what was found is remembered. Raises what `type()`
        and `spell()` raise.
        """
        return self._prototypes.many(proto_ids)

    @cached_property
    def _prototypes(self) -> Prototypes:
        base = self.base._prototypes if self.base else None
        return Prototypes(self, self.strings, self._records, base)

    def users(self, kind: Kind, ids: set[int] | frozenset[int]) -> Iterator[Type]:
        """Yield the types of one kind that refer to any of `ids` themselves, by id.

        They are those of this blob, not its base's: structs with a member of such a type,
        prototypes with such a parameter or return type, pointers to it.
        """
        from .references import users

        return map(self.type, users(self._records, kind, ids))

    def leading_to(self, kinds: Iterable[Kind], ids: Collection[int]) -> set[int]:
        """Return `ids`, and the types of this blob that lead to them through these kinds alone.

        `kinds` are those of pointers, arrays, qualifiers and typedefs. What leads there in the base
        is to be among `ids` already: it is the same for all that are split from it.
        """
        from .references import leading_to

        return leading_to(self._records, tuple(kinds), ids)

    def ids(self, kind: Kind) -> Iterator[int]:
        """Yield the ids of the types of one kind in this blob, not its base's, in order."""
        return self._records.ids(kind)

    def nameless(self, kinds: Iterable[Kind]) -> set[int]:
        """Return the ids of the types of these kinds in this blob that have no name."""
        return selection.nameless(self._records, kinds)

    def names(self, kind: Kind) -> Iterator[tuple[int, str]]:
        """Yield id and name of the types of one kind in this blob that have a name, by id."""
        return selection.names(self._records, self.strings, kind)

    def unnamed(self, kind: Kind, vlen: int) -> Iterator[Type]:
        """Yield the types of this blob, not its base, that have no name and so many elements.

        `kind` is one of structs, unions, enums or prototypes.
        """
        return map(self.type, selection.unnamed(self._records, kind, vlen))

    def structs_of_size(self, smallest: int, largest: int) -> Iterator[Struct]:
        """Yield the structs of this blob, not its base, that have `smallest` to `largest` bytes."""
        ids = selection.structs_of_size(self._records, smallest, largest)
        return (cast("Struct", self.type(type_id)) for type_id in ids)

    def string(self, offset: int) -> str:
        """Return the string at `offset` (in bytes) of the string section, or of the base's.

        Bytes that are not UTF-8 become backslash escapes. Raises `BtfFormatError` if there is no
        string at that offset.
        """
        try:
            return self.strings[offset]
        except IndexError:
            raise BtfFormatError(0, f"no string has offset {offset:#x}") from None

    def record_bytes(self, at: int, size: int) -> bytes:
        """Return `size` bytes of the blob, from 32-bit word number `at` of the type section on."""
        start = self._records.byte_offset(at)
        return self.data[start : start + size]

    def _owner(self, type_id: int) -> Records | None:
        """Return the records that hold an id, None for void; raises `TypeNotFoundError`."""
        btf = self
        while btf.base and 0 <= type_id < btf.start_id:
            btf = btf.base
        if type_id in btf._records:
            return btf._records
        if type_id == 0:
            return None
        raise TypeNotFoundError(f"no type [{type_id}]: {self!r}")

    # Names to types

    def find(self, kind: Kind | str, name: str) -> Type:
        """Return the one type of a kind and name, here or in the base.

        `kind` is a `Kind` or a keyword: "struct", "union", "enum" (of either width), "typedef",
        "int", "float", "func", "var", "datasec" or "fwd". A forward declaration never counts as a
        struct. Of copies that are laid out alike the first is meant. Raises `TypeNotFoundError` if
        there is none, `AmbiguousTypeError` if there are different ones, and `ValueError` for an
        unknown keyword.
        """
        found = self._find_ids(kind, name)
        if len(found) == 1:
            return self.type(found[0])
        label = kind.name.lower() if isinstance(kind, Kind) else kind
        if found:
            from .alike import distinct

            different = distinct(map(self.type, found))
            if len(different) == 1:
                return different[0]
            ids = tuple(type_.id for type_ in different)
            raise AmbiguousTypeError(
                f"{len(ids)} different types are called {label} {name}: "
                f"{', '.join(f'[{type_id}]' for type_id in ids)}; take one by its id",
                ids,
            )
        others = sorted({_kind_label(self.kind(i)) for i in self._ids_named(name)})
        hint = f" (there is a {' and a '.join(others)} of that name)" if others else ""
        raise TypeNotFoundError(f"no {label} {name} in {self.name or 'this BTF'}{hint}")

    def find_all(self, kind: Kind | str | None, name: str) -> list[Type]:
        """Return every type of a name, and of a kind unless that is None, by id: first the base's.

        `kind` is as for `find()`; raises `ValueError` for an unknown keyword.
        """
        return [self.type(type_id) for type_id in self._find_ids(kind, name)]

    def find_enumerators(self, name: str) -> list[tuple[Enum, int]]:
        """Return (enum, index) for each enumerator `name` of this blob, not of its base.

        Enums without a name count as well; in the order of their ids.
        """
        found = []
        for type_id, index in self._enumerators.places(name):
            enum = self.type(type_id)
            if isinstance(enum, Enum) and enum.enumerators[index].name == name:
                found.append((enum, index))
        return found

    @cached_property
    def _enumerators(self) -> EnumeratorIndex:
        return EnumeratorIndex(self._records, self.strings)

    def _find_ids(self, kind: Kind | str | None, name: str) -> tuple[int, ...]:
        ids = self._ids_named(name)
        if kind is None:
            return ids
        if isinstance(kind, str):
            if kind not in KEYWORDS:
                raise ValueError(f"kind is {kind!r}, not one of {', '.join(KEYWORDS)}")
            wanted: tuple[Kind, ...] = KEYWORDS[kind]
        else:
            wanted = (kind,)
        return tuple(type_id for type_id in ids if self.kind(type_id) in wanted)

    def _ids_named(self, name: str) -> tuple[int, ...]:
        own = self._names.ids(name)
        return self.base._ids_named(name) + own if self.base else own

    # What a type amounts to

    @cached_property
    def pointer_size(self) -> int | None:
        """The size of a pointer in bytes, taken from that of `long`; None if there is no `long`.

        Mirrors `determine_ptr_size()` in tools/lib/bpf/btf.c.
        """
        if self._pointer_size is not None:
            return self._pointer_size
        if self.base and self.base.pointer_size:
            return self.base.pointer_size
        for name in _LONG_NAMES:
            for type_id in self._find_ids(Kind.INT, name):
                size = self.sizeof(type_id)
                if size in (4, 8):
                    return size
        return None

    def skip_modifiers(self, type_: Type | int) -> Type:
        """Return a type without its typedefs, `const`, `volatile`, `restrict` and type tags.

        Takes a type or its id. Raises `BtfFormatError` if they form a loop.
        """
        if not isinstance(type_, int) and type_.kind not in MODIFIERS:
            return type_
        return self.type(self.final_id(type_ if isinstance(type_, int) else type_.id))

    def type_tags(self, type_: Type | int) -> tuple[str, ...]:
        """Return the type tags on the way to the first type that is no modifier, outermost first.

        Takes a type or its id. For the tags of a pointee, start at `ptr.type_id`. Raises
        `BtfFormatError` if the modifiers form a loop.
        """
        type_id = type_ if isinstance(type_, int) else type_.id
        path: list[Reference] = []
        while (known := self._type_tags.get(type_id)) is None:
            if not path:
                self.final_id(type_id)  # refuses loops
            current = self.type(type_id)
            if current.kind not in MODIFIERS or not isinstance(current, Reference):
                known = ()
                break
            path.append(current)
            type_id = current.type_id
        for modifier in reversed(path):
            if isinstance(modifier, TypeTag):
                known = (modifier.name, *known)
                if len(known) > _MAX_NESTING:
                    reason = f"type [{modifier.id}] has more than {_MAX_NESTING} type tags"
                    raise UnusableBtfError(self._offset(modifier.id), reason)
            self._type_tags[modifier.id] = known
        return known

    def sizeof(self, type_: Type | int) -> int:
        """Return the size of a type in bytes, as `btf__resolve_size()` in tools/lib/bpf/btf.c does.

        Takes a type or its id. Raises `BtfFormatError` for types without a size (void, functions,
        forward declarations), for a pointer if `pointer_size` is not known, and for arrays that
        have 4 GiB or more or are nested without end.
        """
        length = 1
        current = self.skip_modifiers(type_)
        for _ in range(_MAX_NESTING):
            if isinstance(current, Array):
                length *= current.length
            elif not isinstance(current, (Var, DeclTag)):
                break
            current = self.skip_modifiers(current.type_id)
        else:
            reason = f"type [{current.id}] is nested more than {_MAX_NESTING} deep"
            raise UnusableBtfError(self._offset(current.id), reason)
        size = self.pointer_size if current.kind == Kind.PTR else getattr(current, "size", None)
        if not isinstance(size, int):
            why = " known: there is no type 'long'" if current.kind == Kind.PTR else ""
            raise UnusableBtfError(self._offset(current.id), f"{spell(current)!r} has no size{why}")
        if length * size > U32_MAX:
            raise UnusableBtfError(
                self._offset(current.id), f"an array of {length} x {size} bytes is too large"
            )
        return length * size

    def spell(self, type_: Type | int) -> str:
        """Return the C spelling of a type, given by itself or by its id: `struct foo *`."""
        if isinstance(type_, int):
            type_ = self.type(type_)
        known = self._spelled.get(type_.id)
        if known is not None:
            return known
        text = spell(type_)
        if type_.id:  # else void, or made by a caller: not one of the types of this BTF
            self._spelled[type_.id] = text
        return text

    def decl_tags(self, type_: Type | int) -> tuple[DeclTag, ...]:
        """Return the declaration tags on a type and on its members or parameters, by id.

        Takes a type or its id.
        """
        type_id = type_ if isinstance(type_, int) else type_.id
        found = self.base.decl_tags(type_id) if self.base else ()
        own = map(self.type, self._decl_tag_ids.get(type_id, ()))
        return (*found, *(cast("DeclTag", tag) for tag in own))

    @cached_property
    def _decl_tag_ids(self) -> dict[int, list[int]]:
        """Target id -> ids of the declaration tags on it."""
        return selection.decl_tag_ids(self._records)

    @cached_property
    def odd_ints(self) -> dict[int, tuple[int, int]]:
        """The integers that are narrower than their bytes: id -> (bit offset, width in bits).

        A member of such a type is a bit field. Compilers have not written such types for years, so
        the dict is empty for any recent BTF.
        """
        return {**(self.base.odd_ints if self.base else {}), **selection.odd_ints(self._records)}

    def final_id(self, type_id: int) -> int:
        """Strip modifiers as `skip_modifiers()` does, but return the id; no object is made."""
        path: dict[int, None] = {}
        current = type_id
        while (known := self._finals.get(current)) is None:
            if current in path:
                raise self.malformed(current, "the type is made of itself")
            path[current] = None
            records = self._owner(current)
            if records is None:
                known = current
                break
            at = records.at(current)
            if kind_of(records.words[at + 1]) not in MODIFIERS:
                known = current
                break
            current = records.words[at + 2]
            if current >= len(self):
                offset = records.byte_offset(at + 2)
                raise BtfFormatError(
                    offset, f"refers to [{current}], which isn't there", self.source
                )
        self._finals.update(dict.fromkeys(path, known))
        return known

    def malformed(self, type_id: int, reason: str) -> BtfFormatError:
        """Return the error for a malformed type, with the place of its record."""
        return BtfFormatError(self._offset(type_id), f"type [{type_id}]: {reason}", self.source)

    def _offset(self, type_id: int) -> int:
        """Return where the record of a type is, in bytes from the start of the blob that has it."""
        records = self._owner(type_id)
        return records.byte_offset(records.at(type_id)) if records else 0


def _kind_label(kind: int) -> str:
    """Return a kind in words: "struct", or "kind 27" for one without a name here."""
    return Kind(kind).name.lower() if kind in frozenset(Kind) else f"kind {kind}"
