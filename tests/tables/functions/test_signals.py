"""Signals, against DWARF and what /proc/PID/status had printed."""

from __future__ import annotations

import pytest

from btfdump._tables.functions.signals import name, names
from tests.support.tabulated import rows

MASKS = {"SigPnd": "pending", "ShdPnd": "shared", "SigBlk": "blocked", "SigCgt": "caught"}


@pytest.mark.parametrize("kernel", ["stock", "tagged", "s390x"])
def test_signals_are_as_the_guest_printed_them(opened, console, kernel):
    found = {row["pid"]: row for row in rows(opened(kernel), "signals")}
    pid, seen, set_ones = 0, 0, 0
    for line in console(kernel, "tasks").splitlines():
        word, _, rest = line.partition(":")
        if word == "Pid":
            pid = int(rest)
        elif word in MASKS and pid in found:
            mask = int(rest, 16)
            expected = names(bit + 1 for bit in range(64) if mask >> bit & 1)
            assert found[pid][MASKS[word]] == expected, (pid, word)
            seen += 1
            set_ones += bool(mask)
    assert seen > 200
    assert set_ones > 5


def test_pending_signals_against_dwarf(opened, truth):
    found = {row["pid"]: row for row in rows(opened("stock"), "signals")}
    recorded = truth("stock", "-2")["signals"]
    waiting = 0
    for pid, lists in recorded.items():
        row = found[int(pid)]
        for part, told in (("pending", "pending"), ("shared", "shared")):
            assert len(row[told]) == len(lists[part]), pid
            waiting += len(lists[part])
    assert waiting


def test_handlers_are_in_user_space(opened):
    kernel = opened("stock")
    (row,) = rows(kernel, "signals", "1")
    assert row["handlers"].keys() == set(row["caught"])
    assert all(0 < int(address, 16) < 1 << 47 for address in row["handlers"].values())


def test_names():
    assert [name(n) for n in (1, 9, 31, 32, 35, 64)] == [
        *("HUP", "KILL", "SYS", "RTMIN", "RTMIN+3", "RTMIN+32"),
    ]
