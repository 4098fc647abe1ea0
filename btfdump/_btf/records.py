"""The type section: where each record starts, and scans over all records at the speed of C.

Loading BTF amounts to `_index()` in this file: one addition for each type. Everything else waits
until somebody asks.
"""

from __future__ import annotations

import sys
from array import array
from functools import cached_property
from itertools import compress
from operator import itemgetter
from typing import TYPE_CHECKING

from btfdump.errors import BtfFormatError

from .wire import TRAILERS, TYPE_WORDS, Kind, kind_of, vlen_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .index import Index
    from .wire import Header


class Records:
    """The records of one blob: `words` in host byte order, and the index in them where each starts.

    Ids run from `start_id`, the number of ids in the base BTF (1 without a base, because of void),
    up to but not including `end_id`. An `index` of the same blob saves finding the starts; an index
    that does not fit is ignored. Raises `BtfFormatError` for a record that runs over the end of the
    section, and for one of an unknown kind whose length nothing tells.
    """

    def __init__(
        self,
        data: bytes,
        header: Header,
        sizes: Sizes,
        start_id: int,
        index: Index | None = None,
    ) -> None:
        self.start_id = start_id
        self.offset = header.type_start
        self.byteorder = header.byteorder
        self.words = array("I")  # four bytes wherever Linux tools run
        self.words.frombytes(memoryview(data)[header.type_start : header.type_end])
        if header.byteorder != sys.byteorder:
            self.words.byteswap()
        self.index = index if index is not None and index.fits(len(self.words)) else None
        self.starts: Sequence[int] = self.index.starts if self.index else self._index(sizes)
        self.end_id = start_id + len(self.starts)

    def _index(self, sizes: Sizes) -> list[int]:
        """Walk the section, as `btf_parse_type_sec()` in libbpf."""
        words = self.words
        end = len(words)
        starts: list[int] = []
        append = starts.append
        at = 0
        try:
            while at < end:
                append(at)
                at += sizes[words[at + 1]]
        except (IndexError, _UnknownSizeError) as error:
            reason = str(error) if isinstance(error, _UnknownSizeError) else "it is cut short"
            raise self._bad_last(starts, reason) from None
        if at != end:
            raise self._bad_last(starts, f"it ends {4 * (at - end)} bytes after the section")
        return starts

    def _bad_last(self, starts: list[int], reason: str) -> BtfFormatError:
        type_id = self.start_id + len(starts) - 1
        return BtfFormatError(self.offset + 4 * starts[-1], f"type [{type_id}]: {reason}")

    def __contains__(self, type_id: int) -> bool:
        """Whether `type_id` is one of our own, not the base's."""
        return self.start_id <= type_id < self.end_id

    def at(self, type_id: int) -> int:
        """Return the index into `words` of the record of `type_id`."""
        return self.starts[type_id - self.start_id]

    def byte_offset(self, at: int) -> int:
        """Return the offset in the blob of `words[at]`."""
        return self.offset + 4 * at

    def name_offsets(self) -> tuple[int, ...]:
        """Return the `name_off` word of every record."""
        return self._column(0)

    @cached_property
    def infos(self) -> array[int]:
        """The `info` word of every record."""
        return array("I", self._column(1))

    def _column(self, column: int) -> tuple[int, ...]:
        words = self.words[column:]
        if len(self.starts) < 2:  # for a single index, itemgetter() returns a bare value
            return tuple(words[at] for at in self.starts)
        values: tuple[int, ...] = itemgetter(*self.starts)(words)
        return values

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The third word of every record: for structs and unions, the size in bytes."""
        return self._column(2)

    @cached_property
    def kinds(self) -> bytes:
        """The kind of every record, one byte each."""
        if self.index is not None:
            return self.index.kinds
        top = 3 if sys.byteorder == "little" else 0
        without_flag = bytes(i & 0x7F for i in range(256))
        return self.infos.tobytes()[top :: self.infos.itemsize].translate(without_flag)

    def starts_of(self, kind: Kind) -> list[int]:
        """Return the index into `words` of every record of `kind`, in the order of ids."""
        is_it = b"\0" * kind + b"\1" + b"\0" * (255 - kind)
        return list(compress(self.starts, self.kinds.translate(is_it)))

    def ids(self, kind: Kind) -> Iterator[int]:
        """Yield the ids of all types of `kind`, in order."""
        needle = bytes((kind,))
        at = self.kinds.find(needle)
        while at >= 0:
            yield self.start_id + at
            at = self.kinds.find(needle, at + 1)


class _UnknownSizeError(Exception):
    """The length of a record can't be told."""


class Sizes(dict[int, int]):
    """Info word -> words of the whole record, worked out once per distinct info word.

    `layout` has the bytes of kinds that are not known here. BTFs of one kernel share it: many
    modules are so small that this took a third of the time to read them.
    """

    def __init__(self, layout: Mapping[int, tuple[int, int]]) -> None:
        super().__init__()
        self.layout = layout

    def __missing__(self, info: int) -> int:
        kind = kind_of(info)
        if kind in TRAILERS:
            once, each = TRAILERS[kind]
        else:
            once, each = self._from_layout(kind)
        size = self[info] = TYPE_WORDS + once + each * vlen_of(info)
        return size

    def _from_layout(self, kind: int) -> tuple[int, int]:
        """Mirror `btf_type_size_unknown()` in libbpf."""
        if kind not in self.layout:
            raise _UnknownSizeError(f"kind {kind} is unknown, and no layout section tells its size")
        once, each = self.layout[kind]
        if once % 4 or each % 4:
            raise _UnknownSizeError(
                f"the layout of kind {kind}, {once} and {each} bytes, is no multiple of 4"
            )
        return once // 4, each // 4
