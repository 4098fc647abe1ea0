"""KernelStruct: where the members of one of the kernel's own structs are, for walkers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump.errors import MemberNotFoundError

if TYPE_CHECKING:
    from btfdump._decode.layout import Layout, Layouts, StructLayout


class KernelStruct:
    """A struct as this kernel's BTF lays it out, by dotted member path.

    Members of anonymous structs and unions need no prefix.
    """

    def __init__(self, layouts: Layouts, layout: StructLayout) -> None:
        self.size = layout.size
        self._layouts = layouts
        self._layout = layout
        self._known: dict[str, tuple[int, Layout]] = {}

    def __contains__(self, path: str) -> bool:
        """Whether there is such a member: what walkers ask instead of a version."""
        try:
            self._find(path)
        except MemberNotFoundError:
            return False
        return True

    def offset(self, path: str) -> int:
        """Return the byte offset of a member; raises `MemberNotFoundError`."""
        return self._find(path)[0]

    def sizeof(self, path: str) -> int:
        """Return the size of a member in bytes; raises `MemberNotFoundError`."""
        return self._find(path)[1].size

    def length(self, path: str) -> int:
        """Return the number of elements of an array; raises `MemberNotFoundError`."""
        layout = self._find(path)[1]
        if not isinstance(layout, ArrayLayout):
            raise MemberNotFoundError(f"{self._layout.type} member {path} is no array")
        return layout.length

    def integer(self, data: bytes, path: str, at: int = 0) -> int:
        """Decode an integer or pointer member of the object that begins `at` bytes into `data`."""
        offset, layout = self._find(path)
        if not isinstance(layout, ScalarLayout):
            raise MemberNotFoundError(f"{self._layout.type} member {path} is no integer")
        value = layout.decode(data, at + offset)
        return value if isinstance(value, int) else 0

    def _find(self, path: str) -> tuple[int, Layout]:
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._search(path)
        return found

    def _search(self, path: str) -> tuple[int, Layout]:
        found = self._layouts.locate(self._layout, path)
        return found.bit_offset // 8, found.layout
