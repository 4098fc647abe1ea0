"""`struct rhashtable` and `struct rhltable` (include/linux/rhashtable.h, lib/rhashtable.c).

The table is an array of buckets, or a tree of pages of them if a large one could not be allocated
in one piece. A bucket's bit 0 is its lock; a chain ends in an odd pointer made from its bucket's
address. While the table is resized its entries are in several tables, chained by `future_tbl`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import Anomaly, Entry, Head, unreadable, walker
from btfdump.errors import FaultError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BUCKETS = 1 << 31
_PAGE_SHIFTS = (12, 14, 16)
_PIECE = 512
"""Buckets read at once."""
_HOLES = 64
"""Pieces of one array that may be unreadable before the rest is given up."""


class _Table:
    """The tables of one rhashtable, and the entries met so far."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.word = head.platform.pointer_size
        self.layout = head.struct("bucket_table")
        self.buckets_at = self.layout.offset("buckets")
        self.node_size = head.struct("rhash_head").size
        # Until ba6306e3f648 (Linux 5.2) an empty bucket held a mark, and no lock.
        self.has_lock = is_known(head, "rhash_lock_head")
        self.seen: dict[int, int] = {}  # link -> the table it was met in
        self.pages: set[int] = set()

    def tables(self, address: int) -> Iterator[tuple[int, bytes] | Anomaly]:
        """Yield each table: the present one, and those that a resize moves its entries to."""
        met: set[int] = set()
        while address:
            if address in met:
                yield Anomaly(f"cycle: future_tbl leads back to {address:#x}", address, True)
                return
            met.add(address)
            try:
                data = self.head.memory.read(address, self.layout.size)
            except FaultError as error:
                yield unreadable("bucket table", address, error)
                return
            yield address, data
            address = self.layout.integer(data, "future_tbl")

    def buckets(self, address: int, data: bytes) -> Iterator[tuple[int, int, int] | Anomaly]:
        """Yield (bucket, its address, its content) for the buckets of a table that are in use."""
        size = self.layout.integer(data, "size")
        nest = self.layout.integer(data, "nest") if "nest" in self.layout else 0
        if not 0 < size <= MAX_BUCKETS or size & (size - 1):
            yield Anomaly(f"bucket table at {address:#x} has size {size}", address, True)
        elif not nest:
            yield from self.array(address + self.buckets_at, size, 0, 1)
        else:
            yield from self.nested(address, size, nest)

    def array(
        self, address: int, length: int, first: int, step: int
    ) -> Iterator[tuple[int, int, int] | Anomaly]:
        """Yield what is in an array of pointers; element `i` belongs to bucket first + i * step."""
        holes = 0
        for at in range(0, length, _PIECE):
            count = min(_PIECE, length - at)
            try:
                data = self.head.memory.read(address + at * self.word, count * self.word)
            except FaultError as error:
                yield unreadable("row of buckets", address + at * self.word, error)
                holes += 1
                if holes == _HOLES:
                    yield Anomaly(f"{length - at} buckets were given up", address, True)
                    return
                continue
            if not any(data):
                continue
            for number, content in enumerate(self.head.pointers(data, 0, count), at):
                if content:
                    where = address + number * self.word
                    yield first + number * step, where, content

    def nested(self, table: int, size: int, nest: int) -> Iterator[tuple[int, int, int] | Anomaly]:
        """Yield the buckets of a nested table, as __rht_bucket_nested() finds them."""
        shift = self.fan_out(size, nest)
        try:
            data = self.head.memory.read(table + self.buckets_at, self.word)
        except FaultError as error:
            yield unreadable("bucket table", table, error)
            return
        if shift is None:
            yield Anomaly(f"{size} buckets nested {nest} bits deep: no table is", table, True)
            return
        (top,) = self.head.pointers(data, 0, 1)
        # (array of pointers, its length, first bucket, distance of buckets, those below each)
        levels = [(top, 1 << nest, 0, 1, size >> nest)]
        while levels:
            address, length, first, step, below = levels.pop()
            for found in self.array(address, length, first, step):
                if isinstance(found, Anomaly) or below == 0:
                    yield found
                    continue
                bucket, _, inner = found
                if inner in self.pages:
                    yield Anomaly(f"cycle: page {inner:#x} is reached twice", inner, True)
                    continue
                self.pages.add(inner)
                if below > 1 << shift:
                    levels.append((inner, 1 << shift, bucket, step * length, below >> shift))
                else:
                    levels.append((inner, below, bucket, step * length, 0))

    def fan_out(self, size: int, nest: int) -> int | None:
        """Return log2 of the pointers in a page, as nested_bucket_table_alloc() computes it."""
        bits = size.bit_length() - 1
        for page_shift in _PAGE_SHIFTS:
            shift = page_shift - (self.word.bit_length() - 1)
            if (bits - 1) % shift + 1 == nest:
                return shift
        return None

    def chain(self, table: int, bucket: int, where: int, content: int) -> Iterator[Entry | Anomaly]:
        """Walk one bucket of `table`, at `where`."""
        link, holder = content & ~1 if self.has_lock else content, where
        while link and not link & 1:
            met = self.seen.get(link)
            if met == table:
                yield Anomaly(f"cycle: {holder:#x} leads back to {link:#x}", link, True)
            if met is not None:
                return  # on its way to the next table an entry is in both
            self.seen[link] = table
            try:
                data, node = self.head.read_node(link, self.node_size)
            except FaultError as error:
                yield unreadable("entry", link, error)
                return
            yield Entry(self.head.element(link), data, bucket)
            holder = link
            (link,) = self.head.pointers(node, 0, 1)
        if self.has_lock and holder != where and link != where | 1:
            text = f"bucket {bucket} ends in {link:#x} behind {holder:#x}, not in its own mark"
            yield Anomaly(text, holder)


