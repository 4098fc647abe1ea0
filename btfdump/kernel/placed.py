"""Structs that lie somewhere in a blob: where a global variable says, if they prove to be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError, CorruptDataError
from btfdump.kernel.expression import Path

if TYPE_CHECKING:
    from btfdump.annotate.facts import MemberFacts
    from btfdump.kernel.typed import TypedAddress


def place_of(holder: TypedAddress, address: int, facts: MemberFacts) -> int:
    """Return the address of what a pointer of `holder` to `address` leads to.

    Raises `CorruptDataError` where that is not there, or cannot be told.
    """
    context = holder.context_
    if facts.placed is None or facts.points_to is None:
        return context.wrap(address - facts.points_into)
    name, _, member = facts.placed.displacement.partition(".")
    try:
        known = context.global_type(name)
        if known is None:
            raise CorruptDataError(f"the type of {name} is not known")
        variable = holder.at_(known[0], context.symbol(name))
        place = context.wrap(address + int(Path.parse(f".{member}").follow(variable)))
        found = holder.at_(facts.points_to, place)
        back = int(Path.parse(f".{facts.placed.back}").follow(found))
    except (BtfdumpError, LookupError) as error:
        raise CorruptDataError(f"no {facts.points_to} behind {address:#x}: {error}") from error
    if back != holder.address_:
        raise CorruptDataError(
            f"no {facts.points_to} at {place:#x}: {facts.placed.back} is {back:#x}, "
            f"not {holder.address_:#x}",
            place,
        )
    return place
