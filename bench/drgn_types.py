"""The types of a BTF for drgn alone: what drgn needs to print kernel objects without debuginfo.

For comparisons: drgn's own printing and walking, with btfdump's types and nothing else of it. What
btfdump does for drgn's users, `btfdump.drgn.attach()`, finds names and symbols as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drgn import TypeKind

from btfdump._drgn.types import C_SPELLINGS, DrgnTypes
from btfdump._targets.via_drgn import program as opened

if TYPE_CHECKING:
    from typing import Any

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
_BTF_SPELLINGS = {c: gcc for gcc, c in C_SPELLINGS.items()}


class BtfTypes:
    """Finds the types of one BTF for one `Program`; `register()` makes drgn ask it."""

    def __init__(self, prog: Program, btf: Btf) -> None:
        self.prog = prog
        self.btf = btf
        self._types = DrgnTypes(prog, lambda declaration: declaration)

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
                    type_ = self._types.of(found)
                    if type_.kind in kinds:  # type: ignore[operator]
                        return type_
        return None


def program_of(kernel: Any) -> Program:
    """Return the drgn `Program` that a kernel opened by btfdump is read through.

    Comparisons use it for both sides: then both pay the same for every read.
    """
    return opened.program_of(kernel.target)
