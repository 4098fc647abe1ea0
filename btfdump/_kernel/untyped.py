"""What to say of a symbol that is asked for as a variable and has no known type.

It may not be a variable at all. If it is, its size and whether it holds list links suggest types
that may be right.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._btf.type_name import VMLINUX
from btfdump._targets.memory import symbols_named
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from typing import Protocol

    from btfdump._btf.reader import Btf
    from btfdump._kernel.services import Modules
    from btfdump._kernel.symbol_names import FoundSymbol
    from btfdump._targets.memory import Target

    class Surroundings(Protocol):
        """What is asked about the kernel that has the symbol."""

        btf: Btf
        modules: Modules | None
        target: Target

        def is_per_cpu(self, name: str) -> bool:
            """Whether that is the name of a per-CPU variable."""

        def symbolize(self, address: int) -> str | None:
            """Return `name` or `name+0x10` for a virtual address, else None."""

        def wrap(self, address: int) -> int:
            """Reduce a computed address to the width of a pointer."""


# What a variable of so many bytes, or of so many with what it is padded with, often is.
_SCALARS = ((8, "u64"), (4, "int"), (2, "u16"), (1, "bool"))


def untyped(kernel: Surroundings, symbol: FoundSymbol, name: str, reason: str) -> str:
    """Return why there is no value for a symbol, and what to do.

    `name` is what the user calls it, and `reason` says why the type is not known.
    """
    at = f"{symbol.address:#x}"
    if _is_code(kernel, symbol):
        if symbol.module != VMLINUX or kernel.btf.find_all("func", symbol.name):
            what, remedy = "a function", "; its prototype is in 'btfdump functions'"
        else:
            what, remedy = "in the kernel's code: a function, or a mark in it", ""
        return f"{name} (at {at}) is {what}; expected a variable{remedy}"
    of_cpu, perhaps, overlay = "", "", '"TYPE"'
    if kernel.is_per_cpu(name):
        of_cpu = "[0]"
    elif _is_list(kernel, symbol.address):
        perhaps = ", perhaps struct list_head"
        overlay = '{ type = "struct list_head", tag = "ELEMENT:LINK" }'
    elif scalar := _scalar(kernel, symbol):
        perhaps = f", perhaps {scalar}"
    key = name if name.isidentifier() else f'"{name}"'
    return (
        f"the type of {name} (at {at}) is not known: {reason}; say 'TYPE' {name}{of_cpu} with the "
        f"type that the source gives it{perhaps}, or state it in an overlay: "
        f"[global] {key} = {overlay}"
    )


def _is_code(kernel: Surroundings, symbol: FoundSymbol) -> bool:
    if symbol.module == VMLINUX:
        found = symbols_named(kernel.target, symbol.name)
        return any(one.is_code and one.address == symbol.address for one in found)
    return kernel.modules is not None and any(
        is_code and (address, module) == (symbol.address, symbol.module)
        for address, module, is_code in kernel.modules.symbols_named(symbol.name)
    )


def _is_list(kernel: Surroundings, address: int) -> bool:
    """Whether an address holds a `struct list_head`, by the links that lead back to it."""
    platform = kernel.target.platform
    width = platform.pointer_size

    def pointer(at: int) -> int:
        return int.from_bytes(kernel.target.read(kernel.wrap(at), width), platform.byteorder)

    try:
        following, before = pointer(address), pointer(address + width)
        return pointer(following + width) == pointer(before) == address
    except FaultError:
        return False


def _scalar(kernel: Surroundings, symbol: FoundSymbol) -> str:
    """Return a scalar type that fills the room up to the next symbol, "" if it is no scalar's."""
    start = kernel.symbolize(symbol.address)
    if start is None or "+" in start:
        return ""

    def has_room(size: int) -> bool:
        last = kernel.symbolize(kernel.wrap(symbol.address + size - 1))
        return last is not None and re.split(r"[+ ]", last)[0] == re.split(r"[+ ]", start)[0]

    if has_room(2 * _SCALARS[0][0]):
        return ""
    return next((name for size, name in _SCALARS if has_room(size)), "")
