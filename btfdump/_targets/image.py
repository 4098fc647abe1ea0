"""BTF and exported variables, found in the kernel's image where no symbol table names them.

Kernels built with CONFIG_KALLSYMS_ALL=n (Debian's for arm64) list only functions, and before 6.0
VMCOREINFO does not lead to kallsyms. But what modules may use is in every image: mirrors
include/linux/export.h (struct kernel_symbol, __ksymtab). BTF is recognised by its header
(include/uapi/linux/btf.h, struct btf_header).
"""

from __future__ import annotations

import struct
from array import array
from itertools import pairwise
from sys import byteorder as host_byteorder
from typing import TYPE_CHECKING, NamedTuple

from btfdump._targets import vmcoreinfo
from btfdump._targets.symbols import Symbol
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from btfdump._targets.memory import Platform

    Read = Callable[[int, int], bytes]

_STEP = 1 << 16  # the largest page size
# The image has holes where its init code was; none is this large, and no image is that large.
_MAX_HOLE = 1 << 25
_MAX_IMAGE = 1 << 28
_MAX_BTF = 1 << 27
_BTF_HEADER = struct.Struct("HBBIIIII")
_BTF_VERSION = 1
# Exported by every kernel, and its address is in VMCOREINFO: this tells a table of exports from
# anything else.
_ANCHOR = "init_uts_ns"
_WINDOW = 1 << 18
# How far from its names the table may lie; the checksums of the exports come between.
_MAX_DISTANCE = 1 << 23
_MAX_NAME = 512
# Padding between the tables of EXPORT_SYMBOL() and EXPORT_SYMBOL_GPL(), in bytes.
_MAX_PADDING = 128


class _Layout(NamedTuple):
    """A struct kernel_symbol: bytes per entry; whether its words are relative to themselves."""

    size: int
    word: int
    relative: bool


