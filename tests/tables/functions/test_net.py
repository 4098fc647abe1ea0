"""Neighbours, against the kernel's own counts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._roots import Query, table_of
from btfdump._tables.functions import FUNCTIONS
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


def neighbours(kernel: Kernel, *patterns: str) -> list[dict[str, Any]]:
    kind = table_of("neighbours")
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query(patterns)).rows)
    assert not [row for row in found if isinstance(row, Note)]
    return found


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x", "garden"])
def test_as_many_as_the_tables_count(opened, name):
    kernel = opened(name)
    found = neighbours(kernel)
    tables = [table for table in kernel["neigh_tables"] if table]
    assert len(found) == sum(int(table.entries.counter) for table in tables)
    assert len(tables) == (1 if name == "garden" else 2)  # which is without IPv6
    (loop,) = [row for row in found if row["device"] == "lo"]
    assert (loop["address"], loop["mac"]) == ("0.0.0.0", "00:00:00:00:00:00")
    assert loop["state"] == 0x40


def test_what_neighbours_are(opened):
    kernel = PatchedKernel(opened("stock"))
    (row,) = neighbours(kernel, "ff02::2")
    assert (row["device"], row["mac"]) == ("dum0", "33:33:00:00:00:02")
    neighbour = value_at(kernel, "struct neighbour", row["neighbour"])
    kernel.target.write(neighbour.nud_state.address_, b"\x01")  # NUD_INCOMPLETE: no MAC yet
    kernel.target.write(neighbour.primary_key.address_, bytes.fromhex("fe80" + "00" * 13 + "07"))
    (row,) = neighbours(kernel, "fe80::7")
    assert (row["state"], row["mac"]) == (1, None)


@pytest.mark.parametrize(
    ("family", "length", "text"),
    [(10, 16, "ff02::2"), (12, 2, "ff:02"), (2, 4, "255.2.0.0"), (10, 33, None), (10, None, None)],
)
def test_addresses_of_any_family(opened, family, length, text):
    kernel = opened("stock")
    (row,) = neighbours(kernel, "ff02::2")
    function = FUNCTIONS.get("neighbour_address")
    assert function is not None
    neighbour = value_at(kernel, "struct neighbour", row["neighbour"])
    assert function.make(kernel)(neighbour, family, length) == text
