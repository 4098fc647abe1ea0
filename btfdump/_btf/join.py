"""Join a split BTF and its base into one blob."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .builder import BtfBuilder

if TYPE_CHECKING:
    from .reader import Btf


def join(part: Btf) -> bytes:
    """Return one blob with the types of a split BTF and of its base, under the same ids."""
    assert part.base is not None
    builder = BtfBuilder.from_btf(part.base)
    for type_ in part.iter_types():
        builder.add_type(type_)
    return builder.build()
