"""Malformed BTF: refused with a reason, or harmless; never anything but our own errors."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump.btf import Btf, BtfBuilder, declare
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_verdicts(case: Callable[[str], bytes]) -> None:
    with tarfile.open(fileobj=io.BytesIO(case("malformed.tar.zst"))) as archive:
        files = {
            member.name.rpartition("/")[2]: file.read()
            for member in archive
            if (file := archive.extractfile(member))
        }
    verdicts: list[dict[str, Any]] = list(map(json.loads, files["verdicts.jsonl"].splitlines()))
    assert len(verdicts) > 200
    wrong = []
    for verdict in verdicts:
        btf = try_to_use(files[verdict["file"]])
        if verdict["kernel_6_12_errno"] == 0 and btf is None:
            wrong.append(f"{verdict['file']}: the kernel accepts it")
        if verdict["libbpf_1_8_errno"] != 0 and btf is not None:
            wrong.append(f"{verdict['file']}: libbpf refuses it")
        if btf is not None:
            assert len(btf) == verdict["libbpf_types"] + 1
            assert len(Btf.from_bytes(BtfBuilder.from_btf(btf).build())) == len(btf)
    assert not wrong


# Headers


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


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("changes", "offset", "reason"),
    [
        ({"magic": 0x9FEC}, 0, "magic"),
        ({"version": 2}, 2, "version 2"),
        ({"hdr_len": 23}, 4, "below the minimum"),
        ({"hdr_len": 26}, 4, "exceeds the 25 bytes"),
        ({"hdr_len": 0xFFFFFFFF}, 4, "exceeds"),
        ({"type_off": 2, "str_off": 4}, 8, "multiple of 4"),
        ({"type_off": 4}, 8, "run into strings"),
        ({"type_len": 4}, 8, "run into strings"),
        ({"type_len": 0xFFFFFFFF}, 8, "run into strings"),
        ({"str_len": 2}, 16, "exceed the 1 bytes left"),
        ({"str_off": 1}, 16, "exceed"),
        ({"str_len": 0}, 20, "empty"),
        ({"strings": b"a"}, 24, "end with a NUL"),
        ({"strings": b"a\0"}, 24, "start with a NUL"),
        ({"types": b"12", "str_off": 2}, 12, "multiple of 4"),
        ({"types": b"1234"}, 24, "cut short"),
    ],
)
def test_headers(order: str, changes: dict[str, Any], offset: int, reason: str) -> None:
    with pytest.raises(BtfFormatError, match=reason) as caught:
        Btf.from_bytes(blob(order, **changes))
    assert caught.value.offset == offset


@pytest.mark.parametrize("length", range(24))
def test_a_header_cut_short(length: int) -> None:
    with pytest.raises(BtfFormatError, match="too short") as caught:
        Btf.from_bytes(blob()[:length])
    assert caught.value.offset == 0


def test_what_headers_may_hold() -> None:
    assert len(Btf.from_bytes(blob(flags=255))) == 1
    assert len(Btf.from_bytes(blob() + b"trailing")) == 1
    # A longer header, of a length that isn't even aligned, whose layout_len is zero.
    assert len(Btf.from_bytes(blob(strings=b"\xff" * 4 + b"\0" * 6 + b"\0", hdr_len=34, str_len=1)))


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


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layout_off": 14}, "layout_off 14 is not a multiple"),
        ({"layout_len": 3}, "layout_len 3 is not a multiple"),
        ({"layout_off": 8}, "not between types and strings"),
        ({"layout_len": 88}, "not between types and strings"),
        ({"layout_off": 0xFFFFFFFC}, "not between types and strings"),
        ({"layout_len": 80}, "kind 20 is unknown"),
        ({"layout_len": 0}, "kind 20 is unknown"),
        ({"hdr_len": 24, "type_off": 8, "str_off": 104}, "kind 20 is unknown"),
    ],
)
def test_layouts(changes: dict[str, int], reason: str) -> None:
    types = struct.pack("<3I", 0, 20 << 24, 0)
    layout = bytes(84)
    assert len(Btf.from_bytes(with_layout(types, layout))) == 2
    with pytest.raises(BtfFormatError, match=reason):
        Btf.from_bytes(with_layout(types, layout, **changes))


@pytest.mark.parametrize("sizes", [(2, 0), (0, 3)])
def test_layouts_of_odd_sizes(sizes: tuple[int, int]) -> None:
    types = struct.pack("<3I", 0, 20 << 24, 0)
    with pytest.raises(BtfFormatError, match="no multiple of 4"):
        Btf.from_bytes(with_layout(types, bytes(80) + bytes((*sizes, 0, 0))))
    assert len(Btf.from_bytes(with_layout(b"", bytes(80) + bytes((*sizes, 0, 0))))) == 1


# Records


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda b: b.ptr(9), r"type \[1\]: refers to \[9\]"),
        (lambda b: b.array(9, 1), r"refers to \[9\]"),
        (lambda b: b.array(0, 1, 9), r"refers to \[9\]"),
        (lambda b: b.struct("s", 0, [("a", 0, 0), ("b", 9, 0)]), r"refers to \[9\]"),
        (lambda b: b.union("u", 0, [("a", 9, 0, 1)]), r"refers to \[9\]"),
        (lambda b: b.func_proto(9), r"refers to \[9\]"),
        (lambda b: b.func_proto(0, [("a", 0), ("b", 9)]), r"refers to \[9\]"),
        (lambda b: b.func("f", 9), r"refers to \[9\]"),
        (lambda b: b.func("f", 0), r"function of \[0\], not a prototype"),
        (lambda b: b.func("f", 1), r"function of \[1\], not a prototype"),
        (lambda b: b.var("v", 9), r"refers to \[9\]"),
        (lambda b: b.datasec(".data", [(9, 0, 1)]), r"refers to \[9\]"),
        (lambda b: b.decl_tag("t", 9), r"refers to \[9\]"),
        (lambda b: b.type_tag("t", 9), r"refers to \[9\]"),
        (lambda b: b.unknown(20), "kind 20 is unknown, and no layout section"),
        (lambda b: b.unknown(0), "kind 0 is unknown"),
        (lambda b: b.unknown(1), "ends 4 bytes after"),
        (lambda b: b.unknown(4, vlen=2, trailer=bytes(12)), "ends 12 bytes after"),
    ],
)
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_records(byteorder: Any, make: Callable[[BtfBuilder], int], reason: str) -> None:
    b = BtfBuilder(byteorder)
    make(b)
    with pytest.raises(BtfFormatError, match=reason):
        b.parse()
    assert try_to_use(b.build()) is None


@pytest.mark.parametrize(
    "make",
    [
        lambda b: b.int_("A", 4),
        lambda b: b.enum("e", {"A": 1}),
        lambda b: b.enum64("e", {"A": 1}),
        lambda b: b.struct("e", 4, [("A", 0, 0)]),
        lambda b: b.func_proto(0, [("A", 0)]),
    ],
)
def test_strings_beyond_the_section(make: Callable[[BtfBuilder], int]) -> None:
    b = BtfBuilder()
    make(b)
    data = bytearray(b.build()[: -len(b"A\0")])
    (str_len,) = struct.unpack_from("<I", data, 20)
    struct.pack_into("<I", data, 20, str_len - len(b"A\0"))
    with pytest.raises(BtfFormatError, match=r"type \[1\]: no string has offset"):
        Btf.from_bytes(bytes(data))
    assert try_to_use(bytes(data)) is None


# Loops: sound records that can't be followed to an end


@pytest.mark.parametrize(
    "make",
    [
        lambda b: b.ptr(1),
        lambda b: b.typedef("t", 1),
        lambda b: (b.const(2), b.volatile(1)),
        lambda b: (b.type_tag("a", 2), b.type_tag("b", 1)),
        lambda b: b.array(1, 1),
        lambda b: b.array(1, 0xFFFFFFFF),
        lambda b: (b.array(2, 2), b.typedef("t", 1)),
        lambda b: b.var("v", 1),
        lambda b: b.decl_tag("t", 1),
        lambda b: b.struct("s", 4, [("s", 1, 0)]),
        lambda b: b.func_proto(1, [("p", 1), ("q", 1)]),
        lambda b: (b.ptr(2), b.func_proto(1, [("p", 1)] * 300)),
        lambda b: (b.int_("i", 4, bits=3), b.typedef("t", 2), b.struct("s", 4, [("m", 2, 0)])),
    ],
)
def test_loops(make: Callable[[BtfBuilder], object]) -> None:
    b = BtfBuilder()
    make(b)
    try_to_use(b.build())


def test_loops_have_no_size() -> None:
    b = BtfBuilder()
    b.array(1, 1)
    b.typedef("t", 2)
    btf = b.parse()
    with pytest.raises(BtfFormatError, match=r"type \[1\]: nested more than 64 deep"):
        btf.sizeof(1)
    for ask in (btf.sizeof, btf.skip_modifiers, btf.type_tags):
        with pytest.raises(BtfFormatError, match=r"type \[2\]: the type is made of itself"):
            ask(2)


# Chance

words = st.sampled_from([0, 1, 0xFFFFFFFF, 0x7FFFFFFF, 1 << 24, 1 << 31]) | st.integers(0, 80)
edits = st.one_of(
    st.tuples(st.just("byte"), st.integers(0, 2000), st.integers(0, 255)),
    st.tuples(st.just("word"), st.integers(0, 500), words),
    st.tuples(st.just("cut"), st.integers(0, 2000), st.just(0)),
    st.tuples(st.just("insert"), st.integers(0, 2000), st.integers(1, 5)),
)


def edited(blob: bytes, edit: tuple[str, int, int], byteorder: Any) -> bytes:
    what, at, value = edit
    if what == "word":
        at = at * 4 % len(blob)
        return blob[:at] + value.to_bytes(4, byteorder) + blob[at + 4 :]
    at %= len(blob)
    if what == "byte":
        return blob[:at] + bytes((value,)) + blob[at + 1 :]
    if what == "cut":
        return blob[: at + 1]
    return blob[:at] + bytes(value) + blob[at:]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_mutations(everything: Callable[..., BtfBuilder], byteorder: Any, split: bool) -> None:
    base = everything(byteorder).parse() if split else None
    sound = everything(byteorder, base).build()
    accepted = 0

    @settings(max_examples=150, deadline=None, database=None)
    @given(st.lists(edits, min_size=1, max_size=4))
    def mutate(changes: list[tuple[str, int, int]]) -> None:
        nonlocal accepted
        blob = sound
        for edit in changes:
            blob = edited(blob, edit, byteorder)
        accepted += try_to_use(blob, base) is not None

    mutate()
    assert accepted  # or the mutations are too wild to reach anything but the header


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    try_to_use(data)
    try_to_use(blob(types=data[: len(data) & ~3]))
