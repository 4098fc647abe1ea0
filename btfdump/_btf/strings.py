"""The string section: offsets to names, and names back to offsets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def decode(raw: bytes) -> str:
    """Decode a name. UTF-8 is only a convention, so other bytes become backslash escapes."""
    return raw.decode(errors="backslashreplace")


def encode(name: str) -> bytes:
    """Encode a name; never fails. Escapes that stand for bytes are not turned back into bytes."""
    return name.encode(errors="backslashreplace")


class Strings:
    """NUL-terminated strings by offset in bytes; those of a split BTF continue its base's.

    `start` is the first offset of this section, `end` the one after its last; `decoded` has the
    strings that were asked for so far. Mirrors `btf__str_by_offset()` in tools/lib/bpf/btf.c.
    """

    def __init__(self, data: bytes, base: Strings | None = None) -> None:
        self.data = data
        self.base = base
        self.start: int = base.end if base else 0
        self.end: int = self.start + len(data)
        self.decoded: dict[int, str] = {}
        self._sought: dict[bytes, list[int]] = {}

    def __getitem__(self, offset: int) -> str:
        """Return the string at `offset`; raises `IndexError`."""
        name = self.decoded.get(offset)
        if name is None:
            name = decode(self.raw(offset))
            self.decoded[offset] = name
        return name

    def raw(self, offset: int) -> bytes:
        """Return the bytes of the string at `offset`, without its NUL; raises `IndexError`."""
        if offset < self.start and self.base:
            return self.base.raw(offset)
        if not self.start <= offset < self.end:
            raise IndexError(offset)
        offset -= self.start
        return self.data[offset : self.data.index(b"\0", offset)]

    def many(self, offsets: Iterable[int]) -> list[str]:
        """Return the strings at many offsets, which are not remembered; raises `IndexError`."""
        text, start = self._ascii, self.start
        find, end = text.index, start + len(text)
        return [
            text[at - start : find("\0", at - start)] if start <= at < end else decode(self.raw(at))
            for at in offsets
        ]

    @cached_property
    def _ascii(self) -> str:
        """The whole section where all of it is ASCII, as every compiler's is; else ""."""
        return self.data.decode("ascii") if self.data.isascii() else ""

    def is_start(self, offset: int) -> bool:
        """Whether a string begins at `offset`, rather than being the tail of a longer one."""
        if offset < self.start and self.base:
            return self.base.is_start(offset)
        at = offset - self.start
        return at == 0 or self.data[at - 1] == 0

    def offsets(self, name: bytes) -> list[int]:
        """Return every offset at which `name` can be read, also as the tail of a longer string."""
        return (self.base._known_offsets(name) if self.base else []) + self.own_offsets(name)

    def _known_offsets(self, name: bytes) -> list[int]:
        """Return `offsets(name)`, remembered: a hundred modules ask their base the same."""
        found = self._sought.get(name)
        if found is None:
            found = self._sought[name] = self.offsets(name)
        return found

    def own_offsets(self, name: bytes) -> list[int]:
        """Return those offsets of `name` that are in this section, not in the base's."""
        found = []
        needle = name + b"\0"
        at = self.data.find(needle)
        while at >= 0:
            found.append(self.start + at)
            at = self.data.find(needle, at + 1)
        return found