def is_known(head: Head, name: str) -> bool:
    """Whether the kernel has a `struct name`."""
    try:
        head.struct(name)
    except TypeNotFoundError:
        return False
    return True


def _walk(head: Head) -> Iterator[Entry | Anomaly]:
    shape = head.struct("rhashtable")
    table = _Table(head)
    for found in table.tables(shape.integer(head.read_head(shape.size), "tbl")):
        if isinstance(found, Anomaly):
            yield found
            continue
        for bucket in table.buckets(*found):
            if isinstance(bucket, Anomaly):
                yield bucket
            else:
                yield from table.chain(found[0], *bucket)


@walker(link="rhash_head", has_back=False)
def walk_rhashtable(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a resizable hash table bucket by bucket; the key is the bucket."""
    yield from _walk(head)


@walker(link="rhlist_head", has_back=False)
def walk_rhltable(head: Head) -> Iterator[Entry | Anomaly]:
    """Walk a hash table that keeps entries of equal keys in a list behind the first of them."""
    link = head.struct("rhlist_head")
    inner = head.inside(head.struct("rhltable").offset("ht"), link.offset("rhead"))
    for item in _walk(inner):
        yield item
        if isinstance(item, Entry):
            first = head.wrap(item.address + head.link_offset)
            yield from _equal(head, first, link.offset("next"), item)


def _equal(head: Head, first: int, next_at: int, entry: Entry) -> Iterator[Entry | Anomaly]:
    """Walk the entries behind `first` whose key is the same."""
    word = head.platform.pointer_size
    data = entry.data
    if data is not None:
        node = data[head.link_offset + next_at :]
    else:
        node = head.memory.read(first + next_at, word)
    seen = {first}
    (link,) = head.pointers(node, 0, 1)
    while link:
        if link in seen:
            yield Anomaly(f"cycle: the list behind {first:#x} leads back to {link:#x}", link, True)
            return
        seen.add(link)
        try:
            data, node = head.read_node(link, next_at + word)
        except FaultError as error:
            yield unreadable("entry", link, error)
            return
        yield Entry(head.element(link), data, entry.key)
        (link,) = head.pointers(node, next_at, 1)
