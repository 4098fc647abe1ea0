"""Hostile BTF: the reader against a plain one, compiled code against the reference, and output."""

from __future__ import annotations

import json
import linecache
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

from btfdump._api.kernel import Kernel
from btfdump._btf import Btf, declare, types
from btfdump._decode.compiled.fields import compile_fields
from btfdump._decode.fields import Decoder
from btfdump._decode.layout import StructLayout
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.value_at import value_at
from btfdump._render import Root, formats, get
from btfdump._render.compiled_text import compile_text
from btfdump._render.plain import reference_text
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import BtfdumpError, BtfFormatError
from fuzz import plain_btf
from fuzz.btf_grammar import Grammar
from fuzz.harness import Harness, Wrong, expect, expect_printable
from fuzz.mutation import mutate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MEMORY = 0xFFFF_8880_0000_0000
_ROOM = 1 << 13
_MOST_TEXT = 16 << 20
_LIMITS = (Limits(depth=0, elements=8, objects=100), Limits(depth=3, elements=64, objects=60))


class BtfHarness(Harness):
    """An input is a blob of BTF; what lies in memory is made from its checksum."""

    name: ClassVar[str] = "btf"
    per_process: ClassVar[int] = 4000

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return what the grammar makes, as it is or changed, or one of the corpus changed."""
        if rng.random() < 0.15:
            return mutate(rng, rng.choice(corpus), others=corpus)
        blob = Grammar(rng).blob()
        if rng.random() < 0.5:
            return blob
        return mutate(rng, blob, byteorder="big" if blob[:1] == b"\xeb" else "little")

    def run(self, data: bytes) -> str:
        """Read it, ask everything of every type, and show objects of some."""
        rng = Random(crc32(data))
        unchecked = _load(data, check=False)
        btf = _load(data, check=True)
        if unchecked is None:
            expect(btf is None, "only the reader that checks takes it")
            return "refused"
        if btf is not None:
            _compare_with_plain(btf, data)
        _use(btf if btf is not None and rng.random() < 0.5 else unchecked)
        kernel = Kernel(
            BufferTarget(
                {_MEMORY: rng.randbytes(_ROOM)},
                unchecked.byteorder,
                unchecked.pointer_size or 8,
                btf=data,
            ),
            unchecked,
        )
        structs = [i for i in range(1, len(unchecked)) if unchecked.kind(i) in (4, 5)]
        for type_id in rng.sample(structs, min(2, len(structs))):
            _compare_compiled(kernel, type_id, rng)
        for _ in range(rng.choice((0, 0, 1))):
            _show(kernel, rng.randrange(1, max(2, len(unchecked))), rng)
        linecache.cache.clear()  # generated code is kept there for tracebacks
        return "read" if btf is not None else "read in part"


def _load(data: bytes, *, check: bool) -> Btf | None:
    try:
        return Btf.from_bytes(data, check=check)
    except BtfFormatError as error:
        _expect_place(error, data)
        return None


def _expect_place(error: BtfFormatError, data: bytes) -> None:
    expect(error.reason, "an error without a reason")
    expect(0 <= error.offset <= len(data), "an error outside of the blob", error)


def _use(btf: Btf) -> None:
    """Ask everything of every type; nothing but `BtfFormatError` may come of it."""
    index = btf.index()
    indexed = Btf.from_bytes(btf.data, check=False, index=index)
    questions: tuple[Callable[[int], object], ...] = (
        lambda i: str(btf.type(i)),
        btf.sizeof,
        btf.type_tags,
        btf.decl_tags,
        lambda i: declare(btf.type(i), "x", 1),
        lambda i: getattr(btf.type(i), "names", None),
        lambda i: [m.type for m in getattr(btf.type(i), "members", ())],
        lambda i: _compare_names(btf, indexed, i),
    )
    for type_id in range(len(btf)):
        for question in questions:
            try:
                question(type_id)
            except BtfFormatError as error:
                _expect_place(error, btf.data)
    expect(btf.pointer_size in (None, 4, 8), "pointer size", btf.pointer_size)


def _compare_names(btf: Btf, indexed: Btf, type_id: int) -> None:
    name = btf.type(type_id).name
    found = [t.id for t in btf.find_all(None, name)]
    # Bytes that are no UTF-8 are shown as escapes, which are not looked up as bytes.
    is_plain = bool(name) and "\\" not in name
    expect(not is_plain or type_id in found, "a type is not found by its name", name)
    expect(
        [t.id for t in indexed.find_all(None, name)] == found, "the index finds other types", name
    )


def _compare_with_plain(btf: Btf, data: bytes) -> None:
    """Compare every type with what the plain reader makes of the same bytes."""
    plain = plain_btf.read(data)
    if plain is None:
        return
    expect(len(btf) == len(plain) + 1, "number of types", len(btf))
    for number, expected in enumerate(plain, 1):
        type_ = btf.type(number)
        found: dict[str, Any] = {"kind": int(type_.kind), "name": type_.name}
        for key in ("type_id", "size", "length", "bits"):
            if key in expected:
                found[key] = getattr(type_, key)
        if isinstance(type_, types.Composite):
            # The readers of bit fields without kind_flag differ: those are in tests/btf.
            found["rows"] = [
                (m.name, m.type_id, m.bit_offset, m.bit_size if type_.kind_flag else None)
                for m in type_.members
            ]
            if not type_.kind_flag and btf.odd_ints:
                found["rows"] = expected["rows"]
        elif isinstance(type_, types.Enum):
            found["rows"] = [(e.name, e.value) for e in type_.enumerators]
        elif isinstance(type_, types.FuncProto):
            found["rows"] = [(p.name, p.type_id) for p in type_.params]
        elif isinstance(type_, types.Datasec):
            found["rows"] = [(v.type_id, v.offset, v.size) for v in type_.variables]
        elif isinstance(type_, types.DeclTag):
            found["component"] = type_.component_index
        expect(found == expected, "a type differs from the plain reader's", (found, expected))


def _compare_compiled(kernel: Kernel, type_id: int, rng: Random) -> None:
    """Compare what generated code makes of an object with what the reference readers make."""
    layouts = kernel.layouts
    try:
        layout = layouts.of(kernel.btf.type(type_id))
    except BtfFormatError:
        return
    if not isinstance(layout, StructLayout) or layout.size > _ROOM:
        return
    memory = bytes(b if rng.random() < 0.4 else 0 for b in rng.randbytes(layout.size))
    is_zero = rng.random() < 0.3
    try:
        expected = reference_text(layouts, layout, memory, zero=is_zero)
        text = compile_text(layouts, layout, zero=is_zero)(memory)
    except BtfFormatError:
        pass
    else:
        expect(text == expected, "compiled text differs", (text[:300], expected[:300]))
        expect_printable(text, "text of an object")
    try:
        decoder = Decoder(layouts, kernel.facts, elements=8)
        fields = decoder.fields(layout, memory, None)
        found, skipped = compile_fields(layouts, kernel.facts, layout, None, 8)(memory)
    except BtfFormatError:
        return
    expect(skipped == decoder.skipped, "compiled fields: zero members differ")
    expect([f.name for f in found] == [f.name for f in fields], "compiled fields: members differ")


def _show(kernel: Kernel, type_id: int, rng: Random) -> None:
    """Show an object of a type in some format: it ends, can be read, and is small."""
    format_ = rng.choice(list(formats()))
    limits = rng.choice(_LIMITS)
    is_zero = rng.random() < 0.3
    pieces: list[str] = []
    size = 0
    try:
        address = _MEMORY + rng.choice((0, 0, 3, _ROOM - 12))
        value = value_at(kernel, kernel.btf.type(type_id), address)
        events = traverse(value, limits, zero=is_zero)
        for piece in get(format_)([Root(events, "r")], kernel.options(zero=is_zero, limits=limits)):
            size += len(piece)
            pieces.append(piece)
            expect(size <= _MOST_TEXT, "output without end", format_)
    except BtfdumpError:
        return
    text = "".join(pieces)
    expect_printable(text, format_)
    if format_ in ("json", "jsonl"):
        try:
            json.loads(text)
        except ValueError as error:
            raise Wrong(f"{format_} cannot be read: {error}") from error
