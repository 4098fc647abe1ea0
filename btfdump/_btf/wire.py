"""The BTF wire format as data: magic, header, kinds, and how long each kind's record is.

Mirrors include/uapi/linux/btf.h; the rules for headers are those of `btf_parse_hdr()`,
`btf_parse_str_sec()` and `btf_parse_layout_sec()` in tools/lib/bpf/btf.c. Nothing here knows what
a type means.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Literal, NamedTuple

from btfdump.errors import BtfFormatError, UnusableBtfError

ByteOrder = Literal["little", "big"]

MAGIC = 0xEB9F
VERSION = 1
HEADER_MIN = 24  # up to and including str_len: what every kernel since 4.18 writes
HEADER_SIZE = 32  # with layout_off and layout_len
STRUCT_FORMAT: dict[ByteOrder, str] = {"little": "<", "big": ">"}
_HEADER = "HBB7I"

MAX_VLEN = 0xFFFFFF
MAX_KIND = 0x7F
U32_MAX = 0xFFFFFFFF


class Kind(IntEnum):
    """A BTF kind (`BTF_KIND_*`). `UNKN` is void, and stands for every kind newer than this list."""

    UNKN = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


TYPE_WORDS = 3
"""Words of `struct btf_type` itself: name_off, info, and the union of size and type."""

TRAILERS: dict[int, tuple[int, int]] = {
    **dict.fromkeys(Kind, (0, 0)),
    Kind.INT: (1, 0),  # u32 encoding, offset, bits
    Kind.ARRAY: (3, 0),  # struct btf_array
    Kind.STRUCT: (0, 3),  # struct btf_member
    Kind.UNION: (0, 3),
    Kind.ENUM: (0, 2),  # struct btf_enum
    Kind.FUNC_PROTO: (0, 2),  # struct btf_param
    Kind.VAR: (1, 0),  # struct btf_var
    Kind.DATASEC: (0, 3),  # struct btf_var_secinfo
    Kind.DECL_TAG: (1, 0),  # struct btf_decl_tag
    Kind.ENUM64: (0, 3),  # struct btf_enum64
}
del TRAILERS[Kind.UNKN]
"""By kind, what follows `struct btf_type`, in 32-bit words: (once, per element of vlen)."""

MODIFIERS = frozenset((Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG))
"""Kinds that decorate another type without changing its size or shape."""

REFERENCES = MODIFIERS | {Kind.PTR, Kind.FUNC, Kind.FUNC_PROTO, Kind.VAR, Kind.DECL_TAG}
"""Kinds whose third word is a type id."""


def kind_of(info: int) -> int:
    """Return the kind in an `info` word: bits 24-30; before 2026, bits 24-28."""
    return info >> 24 & MAX_KIND


def vlen_of(info: int) -> int:
    """Return the number of elements in an `info` word: bits 0-23; before 2026, bits 0-15."""
    return info & MAX_VLEN


def make_info(kind: int, vlen: int = 0, kind_flag: bool = False) -> int:
    """Return the `info` word (`BTF_INFO_ENC`); raises `ValueError` for what doesn't fit."""
    if not 0 <= kind <= MAX_KIND:
        raise ValueError(f"kind {kind} is beyond {MAX_KIND}")
    if not 0 <= vlen <= MAX_VLEN:
        raise ValueError(f"a BTF record holds at most {MAX_VLEN} elements, not {vlen}")
    return kind_flag << 31 | int(kind) << 24 | vlen


class Header(NamedTuple):
    """A checked `struct btf_header`; every offset is in bytes from the start of the blob."""

    byteorder: ByteOrder
    type_start: int
    type_end: int
    str_start: int
    str_end: int
    layout_start: int = 0
    layout_end: int = 0


