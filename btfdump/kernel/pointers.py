"""What a pointer leads to: its address space, and the C string there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import FaultError

if TYPE_CHECKING:
    from btfdump.annotate.facts import MemberFacts
    from btfdump.btf import types
    from btfdump.kernel.context import Context

_STRING_PIECE = 64


def pointer_space(pointer: types.Ptr, facts: MemberFacts | None) -> str | None:
    """Return the address space of a pointer: "user", "percpu", ... by type tag or annotation."""
    for tag in pointer.btf.type_tags(pointer.type_id):
        if tag in ("user", "percpu", "iomem"):
            return tag
        if tag == "percpu_kptr":  # in values of BPF maps
            return "percpu"
    return facts.space if facts is not None else None


def read_string(context: Context, address: int, limit: int) -> bytes:
    """Read a C string of at most `limit` bytes; raises `FaultError` if its start is unreadable."""
    text = b""
    while len(text) < limit:
        # A piece never crosses a 64-byte line, so it never reaches into the next page.
        size = min(_STRING_PIECE - address % _STRING_PIECE, limit - len(text))
        try:
            piece = context.target.read(address, size)
        except FaultError as error:
            size = error.address - address  # a buffer may end before its line does
            if 0 < size < _STRING_PIECE:
                piece = context.target.read(address, size)
                limit = len(text) + size
            elif text:
                break
            else:
                raise
        end = piece.find(b"\0")
        if end >= 0:
            return text + piece[:end]
        text += piece
        address += size
    return text
