"""Renderers yield a line as soon as its object has been read, and bound what they show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._render import Root, formats, get

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


def reads(value: Value) -> int:
    target: Any = value._context_.target
    return len(target.reads)


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_the_first_line_comes_before_the_last_read(value, format_):
    kernel: Any = value._context_
    chunks = kernel.dump(value, format_, Limits(elements=300))
    first = next(chunks)
    assert "struct holder" in first
    early = reads(value)
    assert early < 5
    lines = [first]
    seen = []
    for chunk in chunks:
        lines.append(chunk)
        seen.append(reads(value))
    assert seen == sorted(seen)
    assert seen[-1] >= 300
    half = len(seen) // 2
    assert seen[half] < seen[-1] * 0.75
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)


# Limits


def test_elements(value):
    kernel: Any = value._context_
    document = json.loads("".join(kernel.dump(value, "jsonl", Limits(elements=10))))
    items = document["members"]["items"]
    assert (items["shown"], items["count"], len(items["elements"])) == (10, 300, 10)
    for format_ in ("text", "tree"):
        assert "290 more (--elements)" in "".join(kernel.dump(value, format_, Limits(elements=10)))
        whole = "".join(kernel.dump(value, format_, Limits(elements=300)))
        assert "more (--elements)" not in whole
        assert "300 x " in "".join(kernel.dump(value, format_, Limits(elements=10)))


def test_zero(value):
    kernel: Any = value._context_
    for format_ in formats():
        options = [kernel.options(zero=zero) for zero in (False, True)]
        some, all_ = (
            "".join(get(format_)([Root(traverse(value, zero=o.zero))], o)) for o in options
        )
        if "zero" in all_:
            assert all_.count("zero") > some.count("zero")
