"""Compiled readers of members agree with the reference, for every struct of real BTF."""

from __future__ import annotations

import linecache
import random
import zlib
from typing import TYPE_CHECKING

import pytest

from btfdump._btf import Btf
from btfdump._decode.compiled.projection import compile_reader
from btfdump._decode.fields import to_python
from btfdump._decode.layout import Layouts, StructLayout
from btfdump.errors import BtfFormatError, MemberNotFoundError
from tests.support.case_files import KERNELS, read_btf
from tests.support.shapes import one_of_each_shape

if TYPE_CHECKING:
    from btfdump._btf.wire import ByteOrder

MOST = 40_000
"""Bytes of the largest struct that is tried."""


@pytest.fixture(scope="module", params=KERNELS)
def sample_btf(request: pytest.FixtureRequest) -> Btf:
    return Btf.from_bytes(read_btf(request.param), check=False)


@pytest.mark.parametrize("kernel", KERNELS)
def test_readers_of_every_struct(kernel: str) -> None:
    """One of each shape, in either byte order: only the reading of numbers depends on it."""
    orders: tuple[ByteOrder, ByteOrder] = ("little", "big")
    both = [Layouts(order, 8) for order in orders]
    tried = 0
    for seed, type_ in enumerate(one_of_each_shape()[kernel]):
        layouts = both[zlib.crc32(type_.name.encode()) % 2]
        layout = layouts.of(type_)
        assert isinstance(layout, StructLayout)
        names = [m.name for m in layout.members if m.name]
        if not names or layout.size > MOST:
            continue
        data = random.Random(seed).randbytes(layout.size)
        try:
            expected = to_python(layouts, layout, data)
        except BtfFormatError:  # corrupt on purpose
            with pytest.raises(BtfFormatError):
                compile_reader(layouts, layout, names)
            continue
        got = compile_reader(layouts, layout, names)(data)
        # NaN is not equal to itself: compare what is shown.
        assert repr(got) == repr(tuple(expected[name] for name in names)), type_
        linecache.cache.clear()
        tried += 1
    assert tried > 1000


def test_reader_of_paths(sample_btf: Btf) -> None:
    layouts = Layouts("little", 8)
    layout = layouts.of(sample_btf.find("struct", "task_struct"))
    assert isinstance(layout, StructLayout)
    data = random.Random(7).randbytes(layout.size)
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
