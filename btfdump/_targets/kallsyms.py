"""The kernel's own symbol table, read from its memory: no debuginfo, no /proc.

Mirrors scripts/kallsyms.c (compress_symbols, optimize_result) and kernel/kallsyms.c
(kallsyms_expand_symbol, kallsyms_sym_address). VMCOREINFO names the tables since 6.0 (5fd8fea935a1,
f09bddbd8661).

Names are stored compressed, and a program asks for a few dozen of 150,000. So names are not
expanded here: the wanted name is compressed with the kernel's own algorithm and looked up. This
takes a fifth of the time of expanding them all (docs/decisions/0004-own-kallsyms-reader.md).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._targets import vmcoreinfo
from btfdump._targets.symbols import SortedTable
from btfdump.errors import CorruptDataError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from btfdump._targets.memory import Platform

    Read = Callable[[int, int], bytes]

# nm(1) letters a kernel symbol can have; the first ones are tried first, globals before locals.
_TYPES = "DBRTdbrtAVWGSagsvwuN"
_MAX_SYMBOLS = 1 << 24
_MAX_NAMES = 1 << 28
_MAX_TOKEN = 1 << 10  # twice KSYM_NAME_LEN: a token is a part of a name
_MAX_TEXT = 1 << 26  # of all names expanded: those of 200,000 symbols take 6 MB
_PAGE = 0x1000
_SAMPLES = 61
# Searches after which it pays to go through the table once: for the names that several symbols
# have, and for the type letters that there are.
_MANY = 64


class Kallsyms(SortedTable):
    """The compressed symbol table of a running or dumped kernel."""

    def __init__(self, read: Read, info: Mapping[str, str], platform: Platform) -> None:
        """Read the tables that VMCOREINFO names.

        Raises `MissingDataError` if VMCOREINFO names none (before 6.0), `FaultError` if they cannot
        be read and `CorruptDataError` if they make no sense.
        """
        self._order = "<" if platform.byteorder == "little" else ">"
        self._mask = (1 << 8 * platform.pointer_size) - 1
        self._pairs: list[tuple[bytes, bytes, bytes]] = []
        self._asked = 0
        self._index: dict[bytes, int] | None = None
        self._by_name: dict[str, list[int]] | None = None
        self._searched = 0
        self._repeated: frozenset[bytes] | None = None
        self._tokens = self._read_tokens(read, info)
        self._parts = self._read_names(read, info)
        self._address_of = self._read_addresses(read, info, platform.pointer_size)
        self._sizes = self._sizes_of_tables()
        stext = self.find("_stext")
        if stext is None:
            raise CorruptDataError("kallsyms holds no _stext")
        expected = vmcoreinfo.symbol(info, "_stext")
        if expected and expected != stext:
            raise CorruptDataError(
                f"kallsyms puts _stext at {stext:#x}, VMCOREINFO at {expected:#x}"
            )

    def __len__(self) -> int:
        return len(self._parts)

    @cached_property
    def image(self) -> tuple[int, int]:
        """Where the kernel's image begins and ends."""
        starts = [start for name in ("_text", "_stext") if (start := self.find(name)) is not None]
        end = self.find("_end")
        return min(starts), self._address_at(len(self) - 1) + _PAGE if end is None else end

    def find(self, name: str) -> int | None:
        """Return the address of `name`, or None: see `SymbolFinder.find()`."""
        at = self._find_index(name)
        if at is None:
            return None
        # Only local names are given twice, and looking for those takes longer; where code is must
        # be known only if there are several.
        if self._expand(at)[:1].islower() and len({one for one, _ in self._called(name)}) > 1:
            return super().find(name)
        return self._address_at(at)

    def names(self) -> list[str]:
        """Return every name, in address order; expands the whole table.

        Raises `CorruptDataError` if they are longer than those of any kernel, as damage to the
        tokens makes them.
        """
        codes = b"".join(self._parts)
        size = sum(codes.count(code) * len(token) for code, token in enumerate(self._tokens))
        if size > _MAX_TEXT:
            raise CorruptDataError(f"kallsyms has {len(self)} names of {size} bytes together")
        return [self._expand(at)[1:] for at in range(len(self._parts))]

    # Reading the tables

    def _read_tokens(self, read: Read, info: Mapping[str, str]) -> list[bytes]:
        needed = (
            "kallsyms_names",
            "kallsyms_num_syms",
            "kallsyms_token_table",
            "kallsyms_token_index",
        )
        missing = [name for name in needed if not vmcoreinfo.symbol(info, name)]
        if missing:
            raise MissingDataError(
                f"VMCOREINFO has no SYMBOL({missing[0]}), so the kernel's symbols cannot be read "
                "from the dump (kernels before 6.0, or CONFIG_KALLSYMS=n)",
                "give the symbols with --vmlinux FILE",
            )
        index = struct.unpack(
            f"{self._order}256H", read(vmcoreinfo.symbol(info, "kallsyms_token_index"), 512)
        )
        table_at = vmcoreinfo.symbol(info, "kallsyms_token_table")
        table = read(table_at, max(index) + 1)
        while table[-1]:  # the last token ends with the first NUL at or after its start
            if len(table) > 1 << 17:
                raise CorruptDataError("kallsyms_token_table has no end", table_at)
            table += read(table_at + len(table), 1)
        tokens = [table[start : table.index(b"\0", start)] for start in index]
        longest = max(map(len, tokens))
        if longest > _MAX_TOKEN:
            raise CorruptDataError(f"kallsyms has a part of a name of {longest} bytes", table_at)
        return tokens

    def _read_names(self, read: Read, info: Mapping[str, str]) -> list[bytes]:
        (count,) = struct.unpack(
            f"{self._order}I", read(vmcoreinfo.symbol(info, "kallsyms_num_syms"), 4)
        )
        start = vmcoreinfo.symbol(info, "kallsyms_names")
        # scripts/kallsyms.c writes the token table behind the names: an upper bound for their size.
        size = vmcoreinfo.symbol(info, "kallsyms_token_table") - start
        if not 0 < count <= _MAX_SYMBOLS or not count <= size <= _MAX_NAMES:
            raise CorruptDataError(f"kallsyms claims {count} names in {size} bytes", start)
        data = read(start, size)
        parts: list[bytes] = []
        append = parts.append
        at = 0
        try:
            for _ in range(count):
                length = data[at]
                at += 1
                # Two-byte lengths since 6.1 (73bbb94466fd); before, no name was long enough to have
                # this bit.
                if length & 0x80:
                    length = length & 0x7F | data[at] << 7
                    at += 1
                end = at + length
                append(data[at:end])
                at = end
        except IndexError:
            at = size + 1
        if at > size:
            raise CorruptDataError("kallsyms_names runs over its end", start)
        return parts

    def _read_addresses(
        self, read: Read, info: Mapping[str, str], word: int
    ) -> Callable[[int], int]:
        count = len(self._parts)
        table = vmcoreinfo.symbol(info, "kallsyms_addresses")
        if table:  # absolute, until 6.11 (64e166099b69)
            absolute = struct.unpack(
                f"{self._order}{count}{'Q' if word == 8 else 'I'}", read(table, word * count)
            )
            return absolute.__getitem__
        table = vmcoreinfo.symbol(info, "kallsyms_offsets")
        if not table:
            raise CorruptDataError(
                "VMCOREINFO names neither kallsyms_offsets nor kallsyms_addresses"
            )
        base_at = vmcoreinfo.symbol(info, "kallsyms_relative_base")
        base = (
            int.from_bytes(read(base_at, word), "little" if self._order == "<" else "big")
            if base_at
            else 0
        )
        unsigned = struct.unpack(f"{self._order}{count}I", read(table, 4 * count))
        return self._pick_encoding(unsigned, base, table, vmcoreinfo.symbol(info, "_stext"))

    def _pick_encoding(
        self, offsets: tuple[int, ...], base: int, table: int, stext: int
    ) -> Callable[[int], int]:
        """Return index -> address by the encoding that puts _stext where VMCOREINFO says."""
        mask = self._mask

        def relative(at: int) -> int:  # CONFIG_KALLSYMS_BASE_RELATIVE
            return (base + offsets[at]) & mask

        def absolute_percpu(
            at: int,
        ) -> int:  # CONFIG_KALLSYMS_ABSOLUTE_PERCPU, until 6.15 (01157ddc58dc)
            value = offsets[at]
            return value if value < 0x80000000 else (base - 1 + 0x100000000 - value) & mask

        def place_relative(at: int) -> int:  # since 7.0 (a081b5789255)
            value = offsets[at]
            return (table + 4 * at + (value - 0x100000000 if value & 0x80000000 else value)) & mask

        known = self._find_index("_stext")
        if known is None:
            raise CorruptDataError("kallsyms holds no _stext")
        encodings = [relative, absolute_percpu] if base else [place_relative, relative]
        for encoding in encodings:
            if encoding(known) == stext:
                return encoding
        raise CorruptDataError(
            f"no known encoding of kallsyms_offsets puts _stext at {stext:#x}", table
        )

    def _sizes_of_tables(self) -> dict[str, int]:
        """Return the sizes of the last tables of kallsyms, in bytes.

        Behind them, in rodata, there are the string literals, which have no names.
        """
        return {"kallsyms_token_index": 2 * 256, "kallsyms_seqs_of_names": 3 * len(self._parts)}

    def _called(self, name: str) -> Iterator[tuple[int, bool]]:
        for at in self._find_indexes(name):
            yield self._address_of(at), self._expand(at)[:1].isupper()

    def _address_at(self, position: int) -> int:
        return self._address_of(position)

    def _name_at(self, position: int) -> tuple[str, bool, int]:
        typed = self._expand(position)
        return typed[1:], typed[:1].isupper(), self._sizes.get(typed[1:], 0)

    # Names

    def _expand(self, at: int) -> str:
        """Return the type letter and the name of symbol number `at`."""
        tokens = self._tokens
        return b"".join([tokens[code] for code in self._parts[at]]).decode("utf-8", "replace")

    def _find_index(self, name: str) -> int | None:
        """Return the number of the first symbol called `name`, a global one if there is any."""
        for text in self._compressed(name):
            at = (self._index or {}).get(text)
            if at is not None:
                return at
        return self._by_name[name][0] if self._by_name and name in self._by_name else None

    def _find_indexes(self, name: str) -> Iterator[int]:
        """Yield the number of every symbol called `name`, however many there are."""
        for text in self._compressed(name):
            at = (self._index or {}).get(text, -1)
            while at >= 0:
                yield at
                at = self._next_of(text, at)
        if self._by_name is not None:
            yield from self._by_name.get(name, ())

    def _next_of(self, text: bytes, at: int) -> int:
        """Return the number of the next symbol of a compressed name after `at`, -1 for none.

        A search through the table takes a millisecond. After many searches, the names that occur
        more than once are collected in one pass, and only those are searched for again.
        """
        self._searched += 1
        if self._repeated is None and self._searched > _MANY:
            counted = Counter(self._parts)
            self._repeated = frozenset(part for part, count in counted.items() if count > 1)
        if self._repeated is not None and text not in self._repeated:
            return -1
        try:
            return self._parts.index(text, at + 1)
        except ValueError:
            return -1

    def _compressed(self, name: str) -> Iterator[bytes]:
        """Yield `name` as the table would have it, with each type letter; nothing if it has none.

        A kernel that compressed in an unknown way has its names in `_by_name` instead.
        """
        if self._index is None and self._by_name is None:
            self._build_index()
        if self._index is None:
            return
        raw = name.encode("utf-8", "surrogatepass")  # from a command line, anything
        # A token applies only where its text occurs; its first byte may be the type letter, so look
        # without it.
        pairs = [(pair, code) for rest, pair, code in self._pairs if rest in raw]
        self._asked += 1
        for letter in self._letters if self._asked > _MANY else _TYPES:
            text = letter.encode() + raw
            for pair, code in pairs:
                text = text.replace(pair, code)
            yield text

    @cached_property
    def _letters(self) -> list[str]:
        """The type letters that symbols of this kernel have, the likely ones first."""
        codes = {part[0] for part in self._parts if part}
        first = {self._tokens[code][:1] for code in codes}
        return [letter for letter in _TYPES if letter.encode() in first]

    def _build_index(self) -> None:
        """Index the compressed names.

        If this kernel compressed them in an unknown way, expand and index them all.
        """
        parts = self._parts
        self._pairs = self._token_pairs()
        for at in range(0, len(parts), max(1, len(parts) // _SAMPLES)):
            if self._compress(b"".join([self._tokens[code] for code in parts[at]])) != parts[at]:
                self._by_name = {}
                for number, name in enumerate(self.names()):
                    self._by_name.setdefault(name, []).append(number)
                return
        # Backwards, so that the lowest of several symbols of one name and type stays.
        self._index = dict(zip(reversed(parts), range(len(parts) - 1, -1, -1), strict=True))

    def _token_pairs(self) -> list[tuple[bytes, bytes, bytes]]:
        """Return (text without its first byte, pair of codes, code) for every longer token.

        The order is that in which scripts/kallsyms.c made them and must apply them: from 255 down.
        """
        self._pairs = []
        for code in range(255, -1, -1):
            text = self._tokens[code]
            if len(text) > 1:
                self._pairs.append((text[1:], self._compress(text), bytes((code,))))
        return self._pairs

    def _compress(self, text: bytes) -> bytes:
        for _, pair, code in self._pairs:
            text = text.replace(pair, code)
        return text

    def _first_above(self, address: int) -> int:
        """Return the number of the first symbol beyond `address`.

        The kernel keeps the table sorted by address.
        """
        return bisect_right(range(len(self._parts)), address, key=self._address_of)
