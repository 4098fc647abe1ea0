"""Maps by id and name."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from btfdump._bpf.maps.map_value import MapValue
from btfdump._bpf.registry import registered
from btfdump._kernel.expression import parse_number
from btfdump.errors import CorruptDataError, FaultError, ObjectNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context


def maps(context: Context) -> Iterator[MapValue]:
    """Yield every map that the kernel has, by id.

    Raises `SymbolNotFoundError` for a kernel without BPF, and at the end `CorruptDataError` if some
    maps could not be found.
    """
    for value in registered(context, "map_idr", "struct bpf_map"):
        yield MapValue(context, value.address_)


def find_maps(context: Context, which: str) -> Iterator[MapValue]:
    """Yield the map with an id, or the maps with a name, in which * and ? are as in the shell.

    Raises `ObjectNotFoundError` if there is none.
    """
    count = found = 0
    trouble = ""
    try:
        for map_ in maps(context):
            count += 1
            if _is_meant(map_, which):
                found += 1
                yield map_
    except CorruptDataError as error:
        trouble = f"; {error}"
    if not found:
        what = f"has id {which}" if which.isdecimal() else f"is called {which!r}"
        raise ObjectNotFoundError(f"no map {what} among the {count} found{trouble}")


def find_map(context: Context, which: int | str) -> MapValue:
    """Return the one map with that id or name; raises `ObjectNotFoundError`."""
    first, *others = find_maps(context, str(which))
    if others:
        ids = ", ".join(str(int(map_.id)) for map_ in (first, *others))
        raise ObjectNotFoundError(f"{1 + len(others)} maps are called {which!r}: ids {ids}")
    return first


def _is_meant(map_: MapValue, which: str) -> bool:
    try:
        if which.isdecimal():
            return int(map_.id) == parse_number(which)
        return fnmatch.fnmatchcase(map_.member_("name").string_(), which)
    except FaultError:
        return False
