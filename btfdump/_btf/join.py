"""Join a split BTF and its base into one blob."""

from __future__ import annotations

from .builder import BtfBuilder
from .reader import Btf


def join(base: bytes, split: bytes) -> bytes:
    """Return one blob with the types of both, under the same ids; raises `BtfFormatError`."""
    whole = Btf.from_bytes(base, name="base", check=False)
    part = Btf.from_bytes(split, base=whole, name="split")
    builder = BtfBuilder.from_btf(whole)
    for type_ in part.iter_types():
        builder.add_type(type_)
    return builder.build()
