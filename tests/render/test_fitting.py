"""Lines are cut at the width of a terminal, colours and wide characters notwithstanding."""

from __future__ import annotations

import pytest

from btfdump._render.fitting import fit, visible


@pytest.mark.parametrize(
    ("line", "width", "shown"),
    [
        ("short", 10, "short"),
        ("any width", 0, "any width"),
        ("exactly10!", 10, "exactly10!"),
        ("eleven char", 10, "eleven ch…"),
        ("\x1b[1mbold\x1b[0m", 4, "\x1b[1mbold\x1b[0m"),
        ("\x1b[1mbolder\x1b[0m", 4, "\x1b[1mbol…\x1b[0m"),
        ("漢字漢字", 5, "漢字…"),
        ("漢字漢字", 4, "漢…"),
    ],
)
def test_cut(line: str, width: int, shown: str) -> None:
    assert fit(line, width) == shown
    if width:
        assert visible(shown) <= width
