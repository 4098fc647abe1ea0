"""Types of a BTF as types of a drgn program, and the way back from one to the other.

Members are lazy, as those of drgn's own are: task_struct leads to thousands of types, and a type
costs what is used of it. Type tags are dropped, since drgn has none.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import drgn
from drgn import Object, Qualifiers, TypeEnumerator, TypeMember, TypeParameter

from btfdump._btf import types as t
from btfdump.errors import UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._btf.reader import Btf

    Key: TypeAlias = tuple[int, int]
    Define: TypeAlias = Callable[[t.Fwd], t.Type]

C_SPELLINGS = {
    "long unsigned int": "unsigned long",
    "long int": "long",
    "long long unsigned int": "unsigned long long",
    "long long int": "long long",
    "short unsigned int": "unsigned short",
    "short int": "short",
}
"""What drgn calls integers that GCC, and so pahole, calls otherwise."""
_QUALIFIERS = {
    t.Const: Qualifiers.CONST,
    t.Volatile: Qualifiers.VOLATILE,
    t.Restrict: Qualifiers.RESTRICT,
}
_MODIFIERS = (t.Const, t.Volatile, t.Restrict, t.TypeTag)
_MAX_DERIVED = 256
"""Pointers, arrays and modifiers in a row: nobody writes as many, but a loop has them."""
# An enumeration's integer type, as GCC's DWARF has it; BTF has only its size and sign.
_OF_ENUMS = {
    (1, False): "unsigned char",
    (1, True): "signed char",
    (2, False): "unsigned short",
    (2, True): "short",
    (4, False): "unsigned int",
    (4, True): "int",
    (8, False): "unsigned long",
    (8, True): "long",
}


class DrgnTypes:
    """The types of one kernel and its modules, for one program.

    `define` returns the struct that a forward declaration stands for, or the declaration itself.
    """

    def __init__(self, prog: drgn.Program, define: Define) -> None:
        self._prog = prog
        self._define = define
        self._made: dict[Key, drgn.Type] = {}
        self._flexible: dict[Key, drgn.Type] = {}
        self._origins: dict[int, t.Type] = {}
        self._owners: dict[int, Btf] = {}
        self._depth = 0

    def of(self, type_: t.Type) -> drgn.Type:
        """Return the drgn type of a BTF type: the same one every time.

        Raises `BtfFormatError` if a record turns out to be malformed, and `UnusableBtfError` for
        what is the type of no object.
        """
        if not type_.id and not isinstance(type_, t.Void):  # made here, and in no BTF
            return self._bounded(type_)
        key = self._key(type_)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._bounded(type_)
            self._origins.setdefault(_address(found), type_)
        return found

    def origin(self, type_: drgn.Type) -> t.Type | None:
        """Return the BTF type that a drgn type was made of; None if it is from elsewhere."""
        return self._origins.get(_address(type_))

    def _key(self, type_: t.Type) -> Key:
        owner = id(type_.btf)
        if owner not in self._owners:  # kept, so that no other one gets this number
            self._owners[owner] = type_.btf  # type: ignore[assignment]
        return owner, type_.id

    def _bounded(self, type_: t.Type) -> drgn.Type:
        if self._depth >= _MAX_DERIVED:
            raise UnusableBtfError(0, f"type [{type_.id}] is nested too deep, or in itself")
        self._depth += 1
        try:
            return self._make(type_)
        finally:
            self._depth -= 1

    def _make(self, type_: t.Type) -> drgn.Type:  # noqa: C901 - one line for each kind
        prog = self._prog
        if isinstance(type_, _MODIFIERS):
            return self._qualified(type_)
        if isinstance(type_, t.Ptr):
            return prog.pointer_type(self.of(type_.target))
        if isinstance(type_, t.Array):
            return prog.array_type(self.of(type_.element), type_.length)
        if isinstance(type_, t.Typedef):
            return prog.typedef_type(type_.name, self.of(type_.target))
        if isinstance(type_, t.Int):
            name = C_SPELLINGS.get(type_.name, type_.name)
            if type_.is_bool:
                return prog.bool_type(name, type_.size)
            return prog.int_type(name, type_.size, type_.is_signed)
        if isinstance(type_, t.Float):
            return prog.float_type(type_.name, type_.size)
        if isinstance(type_, t.FuncProto):
            return self._function(type_)
        if isinstance(type_, t.Func | t.Var):
            return self.of(type_.target)
        if isinstance(type_, t.Enum):
            return self._enum(type_)
        if isinstance(type_, t.Composite | t.Fwd):
            return self._tagged(type_)
        if isinstance(type_, t.Void):
            return prog.void_type()
        raise UnusableBtfError(0, f"[{type_.id}] {type_} is the type of no object")

    def _tagged(self, type_: t.Composite | t.Fwd) -> drgn.Type:
        """Make a struct or a union, complete or not."""
        prog = self._prog
        if isinstance(type_, t.Fwd):
            defined = self._define(type_)
            if defined is not type_:
                return self.of(defined)
            declare = prog.union_type if type_.is_union else prog.struct_type
            return declare(type_.name or None)
        make = prog.union_type if isinstance(type_, t.Union) else prog.struct_type
        last = len(type_.members) - 1
        members = [
            TypeMember(
                partial(self._of_member, member, number == last),
                member.name or None,
                member.bit_offset,
            )
            for number, member in enumerate(type_.members)
        ]
        return make(type_.name or None, type_.size, members)

    def _of_member(self, member: t.Member, is_last: bool) -> drgn.Type | Object:
        """Return the type of a member when it is first asked for."""
        type_ = member.type
        if member.bit_size:
            return Object(self._prog, self.of(type_), bit_field_size=member.bit_size)
        if is_last and isinstance(type_, t.Array) and not type_.length:
            return self._flexible_array(type_)
        return self.of(type_)

    def _flexible_array(self, array: t.Array) -> drgn.Type:
        """Return `T []`: BTF has a length of 0 for that too, and for T [0] that ends no struct."""
        key = self._key(array)
        found = self._flexible.get(key)
        if found is None:
            found = self._flexible[key] = self._prog.array_type(self.of(array.element))
            self._origins.setdefault(_address(found), array)
        return found

    def _enum(self, type_: t.Enum) -> drgn.Type:
        prog = self._prog
        name = _OF_ENUMS.get((type_.size, type_.is_signed), "<unknown>")
        compatible = prog.int_type(name, type_.size, type_.is_signed)
        names = [TypeEnumerator(e.name, e.value) for e in type_.enumerators]
        return prog.enum_type(type_.name or None, compatible, names)

    def _qualified(self, type_: t.Type) -> drgn.Type:
        """Gather qualifiers; type tags are dropped."""
        qualifiers = Qualifiers.NONE
        for _ in range(_MAX_DERIVED):
            if not isinstance(type_, _MODIFIERS):
                found = self.of(type_)
                return found.qualified(found.qualifiers | qualifiers)
            qualifiers |= _QUALIFIERS.get(type(type_), Qualifiers.NONE)
            type_ = type_.target
        raise UnusableBtfError(0, f"the qualifiers of type [{type_.id}] have no end")

    def _function(self, proto: t.FuncProto) -> drgn.Type:
        params = proto.params[:-1] if proto.is_variadic else proto.params
        lazy = [
            TypeParameter(partial(self._of_parameter, param), param.name or None)
            for param in params
        ]
        return self._prog.function_type(self.of(proto.return_type), lazy, proto.is_variadic)

    def _of_parameter(self, param: t.Param) -> drgn.Type:
        return self.of(param.type)


def _address(type_: drgn.Type) -> int:
    """Return what tells drgn's types apart: they live as long as their program does."""
    address: int = type_._ptr
    return address
