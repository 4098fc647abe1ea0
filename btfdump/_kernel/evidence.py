"""Choose among several possible links of a container by pointers back to its holder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._decode.layout import StructLayout
from btfdump._walk import Anomaly, ValueEntry
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from btfdump._annotate.facts import Expansion
    from btfdump._kernel.typed import TypedAddress


def choose_by_evidence(value: TypedAddress, candidates: tuple[Expansion, ...]) -> Expansion | None:
    """Return the one candidate whose first entry points back to the object that holds the head.

    A candidate is kept if its first entry has a member that points to the holder's type and
    contains the holder's address. Exactly one must remain, and its provenance becomes `inferred`;
    otherwise None is returned.
    """
    if value._outer_ is None:
        return None
    holder = value._outer_[0]
    holder_type = holder.type_.btf.skip_modifiers(holder.type_)
    kept = []
    for candidate in candidates:
        first = next(value.entries_(candidate), None)
        if first is None or isinstance(first, Anomaly | ValueEntry):
            continue
        if points_back(first, holder_type, holder.address_):
            kept.append(candidate)
    if len(kept) != 1:
        return None
    return replace(kept[0], provenance="inferred")


def points_back(entry: TypedAddress, holder: types.Type, address: int) -> bool:
    """Whether `entry` has a pointer to the type `holder` that contains `address`."""
    layout = entry._layout_
    if not isinstance(layout, StructLayout):
        return False
    for member in layout.members:
        base = layout.base.btf.skip_modifiers(member.member.type_id)
        if isinstance(base, types.Ptr) and base.btf.skip_modifiers(base.type_id) is holder:
            try:
                if int(entry.member_(member.name)) == address:
                    return True
            except FaultError:
                return False
    return False
