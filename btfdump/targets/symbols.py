"""What a symbol table is to the rest, whichever file or memory it comes from."""

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
        """Return how many bytes lie between `name` and the next symbol, 0 if `name` is unknown."""
        ...

    def nearest(self, address: int) -> tuple[str, int] | None:
        """Return (name, offset) of the symbol at or before `address` in the image, or None."""
        ...


def alias_rank(name: str, is_global: bool) -> tuple[bool, bool, int, int, str]:
    """Order the names of one address.

    Things before section boundaries and generated names, global before local.
    """
    return (
        _DECORATED.search(name) is not None,
        not is_global,
        len(name) - len(name.lstrip("_")),
        len(name),
        name,
    )
