"""/proc/kallsyms: the running kernel's symbols as text (kernel/kallsyms.c, s_show)."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._targets.symbols import SortedTable

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = re.compile(rb"^0*[1-9a-f]", re.MULTILINE)


class ProcKallsyms(SortedTable):
    """The part of the text that belongs to vmlinux; symbols of modules are read from memory."""

    def __init__(self, text: bytes) -> None:
        # Lines of modules end in "\t[module]"; they follow those of vmlinux.
        end = text.find(b"\t[")
        self._text = text if end < 0 else text[: text.rfind(b"\n", 0, end) + 1]

    @cached_property
    def has_addresses(self) -> bool:
        """Whether addresses are shown: hidden ones are all zero, while real ones are mostly not."""
        return _SHOWN.search(self._text) is not None

    @cached_property
    def _symbols(self) -> list[tuple[int, str]]:
        """Every (address, type letter and name), by address."""
        rows = (line.split(b" ", 1) for line in self._text.splitlines() if b" " in line)
        found = [
            (int(address, 16), typed.decode(errors="replace").replace(" ", "", 1))
            for address, typed in rows
        ]
        found.sort()
        return found

    @cached_property
    def _addresses(self) -> list[int]:
        return [address for address, _ in self._symbols]

    @cached_property
    def image(self) -> tuple[int, int]:
        """Where the kernel's image begins and ends; nothing where no symbol tells."""
        starts = [start for start in map(self.find, ("_text", "_stext")) if start is not None]
        if not starts:  # per-CPU symbols may begin at 0
            return 0, 0
        end = self.find("_end")
        return min(starts), self._addresses[-1] + 1 if end is None else end

    def __len__(self) -> int:
        return len(self._symbols)

    def _called(self, name: str) -> Iterator[tuple[int, bool]]:
        # The text is searched: for a few dozen names that is a tenth of the work of parsing it.
        wanted = f" {name}\n".encode("utf-8", "surrogatepass")
        at = self._text.find(wanted)
        while at >= 0:
            line = self._text[self._text.rfind(b"\n", 0, at) + 1 : at]
            address, _, letter = line.partition(b" ")
            yield int(address, 16), letter.isupper()
            at = self._text.find(wanted, at + 1)

    def _address_at(self, position: int) -> int:
        return self._addresses[position]

    def _name_at(self, position: int) -> tuple[str, bool, int]:
        typed = self._symbols[position][1]
        return typed[1:], typed[:1].isupper(), 0

    def _first_above(self, address: int) -> int:
        return bisect_right(self._addresses, address)
