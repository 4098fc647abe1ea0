"""Compiled fields are those of the reference decoder, for every struct of a real kernel."""

from __future__ import annotations

import linecache
import random
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._btf import BtfBuilder
from btfdump._decode.compiled.fields import compile_fields
from btfdump._decode.fields import Decoder, Field
from btfdump._decode.layout import Layouts, StructLayout
from btfdump._graph.limits import selection_of
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._btf.wire import ByteOrder
    from btfdump._decode.fields import Selection

MOST = 20_000
"""Bytes of the largest struct that is tried."""


def plain(thing: Any) -> Any:
    """Return fields as something that can be compared: facts and layouts by identity."""
    if isinstance(thing, list):
        return [plain(inner) for inner in thing]
    if isinstance(thing, Field):
        known = (
            thing.name,
            id(thing.layout),
            thing.offset,
            thing.bit_size,
            thing.elided,
            thing.remark,
        )
        return *known, id(thing.facts), plain(thing.value)
    return repr(thing)  # NaN is not equal to itself


def some_bytes(size: int, seed: int, density: float) -> bytes:
    rng = random.Random(seed)
    return bytes(n if rng.random() < density else 0 for n in rng.randbytes(size))


def check(
    layouts: Layouts, facts_of: Any, layout: StructLayout, selection: Selection | None, seed: int
) -> bool:
    elements = 64 if seed % 2 else 3
    try:
        fields = compile_fields(layouts, facts_of, layout, selection, elements)
    except BtfFormatError:
        return False
    decoder = Decoder(layouts, facts_of, elements=elements)
    for density in (0.0, 0.1, 1.0):
        data = some_bytes(layout.size, seed, density)
        expected = decoder.fields(layout, data, selection)
        found, skipped = fields(data)
        assert plain(found) == plain(expected), layout.type
        assert skipped == decoder.skipped, layout.type
    return True


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("is_selected", [False, True])
def test_fields_of_every_struct(
    opened: Callable[[str], Kernel], byteorder: ByteOrder, is_selected: bool
) -> None:
    kernel = opened("tagged")
    layouts = Layouts(byteorder, 8)
    tried = 0
    for number, type_ in enumerate(kernel.btf.composites()):
        if type_.size > MOST or number % 4:
            continue
        layout = layouts.of(type_)
        assert isinstance(layout, StructLayout)
        selection = None
        if is_selected:
            selection = selection_of(layouts.member_names(layout)[::3])
        tried += check(layouts, kernel.facts, layout, selection, number)
        linecache.cache.clear()
    assert tried > 1000


def test_what_makes_no_sense_is_left_to_the_decoder() -> None:
    builder = BtfBuilder()
    endless = builder.struct("endless", 8, [("again", 1, 0)])
    layouts = Layouts("little", 8)
    layout = layouts.of(builder.parse(check=False).type(endless))
    assert isinstance(layout, StructLayout)
    with pytest.raises(BtfFormatError):
        compile_fields(layouts, None, layout, None, 64)
