"""The structs that the harvest looks for: heads of containers, and the links of their elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._walk import FAMILIES, walker_of

if TYPE_CHECKING:
    from btfdump._harvest.syntax import CType

LINK_OF = {name: walker.link for name in FAMILIES if (walker := walker_of(name)) is not None}
"""The link that each container's elements hold; None: it holds pointers to them."""

LINK_TYPES = frozenset(filter(None, LINK_OF.values()))

ENDS = LINK_TYPES | frozenset(LINK_OF)
"""Where a path through structs ends."""


def leads_to_container(type_: CType | None) -> bool:
    """Whether a declared type is a pointer to a container or to a link."""
    return type_ is not None and type_.stars > 0 and type_.base.removeprefix("struct ") in ENDS


def leads_to_table(type_: CType) -> bool:
    """Whether a variable of a declared type may point to a table of heads."""
    return type_.stars == 1 and not type_.is_array and leads_to_container(type_)
