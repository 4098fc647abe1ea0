"""Virtual addresses to physical ones."""

from __future__ import annotations

import pytest

from btfdump._kernel.notes import Note
from btfdump._places.place import Places
from btfdump._roots import VERBS, Query, TableKind
from btfdump.errors import ExpressionError


def pages(kernel, *patterns):
    kind = VERBS.get("vtop")
    assert isinstance(kind, TableKind)
    return list(kind.table(kernel, Query(patterns)).rows)


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_every_mapping(opened, name):
    """The same bytes are at the address in the direct map that has the physical one."""
    kernel = opened(name)
    direct = Places(kernel, lambda: ()).direct
    assert direct is not None
    asked = ["init_task", "task(1)", "task(1).stack", "(void *)runqueues[1].curr"]
    found = pages(kernel, *asked)
    assert found[1]["mapping"] == "direct map"
    assert found[2]["mapping"] == "vmalloc"
    for row in found:
        at = direct.base + int(row["physical"], 0) - direct.physical
        assert kernel.target.read(at, 8) == kernel.target.read(int(row["address"], 0), 8)
        assert direct.pages <= int(row["page"], 0)
    assert found[1]["what"].startswith("slab task_struct, at ")


def test_flags_of_the_page(opened):
    (row,) = pages(opened("stock"), "init_task")
    assert row["flags"].startswith("PG_reserved")
    assert row["mapping"] == "image"


def test_what_is_nowhere(opened):
    (note,) = pages(opened("stock"), "0x5")
    assert isinstance(note, Note)
    assert note.text == "vtop: 0x5 is in no mapping of the kernel's that is known"
    with pytest.raises(ExpressionError, match="vtop: say of what"):
        pages(opened("stock"))
