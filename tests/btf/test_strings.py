"""The string section."""

from __future__ import annotations

import pytest

from btfdump._btf.strings import Strings


def test_many_at_once_are_as_each_by_itself() -> None:
    base = Strings(b"\0int\0sk_buff\0")
    split = Strings(b"own\0\xff\0", base)
    offsets = [1, 5, 8, split.start, split.start + 4, 0]
    assert list(split.many(offsets)) == [split[offset] for offset in offsets]
    assert list(split.many(offsets))[:5] == ["int", "sk_buff", "buff", "own", "\\xff"]
    with pytest.raises(IndexError):
        list(split.many([split.end]))
