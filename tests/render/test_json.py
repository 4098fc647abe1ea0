"""JSON: one document, or a line for each root as soon as it is there."""

from __future__ import annotations

import json
from typing import Any

from btfdump._graph.traverse import traverse
from btfdump._render import Root, get


def test_jsonl_yields_one_line_for_each_root(value):
    kernel: Any = value._context_
    items = [item for item, _ in zip(value.items.walk_(), range(3), strict=False)]
    chunks = get("jsonl")((Root(traverse(item)) for item in items), kernel.options())
    first = next(chunks)
    assert json.loads(first)["members"]["id"] == 1
    assert len([first, *chunks]) == 3
