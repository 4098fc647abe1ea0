"""The two programs, run in Python: what they refuse, whoever asks."""

from __future__ import annotations

import pytest

from btfdump._targets.via_bpf.ranges import Ranges
from tests.support.bpf_reading import BASE, EVERYTHING, PAGE, SMALL, Chain


def test_a_request_that_is_too_large_is_refused_by_the_program(reader, memory):
    found = reader.read_many([(BASE, SMALL.largest + 1), (BASE, 1 << 25), (BASE, 8)])
    assert found == [None, None, memory.read(BASE, 8)]


@pytest.mark.parametrize("number", range(7))
def test_every_range_of_a_table_is_found(reader, machine, memory, byteorder, number):
    """An element at the very start, and at the very end, of one of several ranges."""
    ranges = [(BASE + at * 2 * PAGE, BASE + (2 * at + 1) * PAGE) for at in range(7)]
    reader.set_bounds(Ranges(ranges))
    start, end = ranges[number]
    for node, fits in ((start, True), (end - 64, True), (end - 63, False), (start - 1, False)):
        memory.write(BASE + 0x40, node.to_bytes(8, byteorder))
        assert len(reader.copy_chain(BASE + 0x40, BASE + 0x40, 64)[:1]) == fits


def test_a_table_that_is_too_small_allows_nothing(reader, memory, byteorder):
    chain = Chain(memory, byteorder, 3)
    ranges = [(BASE + at * PAGE, BASE + at * PAGE + 64) for at in range(40)]
    assert reader.set_bounds(EVERYTHING)
    assert not reader.set_bounds(Ranges(ranges))
    assert chain.copy(reader) == []
