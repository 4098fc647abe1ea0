"""The formats that there are, and what they make of nothing."""

from __future__ import annotations

import json

import pytest

from btfdump._render import Options, formats, get
from btfdump.errors import ExpressionError


def test_formats():
    assert {"text", "tree", "json", "jsonl"} <= set(formats())
    with pytest.raises(ExpressionError, match=r"no format 'nope'; there are .*json"):
        get("nope")


@pytest.mark.parametrize("format_", formats())
def test_nothing_to_show(format_):
    text = "".join(get(format_)([], Options()))
    if format_ == "json":
        assert json.loads(text)["roots"] == []
    else:
        assert text == ""