def parse_header(data: bytes, *, split: bool) -> Header:
    """Read and check the header, and that the sections lie inside `data` in their order.

    `split` says that there is a base BTF: then the string section may be empty, and need not start
    with a NUL. Like libbpf, this ignores `flags` and what follows the known part of the header;
    unlike libbpf, it refuses future versions. Raises `BtfFormatError`.
    """
    if len(data) < HEADER_MIN:
        raise BtfFormatError(0, f"{len(data)} bytes are too short for a header of {HEADER_MIN}")
    byteorder = _byteorder(data)
    # A header that ends early reads as if it went on with zeros.
    known = data[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
    hdr_len = struct.unpack_from(STRUCT_FORMAT[byteorder] + "I", known, 4)[0]
    if hdr_len < HEADER_MIN:
        raise BtfFormatError(4, f"hdr_len {hdr_len} is below the minimum of {HEADER_MIN}")
    if hdr_len > len(data):
        raise BtfFormatError(4, f"hdr_len {hdr_len} exceeds the {len(data)} bytes of data")
    known = known[:hdr_len].ljust(HEADER_SIZE, b"\0")
    _, version, _, _, type_off, type_len, str_off, str_len, layout_off, layout_len = struct.unpack(
        STRUCT_FORMAT[byteorder] + _HEADER, known
    )
    if version != VERSION:
        raise UnusableBtfError(2, f"BTF of version {version}; expected version {VERSION}")
    if type_off % 4:
        raise BtfFormatError(8, f"type_off {type_off} is not a multiple of 4")
    if type_off + type_len > str_off:
        raise BtfFormatError(8, f"types {type_off}+{type_len} run into strings at {str_off}")
    if str_off + str_len > len(data) - hdr_len:
        left = len(data) - hdr_len
        raise BtfFormatError(16, f"strings {str_off}+{str_len} exceed the {left} bytes left")
    if type_len % 4:
        raise BtfFormatError(12, f"type_len {type_len} is not a multiple of 4")
    if layout_len:
        _check_layout_place(layout_off, layout_len, type_off + type_len, str_off)
    header = Header(
        byteorder,
        hdr_len + type_off,
        hdr_len + type_off + type_len,
        hdr_len + str_off,
        hdr_len + str_off + str_len,
        hdr_len + layout_off if layout_len else 0,
        hdr_len + layout_off + layout_len if layout_len else 0,
    )
    _check_strings(data, header, split)
    return header


def is_split(data: bytes, name: str) -> bool:
    """Whether a blob can only be read together with a base: its strings do not begin with "".

    Raises `BtfFormatError` for a malformed header, of what is called `name`.
    """
    return _first_byte_of_strings(data, name) not in (b"", b"\0")


def is_whole(data: bytes, name: str) -> bool:
    """Whether a blob has no base: its strings begin with "", which a split one has in its base.

    A blob without strings may be either. Raises `BtfFormatError` as `is_split()`.
    """
    return _first_byte_of_strings(data, name) == b"\0"


def _first_byte_of_strings(data: bytes, name: str) -> bytes:
    try:
        header = parse_header(data, split=True)
    except BtfFormatError as error:
        raise error.named(name) from None
    return data[header.str_start : min(header.str_start + 1, header.str_end)]


def _byteorder(data: bytes) -> ByteOrder:
    """Tell the byte order from the magic."""
    for byteorder in STRUCT_FORMAT:
        if int.from_bytes(data[:2], byteorder) == MAGIC:
            return byteorder
    raise BtfFormatError(0, f"magic is {data[:2].hex(' ')}, not eb 9f in either order")


def _check_layout_place(offset: int, length: int, types_end: int, str_off: int) -> None:
    """Check that the layout section is aligned and lies between types and strings."""
    if offset % 4:
        raise BtfFormatError(24, f"layout_off {offset} is not a multiple of 4")
    if length % 4:
        raise BtfFormatError(28, f"layout_len {length} is not a multiple of 4")
    if offset < types_end or offset + length > str_off:
        raise BtfFormatError(
            24,
            f"layout {offset}+{length} is not between types and strings: {types_end} to {str_off}",
        )


def _check_strings(data: bytes, header: Header, split: bool) -> None:
    """Check that the string section starts (base BTF) and ends with a NUL."""
    if header.str_start == header.str_end:
        if split:
            return
        raise BtfFormatError(20, "the string section is empty")
    if data[header.str_end - 1]:
        raise BtfFormatError(header.str_end - 1, "the string section does not end with a NUL")
    if not split and data[header.str_start]:
        raise BtfFormatError(
            header.str_start,
            "the string section does not start with a NUL: is this split BTF, without its base?",
        )


def parse_layout(data: bytes, header: Header) -> dict[int, tuple[int, int]]:
    """Read the layout section, a `struct btf_layout` for each kind.

    Returns kind -> bytes (fixed part, each element), or an empty dict if there is no such section.
    Sizes are not checked here: one that is not a multiple of 4 matters only to a record of that
    kind.
    """
    section = data[header.layout_start : header.layout_end]
    kinds = range(min(len(section) // 4, MAX_KIND + 1))
    return {kind: (section[4 * kind], section[4 * kind + 1]) for kind in kinds}
