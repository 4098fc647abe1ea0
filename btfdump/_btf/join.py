"""Join a split BTF and its base into one blob."""

from __future__ import annotations

from .builder import BtfBuilder
from .reader import Btf
from .wire import parse_header


def is_split(data: bytes) -> bool:
    """Whether a blob can only be read together with a base: its strings do not begin with ""."""
    header = parse_header(data, split=True)
    return data[header.str_start : header.str_start + 1] not in (b"", b"\0")


def join(base: bytes, split: bytes) -> bytes:
    """Return one blob with the types of both, under the same ids; raises `BtfFormatError`."""
    whole = Btf.from_bytes(base, name="base", check=False)
    part = Btf.from_bytes(split, base=whole, name="split")
    builder = BtfBuilder.from_btf(whole)
    for type_ in part.iter_types():
        builder.add_type(type_)
    return builder.build()
