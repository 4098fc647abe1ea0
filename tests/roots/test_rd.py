"""Words of memory."""

from __future__ import annotations

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import VERBS, Query, TableKind
from btfdump._roots.addresses import address_meant
from btfdump.errors import BtfdumpError, ExpressionError


def words(kernel, *patterns):
    kind = VERBS.get("rd")
    assert isinstance(kind, TableKind)
    return list(kind.table(kernel, Query(patterns)).rows)


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_words(opened, name):
    kernel = opened(name)
    init = kernel["init_task"]
    at = init.comm.address_ - init.address_
    found = words(kernel, "init_task", str(at // 8 + 2))
    assert [int(row["address"], 0) for row in found][:2] == [init.address_, init.address_ + 8]
    data = kernel.target.read(init.address_, 8 * len(found))
    order = kernel.target.platform.byteorder
    values = [int.from_bytes(data[i : i + 8], order) for i in range(0, len(data), 8)]
    assert [int(row["value"], 0) for row in found] == values
    assert "swapper/" in "".join(row["text"] for row in found)
    assert {len(row["value"]) for row in found} == {18}
    stack = next(row for row in found if int(row["value"], 0) == int(init.stack))
    assert stack["what"]
    assert len(words(kernel, "init_task")) == 1


def test_what_cannot_be_read(opened):
    kernel = opened("stock")
    found = words(kernel, "0x10", "3")
    assert [str(note.text) for note in found if isinstance(note, Note)] == [
        "rd: cannot read 8 bytes at 0x10: not mapped",
        "rd: 3 of 3 words cannot be read",
    ]


@pytest.mark.parametrize(
    ("patterns", "error"),
    [
        ((), "rd: say from where and how many"),
        (("init_task", "0"), "rd: 0 words; expected 1 to 65536"),
        (("init_task", "many"), "many is no number"),
        (("init_tas",), "no symbol"),
        (("-1",), "-1 is no address"),
        (("0x1ffffffffffffffff",), "is no address"),
    ],
)
def test_what_is_wrong(opened, patterns, error):
    with pytest.raises(BtfdumpError, match=error):
        words(opened("stock"), *patterns)


def test_addresses_that_are_meant(opened):
    kernel = opened("stock")
    init = kernel["init_task"].address_
    assert address_meant(kernel, f"{init:x}") == address_meant(kernel, "&init_task") == init
    assert address_meant(kernel, "init_task.parent") == init
    assert address_meant(kernel, "vfs_read") == kernel.symbol("vfs_read")
    assert address_meant(kernel, "init_task.pid") == kernel["init_task"].pid.address_
    with pytest.raises(ExpressionError, match="expected"):
        address_meant(kernel, "a b")
