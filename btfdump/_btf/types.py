"""BTF types: one small class for each kind.

Types refer to types by id, so cycles cost nothing; next to each id there is a property that
resolves it. Objects are made by `Btf.type()`, once for each id: within one `Btf`, the same id is
the same object. They are read-only by convention and compare by identity. The parts inside them
(`Member`, `Param`, ...) compare by value.

Resolving an id raises `TypeNotFoundError` if there is no such type, and `BtfFormatError` if its
record is malformed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, cast

from .wire import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Protocol

    from typing_extensions import Self

    from btfdump.errors import BtfFormatError

    from .wire import ByteOrder

    class TypeTable(Protocol):
        """The BTF that a type belongs to: what is asked of a `reader.Btf` by way of its types."""

        @property
        def base(self) -> Self | None:
            """The BTF that this one is split from, or None."""

        @property
        def name(self) -> str:
            """What it is called in messages."""

        @property
        def start_id(self) -> int:
            """The first id that is its own and not the base's."""

        def __len__(self) -> int:
            """Return how many ids there are, those of the base and 0 included."""

        @property
        def byteorder(self) -> ByteOrder:
            """ "little" or "big"."""

        @property
        def pointer_size(self) -> int | None:
            """Size of a pointer in bytes, None if nothing tells."""

        @property
        def layout(self) -> Mapping[int, tuple[int, int]]:
            """Bytes of the records of each kind: (fixed part, each element)."""

        @property
        def odd_ints(self) -> dict[int, tuple[int, int]]:
            """Integers narrower than their bytes: id -> (bit offset, bits)."""

        def type(self, type_id: int, /) -> Type:
            """Return the type with an id; raises `TypeNotFoundError`."""

        def kind(self, type_id: int, /) -> int:
            """Return the kind number of a type."""

        def iter_types(self, kind: Kind | None = None, /) -> Iterator[Type]:
            """Yield the types of this BTF, or those of one kind, without the base's."""

        def final_id(self, type_id: int, /) -> int:
            """Return the id of a type, its modifiers stripped."""

        def string(self, offset: int, /) -> str:
            """Return the string at an offset of the string section."""

        def record_bytes(self, at: int, size: int, /) -> bytes:
            """Return bytes of the type section, from a 32-bit word of it on."""

        def malformed(self, type_id: int, reason: str, /) -> BtfFormatError:
            """Return the error for a malformed type, with the place of its record."""

        def find(self, kind: Kind | str, name: str, /) -> Type:
            """Return the one type of a kind and name."""

        def find_all(self, kind: Kind | str | None, name: str, /) -> list[Type]:
            """Return every type of a name, and of a kind unless that is None."""

        def find_enumerators(self, name: str, /) -> list[tuple[Enum, int]]:
            """Return where enumerators of a name are in this BTF, without the base's."""

        def skip_modifiers(self, type_: Type | int, /) -> Type:
            """Return a type, its modifiers stripped."""

        def type_tags(self, type_: Type | int, /) -> tuple[str, ...]:
            """Return the type tags among the modifiers of a type."""

        def decl_tags(self, type_: Type | int, /) -> tuple[DeclTag, ...]:
            """Return the declaration tags on a type and its members."""

        def sizeof(self, type_: Type | int, /) -> int:
            """Return the size of a type in bytes."""

        def spell(self, type_: Type | int, /) -> str:
            """Return the C spelling of a type."""

        def around_names(self, proto_ids: Iterable[int], /) -> list[tuple[str, str]]:
            """Return what stands before and behind the names of functions, by prototypes' ids."""


@dataclass(slots=True, eq=False, repr=False)
class Type:
    """A BTF type: the `btf` that owns it, its `id` there, and its `name` ("" if it has none)."""

    btf: TypeTable
    id: int
    name: str
    kind: ClassVar[Kind] = Kind.UNKN

    def __str__(self) -> str:
        return self.btf.spell(self)

    def __repr__(self) -> str:
        return f"<{self.__class__.__name__} [{self.id}]{self.name and ' ' + self.name}>"


@dataclass(slots=True, eq=False, repr=False)
class Void(Type):
    """The type of id 0: `void`."""


