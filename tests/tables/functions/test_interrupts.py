"""Interrupts, against what /proc/interrupts had printed, and drgn."""

from __future__ import annotations

import pytest

from btfdump._tables.functions.interrupts import ranges
from tests.support.tabulated import rows


def test_interrupts_are_as_the_guest_printed_them(opened, console):
    """Chip, number and names are equal; counts have not become less since."""
    found = {row["irq"]: row for row in rows(opened("stock"), "irqs")}
    seen = 0
    for line in console("stock", "interrupts").splitlines()[1:]:
        number, *words = line.split() or [""]
        if not number.rstrip(":").isdecimal():
            continue
        *counts, chip, kind, name = words
        row = found[int(number.rstrip(":"))]
        seen += 1
        assert row["chip"] == chip
        assert row["hwirq"] == int(kind.partition("-")[0])
        assert row["actions"] == [name]
        assert all(now >= int(then) for now, then in zip(row["cpus"], counts, strict=True))
        assert row["count"] == sum(row["cpus"])
    assert seen == 6


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x", "tagged"])
def test_interrupts_of_every_kernel(opened, name):
    found = rows(opened(name), "irqs")
    assert any(row["count"] for row in found)
    for row in found:
        assert len(row["cpus"]) == 2
        assert row["affinity"] in {"0-1", "0", "1"}
        assert len(row["actions"]) <= len(row["handlers"])


def test_arguments_are_numbers_or_names_of_actions(opened):
    kernel = opened("stock")
    assert [row["irq"] for row in rows(kernel, "irqs", "4", "rtc?")] == [4, 8]


def test_numbers_are_told_as_ranges():
    assert ranges([]) == ""
    assert ranges([3]) == "3"
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2,5,7-8"
