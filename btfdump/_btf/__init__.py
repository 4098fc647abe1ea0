"""Bytes of BTF to types, and back. This room knows nothing of memory or kernels.

`Btf.from_bytes()` reads, `BtfBuilder` writes, and `spell()` and `declare()` turn types into C. The
format is that of include/uapi/linux/btf.h, in either byte order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .names import declare, essential_name, spell
from .reader import Btf
from .types import (
    Array,
    Composite,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Param,
    Ptr,
    Reference,
    Restrict,
    SecVar,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Unknown,
    Var,
    Void,
    Volatile,
)
from .wire import Kind

if TYPE_CHECKING:
    from .builder import BtfBuilder

__all__ = [
    "Array",
    "Btf",
    "BtfBuilder",
    "Composite",
    "Const",
    "Datasec",
    "DeclTag",
    "Enum",
    "Enum64",
    "Enumerator",
    "Float",
    "Func",
    "FuncProto",
    "Fwd",
    "Int",
    "Kind",
    "Member",
    "Param",
    "Ptr",
    "Reference",
    "Restrict",
    "SecVar",
    "Struct",
    "Type",
    "TypeTag",
    "Typedef",
    "Union",
    "Unknown",
    "Var",
    "Void",
    "Volatile",
    "declare",
    "essential_name",
    "spell",
]


def __getattr__(name: str) -> object:
    """Load the builder when it is asked for: readers have no use for it."""
    if name == "BtfBuilder":
        from .builder import BtfBuilder

        return BtfBuilder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
