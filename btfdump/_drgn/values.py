"""`Value` to `drgn.Object` and back, by the ids of types rather than by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drgn import Object, TypeKind

from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    import drgn

    from btfdump._btf import types as t
    from btfdump._drgn.types import DrgnTypes
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def object_of(prog: drgn.Program, types: DrgnTypes, value: Value) -> Object:
    """Return the object at a value's address, of its type, and as many bits wide."""
    type_ = types.of(value.type_)
    if not value.bit_size_:
        return Object(prog, type_, address=value.address_)
    offset = value.bit_offset_
    return Object(
        prog,
        type_,
        address=value.address_,
        bit_offset=offset,
        bit_field_size=value.bit_size_,
    )


def value_of(kernel: Context, prog: drgn.Program, types: DrgnTypes, object_: Object) -> Value:
    """Return the value at an object's address, of its type, and as many bits wide.

    A type that is not from this kernel's BTF is looked up by its name. Raises `ValueError` for an
    object that is of another program or not in memory, and what `Kernel.type()` raises.
    """
    if object_.prog_ is not prog:
        raise ValueError("the object is of another program than this kernel")
    address = object_.address_
    if address is None:
        is_pointer = _is_pointer(object_.type_)
        remedy = "; take what it points to: value_of(object[0])" if is_pointer else ""
        raise ValueError(f"{object_.type_.type_name()}: a plain value is nowhere in memory{remedy}")
    type_ = types.origin(object_.type_) or _named(kernel, object_.type_)
    width = object_.bit_field_size_ or 0
    return value_at(kernel, type_, address, bits=(object_.bit_offset_ or 0 if width else 0, width))


def _is_pointer(type_: drgn.Type) -> bool:
    while type_.kind == TypeKind.TYPEDEF:
        type_ = type_.type
    return bool(type_.kind == TypeKind.POINTER)


def _named(kernel: Context, type_: drgn.Type) -> t.Type:
    name = type_.unqualified().type_name()
    try:
        return kernel.type(name)
    except BtfdumpError as error:
        raise ExpressionError(
            f"{name}: the type is not from this kernel's BTF, and is not found there by its name: "
            f"{error}"
        ) from error