@dataclass(slots=True, eq=False, repr=False)
class Int(Type):
    """An integer of `size` bytes, whose value lies in `bits` bits from bit `bit_offset` on.

    Mirrors the word after `BTF_KIND_INT`; `encoding` holds `BTF_INT_SIGNED`, `BTF_INT_CHAR` and
    `BTF_INT_BOOL`.
    """

    size: int
    bits: int
    bit_offset: int
    encoding: int
    kind: ClassVar[Kind] = Kind.INT
    SIGNED: ClassVar[int] = 1
    CHAR: ClassVar[int] = 2
    BOOL: ClassVar[int] = 4

    @property
    def is_signed(self) -> bool:
        """Whether `BTF_INT_SIGNED` is set."""
        return bool(self.encoding & self.SIGNED)

    @property
    def is_char(self) -> bool:
        """Whether `BTF_INT_CHAR` is set; pahole and clang do not set it, even for `char`."""
        return bool(self.encoding & self.CHAR)

    @property
    def is_bool(self) -> bool:
        """Whether `BTF_INT_BOOL` is set."""
        return bool(self.encoding & self.BOOL)


@dataclass(slots=True, eq=False, repr=False)
class Float(Type):
    """A floating point number of `size` bytes."""

    size: int
    kind: ClassVar[Kind] = Kind.FLOAT


@dataclass(slots=True, eq=False, repr=False)
class Reference(Type):
    """Base of the kinds that refer to one other type: `type_id`, resolved by `target`."""

    type_id: int

    @property
    def target(self) -> Type:
        """The type referred to."""
        return self.btf.type(self.type_id)


@dataclass(slots=True, eq=False, repr=False)
class Ptr(Reference):
    """A pointer to `target`."""

    kind: ClassVar[Kind] = Kind.PTR


@dataclass(slots=True, eq=False, repr=False)
class Typedef(Reference):
    """A `typedef` of `target`."""

    kind: ClassVar[Kind] = Kind.TYPEDEF


@dataclass(slots=True, eq=False, repr=False)
class Volatile(Reference):
    """A `volatile` qualifier."""

    kind: ClassVar[Kind] = Kind.VOLATILE


@dataclass(slots=True, eq=False, repr=False)
class Const(Reference):
    """A `const` qualifier."""

    kind: ClassVar[Kind] = Kind.CONST


@dataclass(slots=True, eq=False, repr=False)
class Restrict(Reference):
    """A `restrict` qualifier."""

    kind: ClassVar[Kind] = Kind.RESTRICT


@dataclass(slots=True, eq=False, repr=False)
class TypeTag(Reference):
    """A `btf_type_tag` on a pointee: `name` is its text.

    If `is_attribute` (kind_flag) is set, the text is that of a whole attribute.
    """

    is_attribute: bool
    kind: ClassVar[Kind] = Kind.TYPE_TAG


@dataclass(slots=True, eq=False, repr=False)
class DeclTag(Reference):
    """A `btf_decl_tag` on `target`, or on its member or parameter number `component_index`.

    `component_index` counts from 0; -1 means the target itself. `name` is the text; if
    `is_attribute` (kind_flag) is set, it is that of a whole attribute.
    """

    component_index: int
    is_attribute: bool
    kind: ClassVar[Kind] = Kind.DECL_TAG

    @property
    def text(self) -> str:
        """The text of the tag, the same as `name`."""
        return self.name


@dataclass(slots=True, eq=False, repr=False)
class Func(Reference):
    """A function; `target` is its prototype.

    `linkage` is `BTF_FUNC_STATIC` (0), `BTF_FUNC_GLOBAL` (1) or `BTF_FUNC_EXTERN` (2).
    """

    linkage: int
    kind: ClassVar[Kind] = Kind.FUNC

    @property
    def proto(self) -> FuncProto:
        """The prototype: `target`, which the reader has checked to be one."""
        return cast("FuncProto", self.btf.type(self.type_id))


@dataclass(slots=True, eq=False, repr=False)
class Var(Reference):
    """A variable of type `target`.

    `linkage` is `BTF_VAR_STATIC` (0), `BTF_VAR_GLOBAL_ALLOCATED` (1) or `_EXTERN` (2).
    """

    linkage: int
    kind: ClassVar[Kind] = Kind.VAR


@dataclass(slots=True, eq=False, repr=False)
class Array(Type):
    """An array of `length` elements of type `type_id`; 0 for a flexible array."""

    type_id: int
    index_type_id: int
    length: int
    kind: ClassVar[Kind] = Kind.ARRAY

    @property
    def element(self) -> Type:
        """The type of an element."""
        return self.btf.type(self.type_id)

    @property
    def index_type(self) -> Type:
        """The type of the index: some integer, which has no influence on anything."""
        return self.btf.type(self.index_type_id)


@dataclass(slots=True, eq=False, repr=False)
class ShortArray(Array):
    """An array of which an object has only `length` of the `declared` elements.

    No BTF has it. The kernel allocates some objects shorter than their type: without the elements
    of a last array that it does not use.
    """

    declared: int


