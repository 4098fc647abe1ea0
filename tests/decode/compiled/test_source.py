"""The source of compiled functions: the same each time, kept for tracebacks, not broken out of."""

from __future__ import annotations

import linecache

import pytest

from btfdump._render.compiled_text import compile_text
from btfdump._render.plain import reference_text
from tests.support.hostile_names import hostile, some_bytes


@pytest.mark.parametrize("zero", [False, True])
def test_a_type_has_one_source(zero: bool) -> None:
    first, second = (compile_text(*hostile(), zero=zero) for _ in range(2))
    assert first.source == second.source  # type: ignore[attr-defined]


def test_source_is_kept() -> None:
    layouts, layout = hostile()
    compiled = compile_text(layouts, layout)
    assert "def text(d):" in compiled.source  # type: ignore[attr-defined]
    filename = compiled.__code__.co_filename
    assert "def text(d):\n" in linecache.getlines(filename)


@pytest.mark.parametrize("zero", [False, True])
def test_names_cannot_break_out_of_the_source(zero: bool) -> None:
    layouts, layout = hostile()
    compiled = compile_text(layouts, layout, zero=zero)
    for density in (0.0, 0.1, 0.5, 1.0, 0.1, 0.0):
        data = some_bytes(layout.size, 1, density)
        assert compiled(data) == reference_text(layouts, layout, data, zero=zero)
