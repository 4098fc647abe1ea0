"""Symbols, against what /proc/kallsyms had printed, and by name."""

from __future__ import annotations

import pytest

from tests.support.tabulated import rows


@pytest.mark.parametrize("name", ["stock", "tagged", "s390x"])
def test_symbols_are_as_the_guest_printed_them(opened, console, name):
    printed = [line.split() for line in console(name, "kallsyms").splitlines() if line]
    printed = [line for line in printed if len(line) == 3]
    found = {(row["address"], row["name"]): row for row in rows(opened(name), "kallsyms")}
    seen = 0
    for address, letter, symbol in printed:
        row = found[hex(int(address, 16)), symbol]
        assert row["module"] is None
        if letter in "tT" and symbol != "_etext":  # where code ends
            assert row["kind"] == "code", symbol
        seen += 1
    assert seen > 20


def test_symbols_by_name_address_and_module(opened):
    kernel = opened("stock")
    address = kernel.own_symbol("sched_fork")
    (row,) = rows(kernel, "kallsyms", "sched_fork")
    assert row["address"] == hex(address)
    assert row["room"] == 384
    assert rows(kernel, "kallsyms", hex(address)) == [row]
    ours = rows(kernel, "kallsyms", "dummy:*")
    assert len(ours) > 10
    assert {row["module"] for row in ours} == {"dummy"}
    assert {row["kind"] for row in ours} == {"code", "data"}
    by_address = [int(row["address"], 16) for row in ours]
    assert by_address == sorted(by_address)
