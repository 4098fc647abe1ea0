"""Small BTF, and blobs that are none."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from btfdump._btf import Btf, BtfBuilder, declare
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable


from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump._btf import BtfBuilder


def sample(b: BtfBuilder) -> Btf:
    u32 = b.int_("unsigned int", 4)
    b.int_("long unsigned int", 8)
    b.struct("file", 8, [("f_flags", u32, 0)])
    b.fwd("file")
    b.typedef("file", u32)
    b.struct("inode_file", 4)
    b.enum("e", {"A": 1})
    b.enum64("e64", {"B": 1})
    b.struct("twice", 1)
    b.struct("twice", 2)
    return b.parse("sample")


HEADER = "HBB5I"


def blob(order: str = "<", *, types: bytes = b"", strings: bytes = b"\0", **changes: int) -> bytes:
    """Return a blob with some header fields changed."""
    fields = {
        "magic": 0xEB9F,
        "version": 1,
        "flags": 0,
        "hdr_len": 24,
        "type_off": 0,
        "type_len": len(types),
        "str_off": len(types),
        "str_len": len(strings),
    } | changes
    return struct.pack(order + HEADER, *fields.values()) + types + strings


def check_error(error: BtfFormatError, size: int) -> None:
    """Check that an error says where and why; in split BTF, the place may be in the base."""
    assert error.reason
    assert 0 <= error.offset <= max(size, 4096)


def use(btf: Btf) -> None:
    """Ask everything of every type; nothing but BtfFormatError may escape."""
    questions: list[Callable[[int], object]] = [
        btf.type,
        btf.kind,
        btf.sizeof,
        btf.spell,
        btf.skip_modifiers,
        btf.type_tags,
        btf.decl_tags,
        lambda i: repr(btf.type(i)),
        lambda i: declare(btf.type(i), "x", 1),
        lambda i: btf.find_all(None, btf.type(i).name),
        lambda i: [m.type for m in getattr(btf.type(i), "members", ())],
        lambda i: getattr(btf.type(i), "names", None),
    ]
    for type_id in range(len(btf)):
        for question in questions:
            try:
                question(type_id)
            except BtfFormatError as error:
                check_error(error, len(btf.data))
    assert btf.pointer_size in (None, 4, 8)


def try_to_use(blob: bytes, base: Btf | None = None) -> Btf | None:
    """Load `blob` both ways, and use it; return what the checking load made of it."""
    try:
        use(Btf.from_bytes(blob, base=base, check=False))
    except BtfFormatError as error:
        check_error(error, len(blob))
    try:
        btf = Btf.from_bytes(blob, base=base)
    except BtfFormatError as error:
        check_error(error, len(blob))
        return None
    list(btf.iter_types())  # what was checked must inflate
    use(btf)
    return btf


def with_layout(types: bytes, layout: bytes, **changes: int) -> bytes:
    """Return a blob with a layout section after its types."""
    fields = {
        "hdr_len": 32,
        "type_off": 0,
        "type_len": len(types),
        "str_off": len(types) + len(layout),
        "str_len": 1,
        "layout_off": len(types),
        "layout_len": len(layout),
    } | changes
    return struct.pack("<HBB7I", 0xEB9F, 1, 0, *fields.values()) + types + layout + b"\0"
