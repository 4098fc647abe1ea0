"""In what tasks wait."""

from __future__ import annotations

import pytest

from btfdump._kernel.unwound import UnwoundFrame
from btfdump._system.waiting import Waiting, is_waiting


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x"])
def test_in_tables(opened, name):
    """`ps` tells the same as `stack`, though it looks at no more frames than it has to."""
    kernel = opened(name)
    told = {row["pid"]: row["waits_in"] for row in kernel.table("ps").rows}
    known = {row["pid"]: row["waits_in"] for row in kernel.table("stack").rows}
    assert told == {pid: known[pid] for pid in told}
    assert sum(waits is None for waits in told.values()) == 1  # the zombie


def test_it_is_the_first_function_that_is_not_the_schedulers(opened, truth):
    found = {}
    for told in truth("stock", "-3")["tasks"]:
        names = [frame["name"] for frame in told["frames"] if not frame["inline"]]
        found[told["pid"]] = names
    for row in opened("stock").table("ps", "init", "w_vparent", "sleep").rows:
        names = found[row["pid"]]
        assert row["waits_in"] in names
        before = names[: names.index(row["waits_in"])]
        assert before
        assert all("sched" in name or "wait_for" in name or "nano" in name for name in before)


def test_frames_that_wait_in_nothing(opened):
    kernel = opened("stock")
    waiting = Waiting(kernel)
    schedule, read = kernel.symbol("schedule") + 4, kernel.symbol("vfs_read") + 4
    user = UnwoundFrame(0x401000, None, is_interrupted=True, is_user=True)
    inside = UnwoundFrame(schedule, None, is_interrupted=False)
    assert waiting.among([inside, user]) == ""
    assert waiting.among([inside]) == ""
    assert (
        waiting.among([inside, UnwoundFrame(read, None, is_interrupted=False), user]) == "vfs_read"
    )
    assert waiting.among([UnwoundFrame(1 << 63, None, is_interrupted=False)]) == ""


def test_who_waits():
    assert is_waiting(1, 0)
    assert is_waiting(2, None)
    assert not is_waiting(0, 0)
    assert not is_waiting(1, 1)
    assert not is_waiting(None, 0)
