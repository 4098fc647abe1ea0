"""BTF whose types have not been looked at: which of many blobs may have a type of some name.

To parse the BTF of a hundred modules takes longer than to search all their bytes for one name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reader import Btf
from .strings import Strings, encode
from .wire import parse_header

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_WORD = 4


class Unparsed:
    """A blob of BTF of which only the header was read.

    `data` is the blob, `base` the BTF that it is split from, and `name` is for messages. Raises
    `BtfFormatError` if the header is malformed.
    """

    def __init__(self, data: bytes, base: Btf | None, name: str) -> None:
        self.data = data
        self.base = base
        self.name = name
        self._header = parse_header(data, split=base is not None)
        strings = data[self._header.str_start : self._header.str_end]
        self._strings = Strings(strings, base.strings if base else None)

    def parse(self, *, check: bool) -> Btf:
        """Return the types in the blob; raises what `Btf.from_bytes()` raises."""
        return Btf.from_bytes(self.data, base=self.base, name=self.name, check=check)

    def names(self, name: bytes, in_base: Sequence[int]) -> bool:
        """Whether a type, or a part of one, is called `name`.

        `in_base` are the offsets of the name in the strings of the base. A number that happens to
        be the same as an offset of the name counts as well.
        """
        return any(map(self._refers_to, (*in_base, *self._strings.own_offsets(name))))

    def _refers_to(self, offset: int) -> bool:
        """Whether any word of the type section is this offset of a string."""
        start, end = self._header.type_start, self._header.type_end
        needle = offset.to_bytes(_WORD, self._header.byteorder)
        at = self.data.find(needle, start, end)
        while at >= 0:
            if (at - start) % _WORD == 0:
                return True
            at = self.data.find(needle, at + 1, end)
        return False


def naming(blobs: Iterable[Unparsed], name: str) -> Iterator[Unparsed]:
    """Yield those of the blobs in which a type may be called `name`: all others have none."""
    raw = encode(name)
    in_base: dict[Btf | None, list[int]] = {None: []}  # most blobs have the same base
    for blob in blobs:
        if blob.base is not None and blob.base not in in_base:
            in_base[blob.base] = blob.base.strings.offsets(raw)
        if blob.names(raw, in_base[blob.base]):
            yield blob
