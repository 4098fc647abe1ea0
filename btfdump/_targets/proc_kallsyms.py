"""/proc/kallsyms: the running kernel's symbols as text (kernel/kallsyms.c, s_show)."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property

from btfdump._targets.symbols import alias_rank

_SHOWN = re.compile(rb"^0*[1-9a-f]", re.MULTILINE)


class ProcKallsyms:
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
    def _image(self) -> tuple[int, int]:
        """Where the kernel's image begins and ends."""
        starts = [start for start in map(self.find, ("_text", "_stext")) if start is not None]
        end = self.find("_end")
        return min(starts, default=0), self._addresses[-1] + 1 if end is None else end

    def find(self, name: str) -> int | None:
        """Return the virtual address of `name`, or None.

        If several symbols have the name, a global one is preferred, then the lowest. The text is
        searched: for a few dozen names that is a tenth of the work of parsing it.
        """
        wanted = f" {name}\n".encode()
        found = []
        at = self._text.find(wanted)
        while at >= 0:
            line = self._text[self._text.rfind(b"\n", 0, at) + 1 : at]
            address, _, letter = line.partition(b" ")
            found.append((letter.islower(), int(address, 16)))
            at = self._text.find(wanted, at + 1)
        return min(found)[1] if found else None

    def extent(self, name: str) -> int:
        """Return how many bytes there are from `name` to the next higher symbol, 0 if unknown."""
        address = self.find(name)
        if address is None:
            return 0
        after = bisect_right(self._addresses, address)
        return self._addresses[after] - address if after < len(self._addresses) else 0

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, offset) of the last symbol at or before `address` in the image, or None."""
        low, high = self._image
        if not low <= address < high:
            return None
        at = bisect_right(self._addresses, address) - 1
        if at < 0:
            return None
        start = self._addresses[at]
        typed = []
        while at >= 0 and self._addresses[at] == start:
            typed.append(self._symbols[at][1])
            at -= 1
        best = min(typed, key=lambda one: alias_rank(one[1:], one[0].isupper()))
        return best[1:], address - start
