"""The types of a BTF as drgn's: what drgn needs to print kernel objects without debuginfo.

drgn 0.3 reads no BTF of its own. This stands in, for comparisons only: btfdump itself does not use
it. Members are lazy, as those of drgn's DWARF reader are, so that a type costs what is used of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drgn import Object, Qualifiers, TypeEnumerator, TypeKind, TypeMember, TypeParameter

from btfdump._btf import types
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from drgn import Program, Type

    from btfdump._btf import Btf

_KEYWORDS = {
    TypeKind.STRUCT: "struct",
    TypeKind.UNION: "union",
    TypeKind.ENUM: "enum",
    TypeKind.TYPEDEF: "typedef",
    TypeKind.INT: "int",
    TypeKind.BOOL: "int",
    TypeKind.FLOAT: "float",
}
_QUALIFIERS = {
    types.Const: Qualifiers.CONST,
    types.Volatile: Qualifiers.VOLATILE,
    types.Restrict: Qualifiers.RESTRICT,
}
# drgn asks for integers by the C spelling; GCC writes its own into DWARF, and so into BTF.
_C_SPELLINGS = {
    "long unsigned int": "unsigned long",
    "long int": "long",
    "long long unsigned int": "unsigned long long",
    "long long int": "long long",
    "short unsigned int": "unsigned short",
    "short int": "short",
}
_BTF_SPELLINGS = {c: gcc for gcc, c in _C_SPELLINGS.items()}
_MODIFIERS = (types.Const, types.Volatile, types.Restrict, types.TypeTag)


class BtfTypes:
    """Finds the types of one BTF for one `Program`; `register()` makes drgn ask it."""

    def __init__(self, prog: Program, btf: Btf) -> None:
        self.prog = prog
        self.btf = btf
        self._known: dict[int, Type] = {}

    def register(self, name: str = "btf") -> None:
        """Make the program find these types before any others."""
        self.prog.register_type_finder(name, self.find, enable_index=0)

    def find(self, prog: Program, kinds: object, name: str, filename: str | None) -> Type | None:
        """Find a type by C name: the callback of `Program.register_type_finder()`."""
        for kind, keyword in _KEYWORDS.items():
            if kind not in kinds:  # type: ignore[operator]
                continue
            for spelling in (name, _BTF_SPELLINGS.get(name)):
                for found in self.btf.find_all(keyword, spelling) if spelling else ():
                    type_ = self.type(found.id)
                    if type_.kind in kinds:  # type: ignore[operator]
                        return type_
        return None

    def type(self, type_id: int) -> Type:
        """Return the drgn type of a BTF id, the same one every time."""
        found = self._known.get(type_id)
        if found is None:
            found = self._known[type_id] = self._make(self.btf.type(type_id))
        return found

    def _make(self, type_: types.Type) -> Type:
        prog = self.prog
        if isinstance(type_, _MODIFIERS):
            return self._qualified(type_)
        if isinstance(type_, types.Int):
            name = _C_SPELLINGS.get(type_.name, type_.name)
            if type_.is_bool:
                return prog.bool_type(name, type_.size)
            return prog.int_type(name, type_.size, type_.is_signed)
        if isinstance(type_, types.Float):
            return prog.float_type(type_.name, type_.size)
        if isinstance(type_, types.Ptr):
            return prog.pointer_type(self.type(type_.type_id))
        if isinstance(type_, types.Array):
            return prog.array_type(self.type(type_.type_id), type_.length)
        if isinstance(type_, types.Typedef):
            return prog.typedef_type(type_.name, self.type(type_.type_id))
        if isinstance(type_, types.FuncProto):
            return self._function(type_)
        return self._tagged(type_)

    def _tagged(self, type_: types.Type) -> Type:
        """Make a struct, a union or an enum, complete or not."""
        prog = self.prog
        if isinstance(type_, types.Composite):
            make = prog.struct_type if isinstance(type_, types.Struct) else prog.union_type
            members = [self._member(m) for m in type_.members]
            return make(type_.name or None, type_.size, members)
        if isinstance(type_, types.Fwd):
            make = prog.union_type if type_.is_union else prog.struct_type
            return make(type_.name or None, None, None)
        if isinstance(type_, types.Enum):
            compatible = prog.int_type("<unknown>", type_.size, type_.is_signed)
            names = [TypeEnumerator(e.name, e.value) for e in type_.enumerators]
            return prog.enum_type(type_.name or None, compatible, names)
        if isinstance(type_, types.Void):
            return prog.void_type()
        raise BtfFormatError(0, f"{type_!r} is the type of no object")

    def _qualified(self, type_: types.Type) -> Type:
        """Gather qualifiers; drgn has no type tags."""
        qualifiers = Qualifiers.NONE
        while isinstance(type_, _MODIFIERS):
            qualifiers |= _QUALIFIERS.get(type(type_), Qualifiers.NONE)
            type_ = type_.target
        found = self.type(type_.id)
        return found.qualified(found.qualifiers | qualifiers)

    def _member(self, member: types.Member) -> TypeMember:
        def lazy() -> Type | Object:
            type_ = self.type(member.type_id)
            if not member.bit_size:
                return type_
            return Object(self.prog, type_, bit_field_size=member.bit_size)

        return TypeMember(lazy, member.name or None, member.bit_offset)

    def _function(self, proto: types.FuncProto) -> Type:
        params = proto.params[:-1] if proto.is_variadic else proto.params
        lazy = [TypeParameter(lambda i=p.type_id: self.type(i), p.name or None) for p in params]
        return self.prog.function_type(self.type(proto.type_id), lazy, proto.is_variadic)


def program_of(kernel: object) -> Program:
    """Return the drgn `Program` that a kernel opened by btfdump is read through.

    Comparisons use it for both sides: then both pay the same for every read.
    """
    return kernel.target._prog  # type: ignore[attr-defined]