@dataclass(slots=True, unsafe_hash=True)
class Member:
    """A member of a struct or union, `bit_offset` bits from its start.

    `bit_size` is the width of a bit field in bits, 0 for an ordinary member. Both mean the same
    whichever way the BTF encodes bit fields: by kind_flag, or by an integer type that is narrower
    than its bytes.
    """

    btf: TypeTable = field(compare=False, repr=False)
    name: str
    type_id: int
    bit_offset: int
    bit_size: int = 0

    @property
    def type(self) -> Type:
        """The type of the member."""
        return self.btf.type(self.type_id)

    @property
    def offset(self) -> int:
        """The offset in bytes; for a bit field that starts inside a byte, that byte's."""
        return self.bit_offset >> 3


@dataclass(slots=True, eq=False, repr=False)
class Composite(Type):
    """Base of `Struct` and `Union`: `size` in bytes, `members`, and the C `keyword`."""

    size: int
    members: tuple[Member, ...]
    kind_flag: bool
    keyword: ClassVar[str]


@dataclass(slots=True, eq=False, repr=False)
class Struct(Composite):
    """A `struct`."""

    kind: ClassVar[Kind] = Kind.STRUCT
    keyword: ClassVar[str] = "struct"


@dataclass(slots=True, eq=False, repr=False)
class Union(Composite):
    """A `union`."""

    kind: ClassVar[Kind] = Kind.UNION
    keyword: ClassVar[str] = "union"


@dataclass(slots=True, eq=False, repr=False)
class Fwd(Type):
    """A forward declaration of a struct or union whose members this BTF does not know."""

    is_union: bool
    kind: ClassVar[Kind] = Kind.FWD

    @property
    def keyword(self) -> str:
        """The C keyword: "struct" or "union"."""
        return "union" if self.is_union else "struct"


@dataclass(slots=True, unsafe_hash=True)
class Enumerator:
    """A named value of an enumeration."""

    name: str
    value: int


@dataclass(slots=True, eq=False, repr=False)
class Enum(Type):
    """An enumeration of `size` bytes; `is_signed` (kind_flag) says how its values were read."""

    size: int
    is_signed: bool
    enumerators: tuple[Enumerator, ...]
    _names: dict[int, str] | None = field(default=None, init=False)
    kind: ClassVar[Kind] = Kind.ENUM

    @property
    def names(self) -> dict[int, str]:
        """Value -> the first enumerator that has it. Made once; do not modify it."""
        if self._names is None:
            self._names = {e.value: e.name for e in reversed(self.enumerators)}
        return self._names


@dataclass(slots=True, eq=False, repr=False)
class Enum64(Enum):
    """An enumeration with values of up to 64 bits."""

    kind: ClassVar[Kind] = Kind.ENUM64


@dataclass(slots=True, unsafe_hash=True)
class Param:
    """A parameter of a prototype."""

    btf: TypeTable = field(compare=False, repr=False)
    name: str
    type_id: int

    @property
    def type(self) -> Type:
        """The type of the parameter."""
        return self.btf.type(self.type_id)


@dataclass(slots=True, eq=False, repr=False)
class FuncProto(Type):
    """A prototype: `type_id` is the return type, `params` may end in a nameless void for `...`."""

    type_id: int
    params: tuple[Param, ...]
    kind: ClassVar[Kind] = Kind.FUNC_PROTO

    @property
    def return_type(self) -> Type:
        """The type returned."""
        return self.btf.type(self.type_id)

    @property
    def is_variadic(self) -> bool:
        """Whether the last of `params` stands for `...`."""
        return bool(self.params) and not self.params[-1].type_id and not self.params[-1].name


@dataclass(slots=True, unsafe_hash=True)
class SecVar:
    """A variable (or function) in a section: `size` bytes, `offset` bytes from its start."""

    btf: TypeTable = field(compare=False, repr=False)
    type_id: int
    offset: int
    size: int

    @property
    def type(self) -> Type:
        """What lies there: a `Var`, or in some BPF objects a `Func`."""
        return self.btf.type(self.type_id)


@dataclass(slots=True, eq=False, repr=False)
class Datasec(Type):
    """An ELF section of `size` bytes, and the `variables` in it."""

    size: int
    variables: tuple[SecVar, ...]
    kind: ClassVar[Kind] = Kind.DATASEC


@dataclass(slots=True, eq=False, repr=False)
class Unknown(Type):
    """A record of a kind that is newer than this package, kept as it is.

    The layout section told its length. `trailer` is what follows `struct btf_type`, in the byte
    order of the blob; which ids and string offsets it may hold is not known.
    """

    kind_number: int
    vlen: int
    kind_flag: bool
    size_or_type: int
    trailer: bytes
