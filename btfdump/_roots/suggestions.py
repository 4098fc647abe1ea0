"""What a user may have meant by a word that names nothing: roots, tables and symbols like it."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING

from btfdump._annotate.overlay import library
from btfdump._targets.memory import symbol_room, symbols_named
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._kernel.context import Context

_MOST = 3
_ALIKE = 0.75  # as difflib counts: `tasks` and `task` are 0.89 alike
_LETTERS = f"{ascii_lowercase}{digits}_"
_LONGEST = 48
"""Characters of a word whose every misspelling is looked up: some thousands."""


def like(kernel: Context, word: str, roots: Sequence[str]) -> list[str]:
    """Return what there is that is called nearly as `word`: of `roots`, then of the variables.

    The library's variables are compared as a whole. The symbols of a kernel are too many for that:
    those are found that are one letter, or two that change places, away. If all that finds nothing,
    the library's variables whose names begin alike.
    """
    known = library().globals()
    close = get_close_matches(word, known, _MOST, _ALIKE)
    if len(word) <= _LONGEST:
        close += _misspellings(word)
    found = get_close_matches(word, roots, _MOST, _ALIKE)
    found += [name for name in _variables(kernel, close) if name not in found]
    if not found and len(stem := word.rstrip("s")) > 2:
        found = list(_variables(kernel, [name for name in known if name.startswith(stem)]))
    return found[:_MOST]


def _variables(kernel: Context, names: Iterable[str]) -> Iterator[str]:
    """Yield those of the names that variables of the kernel have, but not many of them."""
    found = (
        name
        for name in dict.fromkeys(names)
        if any(not symbol.is_code for symbol in symbols_named(kernel.target, name))
    )
    return islice(found, _MOST)


def length_at(kernel: Context, type_name: str, symbol: str) -> str:
    """Return what to say for `char[]` at a symbol: as many as there is room for, "" if unknown."""
    element, *more = type_name.split("[]")
    if more != [""]:
        return ""
    try:
        size = kernel.layouts.of(kernel.type(element)).size
        room, is_size = symbol_room(kernel.target, kernel.symbol(symbol))
    except BtfdumpError:
        return ""
    if not size or room < size:
        return ""
    named = f"'{element.rstrip()}[{room // size}]'"
    if is_size:
        return f"; {symbol} has {room} bytes: say {named}"
    return f"; up to the symbol after {symbol} there is room for {named}"


def place(kernel: Context, address: int) -> str:
    """Return what lies at an address: `init_task+0x10`, `an object of slab task_struct`, or ""."""
    name = kernel.symbolize(address)
    if name is not None:
        return name
    slabs = kernel._slabs if kernel.infers else None
    found = slabs.find(address) if slabs is not None else None
    if found is None:
        return ""
    inside = f"+{address - found.start:#x}" if address > found.start else ""
    return f"slab {found.cache.name}, object {found.start:#x}{inside}"


def _misspellings(word: str) -> Iterator[str]:
    """Yield what `word` may be a misspelling of, by one letter."""
    for at in range(len(word) + 1):
        before, after = word[:at], word[at:]
        for letter in _LETTERS:
            yield f"{before}{letter}{after}"
        if after:
            yield f"{before}{after[1:]}"
            yield from (f"{before}{letter}{after[1:]}" for letter in _LETTERS)
        if len(after) > 1:
            yield f"{before}{after[1]}{after[0]}{after[2:]}"
