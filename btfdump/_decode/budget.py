"""How much is decoded of one object, and of many: only corrupt types have more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import MAX_NESTING
from btfdump.errors import UnusableBtfError

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout, StructLayout

MAX_MEMBERS = 1 << 20
"""The most members that are decoded of one object."""
MAX_SPARE = 1 << 22
"""The most members decoded of all objects of a root, beyond the first few thousand of each."""
LARGE = 4096
"""Bytes of a member from which on it counts whether many members lie in one place."""
_FEW_MEMBERS = 4096
"""A type of more members than this is looked at as a whole before it is decoded further."""
_FEW_BYTES, _TIMES = 1 << 24, 16
"""The most bytes of structs within structs and of large members: so many, and the object's own
so many times.

Unions count their bytes once for each member: in the kernel's types, about eight times.
"""


class Spare:
    """Members beyond the first few of each object, for all objects of one decoder."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_SPARE


class Budget:
    """Limits how many members are decoded of one object of type `layout`: `most`.

    Only corrupt BTF exceeds it, with a struct that contains itself or endlessly nested unions: the
    kernel's own types stay far below. A type that has more than its bytes can hold is refused as
    soon as it turns out to be large. What a large one takes beyond that is taken from `spare`: a
    thousand objects, each of which could just be one, are not.
    """

    __slots__ = ("_bytes", "_is_checked", "_layout", "_most", "_spare", "_taken", "left")

    def __init__(self, layout: Layout, most: int = MAX_MEMBERS, spare: Spare | None = None) -> None:
        self._layout = layout
        self._most = most
        self._spare = spare
        self._is_checked = False
        self._taken = self.left = min(_FEW_MEMBERS, most)
        self._bytes = _FEW_BYTES + _TIMES * layout.size

    def spend(self, layout: StructLayout, nesting: int) -> None:
        """Charge for the members of a struct; raises `BtfFormatError` if they exceed the limits."""
        self.left -= len(layout.members)
        self._bytes -= layout.size
        if nesting > MAX_NESTING or self.left < 0 or self._bytes < 0:
            self._grow(layout, nesting)

    def hold(self, layout: StructLayout, size: int) -> None:
        """Charge for a member that is larger than `LARGE`; raises what `spend()` raises."""
        self._bytes -= size
        if self._bytes < 0:
            self._grow(layout, 0)

    def _grow(self, layout: StructLayout, nesting: int) -> None:
        """Grant as many members again as are missing, if the type is what a type can be."""
        # Objects this large are rare.
        from btfdump._btf.expansion import is_overgrown, overgrown

        whole = self._layout
        is_endless = nesting > MAX_NESTING or self._bytes < 0
        if is_endless or (not self._is_checked and is_overgrown(whole.type, whole.size)):
            raise overgrown(layout.type)
        self._is_checked = True
        while self.left < 0:
            more = min(_FEW_MEMBERS, self._most - self._taken)
            if not more:
                raise UnusableBtfError(
                    0, f"{whole.type} has more than {self._most} members: too many to be decoded"
                )
            if self._spare is not None:
                if self._spare.left < more:
                    raise UnusableBtfError(
                        0,
                        f"{whole.type} has more than {self._taken} members, as objects before it: "
                        f"no more than {MAX_SPARE} are decoded of them all",
                    )
                self._spare.left -= more
            self._taken += more
            self.left += more
