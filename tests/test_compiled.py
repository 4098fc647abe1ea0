"""Compiled readers and formatters agree with the reference, for every struct of real BTF."""

from __future__ import annotations

import linecache
import random
from pathlib import Path

import pytest
import zstandard

from btfdump.btf import Btf, BtfBuilder, types
from btfdump.codegen import compile_reader
from btfdump.errors import BtfFormatError, MemberNotFoundError
from btfdump.interp import to_python
from btfdump.layout import Layouts, StructLayout
from btfdump.render.compiled import compile_text
from btfdump.render.plain import HOT, Formatter, reference_text

CASES = Path(__file__).parents[2] / "shared" / "cases"
MOST = 40_000
"""Bytes of the largest struct that is tried; above it only padding and tables grow."""


@pytest.fixture(scope="module", params=["vmlinux-6.1", "vmlinux-6.12-custom"])
def sample_btf(request: pytest.FixtureRequest) -> Btf:
    path = CASES / f"{request.param}.btf.zst"
    assert path.exists(), f"{path} is missing: it lies beside the checkout"
    with path.open("rb") as file:
        data = zstandard.ZstdDecompressor().stream_reader(file).read()
    return Btf.from_bytes(data, check=False)


def some_bytes(size: int, seed: int, density: float) -> bytes:
    rng = random.Random(seed)
    noise = rng.randbytes(size)
    if density >= 1:
        return noise
    mask = rng.randbytes(size)
    return bytes(n if m < 256 * density else 0 for n, m in zip(noise, mask, strict=True))


def composites(btf: Btf) -> list[types.Composite]:
    found = [t for t in btf.iter_types() if isinstance(t, types.Composite)]
    assert found
    return found


def check(layouts: Layouts, type_: types.Composite, seed: int) -> None:
    layout = layouts.of(type_)
    assert isinstance(layout, StructLayout)
    if layout.size > MOST:
        return
    try:
        reference_text(layouts, layout, bytes(layout.size), zero=True)
    except BtfFormatError:  # the second sample holds a few structs that are corrupt on purpose
        with pytest.raises(BtfFormatError):
            compile_text(layouts, layout)
        return
    for zero in (False, True) if seed % 8 == 0 else (False,):
        compiled = compile_text(layouts, layout, zero=zero)
        for density in (0.0, 0.05, 1.0) if seed % 8 == 0 else (0.3,):
            data = some_bytes(layout.size, seed, density)
            assert compiled(data) == reference_text(layouts, layout, data, zero=zero), type_


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("part", range(4))
def test_text_of_every_struct(sample_btf: Btf, byteorder: str, part: int) -> None:
    # The types are the same in either order; only the layout's reading of bytes differs.
    layouts = Layouts(byteorder, 8)  # type: ignore[arg-type]
    for seed, type_ in enumerate(composites(sample_btf)):
        if seed % 4 == part and (byteorder == "little" or seed % 16 == part):
            check(layouts, type_, seed)
            linecache.cache.clear()


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_readers_of_every_struct(sample_btf: Btf, byteorder: str) -> None:
    layouts = Layouts(byteorder, 8)  # type: ignore[arg-type]
    tried = 0
    for seed, type_ in enumerate(composites(sample_btf)):
        layout = layouts.of(type_)
        assert isinstance(layout, StructLayout)
        names = [m.name for m in layout.members if m.name]
        if not names or layout.size > MOST or seed % 4:
            continue
        data = some_bytes(layout.size, seed, 1.0)
        expected = to_python(layouts, layout, data)
        got = compile_reader(layouts, layout, names)(data)
        # NaN is not equal to itself: compare what is shown.
        assert repr(got) == repr(tuple(expected[name] for name in names)), type_
        linecache.cache.clear()
        tried += 1
    assert tried > 100


def hostile() -> tuple[Layouts, StructLayout]:
    builder = BtfBuilder()
    long_ = builder.int_("long unsigned int", 8)
    name = "a'}{\\\n\"%s'); raise SystemExit(1) #"
    inner = builder.struct(name, 8, [(name, long_, 0)])
    rows = builder.array(builder.array(inner, 2), 2)
    outer = builder.struct(
        name, 64, [(name, long_, 0), ("{x}", inner, 64), ("rows", rows, 128), ("n", long_, 448)]
    )
    btf = builder.parse()
    layouts = Layouts("little", 8)
    layout = layouts.of(btf.type(outer))
    assert isinstance(layout, StructLayout)
    return layouts, layout


@pytest.mark.parametrize("zero", [False, True])
def test_names_cannot_break_out_of_the_source(zero: bool) -> None:
    layouts, layout = hostile()
    compiled = compile_text(layouts, layout, zero=zero)
    for density in (0.0, 0.5, 1.0):
        data = some_bytes(layout.size, 1, density)
        assert compiled(data) == reference_text(layouts, layout, data, zero=zero)


def test_source_is_kept() -> None:
    layouts, layout = hostile()
    compiled = compile_text(layouts, layout)
    assert "def text(d):" in compiled.source  # type: ignore[attr-defined]
    filename = compiled.__code__.co_filename
    assert "def text(d):\n" in linecache.getlines(filename)


def test_formatter_compiles_when_hot() -> None:
    layouts, layout = hostile()
    formatter = Formatter(layouts)
    data = some_bytes(layout.size, 3, 0.5)
    expected = reference_text(layouts, layout, data)
    for _ in range(HOT + 2):
        assert formatter.text(layout, data) == expected
    assert formatter.is_compiled(layout)
    assert not Formatter(layouts).is_compiled(layout)


def test_reader_of_paths(sample_btf: Btf) -> None:
    layouts = Layouts("little", 8)
    layout = layouts.of(sample_btf.find("struct", "task_struct"))
    assert isinstance(layout, StructLayout)
    data = some_bytes(layout.size, 7, 1.0)
    whole = to_python(layouts, layout, data)
    read = compile_reader(layouts, layout, ["pid", "se.load.weight", "comm", "in_iowait", "tasks"])
    assert read(data) == (
        whole["pid"],
        whole["se"]["load"]["weight"],
        whole["comm"],
        whole["in_iowait"],
        whole["tasks"],
    )
    for path in ("nosuch", "pid.x", "se.nosuch"):
        with pytest.raises(MemberNotFoundError):
            compile_reader(layouts, layout, [path])