class Exports:
    """What a kernel exports to modules, as a table of symbols (a `SymbolSource`) without sizes."""

    def __init__(self, addresses: Mapping[str, int]) -> None:
        self._addresses = addresses
        self._names = {address: name for name, address in addresses.items()}

    def __len__(self) -> int:
        return len(self._addresses)

    def find(self, name: str) -> int | None:
        """Return the address of `name`, or None."""
        return self._addresses.get(name)

    def find_all(self, name: str) -> list[Symbol]:
        """Return the one symbol called `name`, if there is one."""
        address = self._addresses.get(name)
        return [] if address is None else [Symbol(address)]

    def around(self, address: int) -> tuple[str, str]:
        """Return nothing: of what lies between exports nothing is known."""
        del address
        return "", ""

    def room(self, address: int) -> tuple[int, bool]:
        """Return that nothing is known: how large an exported variable is, nobody tells."""
        del address
        return 0, False

    def listed(self) -> Iterable[tuple[str, int]]:
        """Return (name, address) of what is exported, by address; functions are not told apart."""
        return sorted(self._addresses.items(), key=lambda item: item[1])

    def every(self) -> Iterable[tuple[str, Symbol, int]]:
        """Return name, symbol and 0 of everything that is exported, by address."""
        return [(name, Symbol(address), 0) for name, address in self.listed()]

    def extent(self, name: str) -> int:
        """Return 0: how large an exported variable is is not known."""
        return 0

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, 0) for the export at `address`, or None: what is between has no name."""
        name = self._names.get(address)
        return None if name is None else (name, 0)

    def covering(self, address: int) -> tuple[str, Symbol, int] | None:
        """Return the name of the export at `address`, its symbol, and 0, or None."""
        name = self._names.get(address)
        return None if name is None else (name, Symbol(address), 0)


class KernelImage:
    """The memory of a kernel's image from `_stext` on, as far as it can be read."""

    def __init__(self, read: Read, info: Mapping[str, str], platform: Platform) -> None:
        self._info = info
        self._word = platform.pointer_size
        self._mask = (1 << 8 * self._word) - 1
        self._byteorder = platform.byteorder
        self._order = "<" if platform.byteorder == "little" else ">"
        start = vmcoreinfo.symbol(info, "_stext") // _STEP * _STEP
        self._pieces = list(_pieces(read, start, _size(start, info)))

    def find_btf(self) -> bytes | None:
        """Return the BTF of vmlinux, or None: the largest blob, as others are those of programs."""
        order = self._order
        magic = struct.pack(f"{order}HBBI", 0xEB9F, _BTF_VERSION, 0, _BTF_HEADER.size)
        best = b""
        for _, data in self._pieces:
            at = data.find(magic)
            while at >= 0:
                blob = self._btf_at(data, at)
                best = max(best, blob, key=len)
                at = data.find(magic, at + max(1, len(blob)))
        return best or None

    def _btf_at(self, data: bytes, at: int) -> bytes:
        """Return the BTF at `at` if it is whole, and a kernel's own rather than a module's."""
        header = data[at : at + _BTF_HEADER.size]
        if len(header) < _BTF_HEADER.size:
            return b""
        *_, length, type_at, type_size, text_at, text_size = struct.unpack(
            self._order + _BTF_HEADER.format, header
        )
        end = length + max(type_at + type_size, text_at + text_size)
        blob = data[at : at + end]
        strings = blob[length + text_at : length + text_at + text_size]
        known = strings.startswith(b"\0") and b"\0task_struct\0" in strings
        return blob if known and len(blob) == end <= _MAX_BTF else b""

    def find_exports(self) -> Exports:
        """Return what the kernel exports to modules; nothing if that cannot be found."""
        return Exports(self._exports())

    def _exports(self) -> dict[str, int]:
        target = vmcoreinfo.symbol(self._info, _ANCHOR)
        if not target:
            return {}
        word = self._word
        layouts = [_Layout(size, 4, True) for size in (12, 8)]
        layouts += [_Layout(count * word, word, False) for count in (3, 2)]
        for start, data in self._pieces:
            for name_at in _find_all(data, b"\0" + _ANCHOR.encode() + b"\0"):
                for entry in self._references(data, start, name_at + 1, target):
                    found = (self._table(data, start, entry, layout) for layout in layouts)
                    best: dict[str, int] = max(found, key=len)
                    if len(best) > 1:
                        return best
        return {}

    def _references(self, data: bytes, start: int, name_at: int, target: int) -> Iterator[int]:
        """Yield where `data` (at address `start`) has `target` followed by the name's address."""
        name = start + name_at
        form = f"{self._order}2{'Q' if self._word == 8 else 'I'}"
        yield from _find_all(data, struct.pack(form, target, name))
        # Place-relative: entry + value = target and entry + 4 + word = name; so the difference of
        # the two words is the same wherever the entry lies.
        difference = (target - name + 4) & 0xFFFFFFFF
        low = max(0, name_at - _MAX_DISTANCE)
        for at in range((name_at & ~3) - _WINDOW, low - _WINDOW, -_WINDOW):
            base = max(at, 0)
            words = array("I", data[base : at + _WINDOW + 4 & ~3])
            if self._byteorder != host_byteorder:
                words.byteswap()
            for number, (value, where) in enumerate(pairwise(words)):
                if (value - where) & 0xFFFFFFFF == difference:
                    entry = base + 4 * number
                    if (start + entry + _signed(value)) & self._mask == target:
                        yield entry

    def _table(self, data: bytes, start: int, entry: int, layout: _Layout) -> dict[str, int]:
        """Return the exports around `entry`: all entries before and after it that are exports."""
        exports: dict[str, int] = {}
        for step in (layout.size, -layout.size):
            at: int | None = entry
            while at is not None:
                last = at
                while (found := self._export(data, start, at, layout)) is not None:
                    exports.setdefault(*found)
                    last = at
                    at += step
                at = self._behind_padding(data, start, last + step, layout, step)
        return exports

    def _behind_padding(
        self, data: bytes, start: int, at: int, layout: _Layout, step: int
    ) -> int | None:
        """Return where the next table starts (or ends, for a step backwards), or None."""
        way = layout.word if step > 0 else -layout.word
        for near in range(at + way, at + way * (_MAX_PADDING // layout.word + 1), way):
            ahead = [self._export(data, start, near + number * step, layout) for number in (0, 1)]
            if None not in ahead:
                return near
        return None

    def _export(self, data: bytes, start: int, at: int, layout: _Layout) -> tuple[str, int] | None:
        if at < 0 or at + layout.size > len(data):
            return None
        word = layout.word
        value = int.from_bytes(data[at : at + word], self._byteorder)
        name = int.from_bytes(data[at + word : at + 2 * word], self._byteorder)
        if layout.relative:
            value = (start + at + _signed(value)) & self._mask
            name = (start + at + word + _signed(name)) & self._mask
        name_at = name - start
        if not 0 < name_at < len(data) or not value:
            return None
        end = data.find(b"\0", name_at, name_at + _MAX_NAME)
        text = data[name_at:end].decode("ascii", "replace") if end > name_at else ""
        return (text, value) if text.isidentifier() and text.isascii() else None


def _size(start: int, info: Mapping[str, str]) -> int:
    """Return how much of the image at `start` to look at: read-only data precedes variables."""
    size = vmcoreinfo.symbol(info, _ANCHOR) + _STEP - start
    return size if start and 0 < size <= _MAX_IMAGE else _MAX_IMAGE if start else 0


def _pieces(read: Read, start: int, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield (address, bytes) of each stretch that can be read without a hole."""
    piece = bytearray()
    at = begin = start
    hole = 0
    while at < start + size and hole < _MAX_HOLE:
        try:
            piece += read(at, _STEP)
            hole = 0
        except FaultError as fault:
            # What lies before the first bad byte belongs to the image: BTF may end there.
            good = fault.address - at
            if 0 < good < _STEP:
                piece += _read_or_nothing(read, at, good)
            if piece:
                yield begin, bytes(piece)
            piece = bytearray()
            begin = at + _STEP
            hole += _STEP
        at += _STEP
    if piece:
        yield begin, bytes(piece)


def _read_or_nothing(read: Read, address: int, size: int) -> bytes:
    try:
        return read(address, size)
    except FaultError:
        return b""


def _find_all(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


def _signed(value: int) -> int:
    return value - (1 << 32) if value & 0x80000000 else value
