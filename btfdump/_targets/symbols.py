"""The interface of a symbol table, whichever file or memory it comes from."""

from __future__ import annotations

import re
from typing import Protocol

_DECORATED = re.compile(
    r"__(start|stop|pfx|cfi|do_sys|se_sys|initcall|BTF_ID|UNIQUE_ID|tracepoint_ptr|crc|kstrtab)_|[$.]"
    r"|_(start|end|begin|stop|load)\d*$|_[se]?(text|data|rodata)$|_[se]inittext$"
)


class SymbolSource(Protocol):
    """A table of symbols: addresses are unsigned integers as the kernel sees them."""

    def find(self, name: str) -> int | None:
        """Return the address of `name`, or None."""
        ...

    def extent(self, name: str) -> int:
        """Return how many bytes there are from `name` to the next symbol, 0 if it is unknown."""
        ...

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, offset) of the symbol at or before `address` in the image, or None."""
        ...


def alias_rank(name: str, is_global: bool) -> tuple[bool, bool, int, int, str]:
    """Return a key that sorts the names of one address, the best name first.

    Things come before section boundaries and generated names, global names before local ones.
    """
    return (
        _DECORATED.search(name) is not None,
        not is_global,
        len(name) - len(name.lstrip("_")),
        len(name),
        name,
    )
