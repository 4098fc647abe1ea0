"""Columns of tasks: letters of states, and what their numbers are made of."""

from __future__ import annotations

import pytest

from btfdump._kernel.value_at import value_at
from btfdump._tables.functions import FUNCTIONS
from btfdump._tables.functions.tasks import Counts, letter


@pytest.mark.parametrize(
    ("state", "exit_state", "expected"),
    [
        (0, 0, "R"),
        (1, 0, "S"),
        (0x2001, 0, "S"),  # TASK_FREEZABLE
        (2, 0, "D"),
        (0x102, 0, "D"),  # TASK_KILLABLE
        (0x402, 0, "I"),  # TASK_IDLE
        (0x8000, 0, "D"),  # TASK_FROZEN
        (0x1000, 0, "D"),  # TASK_RTLOCK_WAIT
        (4, 0, "T"),
        (8, 0, "t"),
        (0x80, 0x10, "X"),
        (0x80, 0x20, "Z"),
        (0x40, 0, "P"),
        (0x200, 0, "R"),  # TASK_WAKING
        (None, 0, None),
        (0, None, None),
    ],
)
def test_letters(state, exit_state, expected):
    assert letter(state, exit_state) == expected


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x", "tagged"])
def test_counts_are_those_of_percpu_counters(opened, name):
    """Each CPU's share is added, wherever in its area it lies."""
    kernel = opened(name)
    counts = Counts(kernel)
    seen = 0
    for task in kernel.tasks():
        if not task.mm:
            continue
        seen += 1
        expected = [
            int(counter.count)
            + sum(
                int(value_at(kernel, "int", kernel.wrap(int(counter.counters) + offset)))
                for offset in kernel.target.per_cpu_offsets
            )
            for counter in task.mm.rss_stat
        ]
        assert counts.of(int(task.mm)) == expected
    assert seen > 10


def test_cpu_time_of_a_process_is_that_of_all_its_threads(opened):
    kernel = opened("stock")
    function = FUNCTIONS.get("cpu_time")
    assert function is not None
    of = function.make(kernel)
    process = next(t for t in kernel.tasks() if t.pid == t.tgid and int(t.signal.nr_threads) > 1)
    threads = list(process.signal.thread_head.walk_())
    assert len(threads) > 1
    signal = process.signal
    members = (signal.utime, signal.stime, signal.nr_threads)
    numbers = [int(x) for x in (process.pid, process.tgid, process.utime, process.stime, *members)]
    expected = sum(int(t.utime) + int(t.stime) for t in threads)
    assert of(process, *numbers) == expected + int(signal.utime) + int(signal.stime)
    thread = threads[1]
    own = [int(x) for x in (thread.pid, thread.tgid, thread.utime, thread.stime, *members)]
    assert of(thread, *own) == int(thread.utime) + int(thread.stime)
