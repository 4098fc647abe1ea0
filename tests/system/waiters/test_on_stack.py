"""Words of stacks, and rings of lists that are whole or not."""

from __future__ import annotations

import pytest

from btfdump._places.place import Places
from btfdump._places.stacks import stack_pointer
from btfdump._system.waiters.on_stack import Memory, words_of


def test_the_words_that_count_are_those_from_the_stack_pointer_up(waited):
    kernel, task, *_ = waited
    stacks = Places(kernel, kernel.tasks).stacks
    stack, pointer = int(task.stack), stack_pointer(task) or 0
    words = words_of(kernel, stacks, stack, pointer)
    assert words is not None
    assert words.start == pointer
    assert len(words.words) == (stack + stacks.size - pointer) // 8
    kernel.put(pointer + 24, 0x1234567)
    kernel.put(pointer + 40, 0x1234567)
    again = words_of(kernel, stacks, stack, pointer)
    assert again is not None
    assert list(again.places_of(0x1234567, 8)) == [pointer + 24, pointer + 40]
    for other in (stack - 8, stack + stacks.size, pointer + 1):
        assert words_of(kernel, stacks, stack, other) is None


@pytest.fixture
def ring(waited):
    kernel, task, *_ = waited
    start = stack_pointer(task) or 0
    nodes = [start, start + 32, start + 64]
    kernel.link(*nodes)
    return kernel, nodes


def test_a_ring(ring):
    kernel, nodes = ring
    assert Memory(kernel).ring(nodes[0]) == nodes
    assert Memory(kernel).ring(nodes[1]) == [*nodes[1:], nodes[0]]


@pytest.mark.parametrize("at", [0, 8])
def test_a_ring_that_does_not_lead_back(ring, at):
    kernel, nodes = ring
    kernel.put(nodes[1] + at, nodes[1] + 128)
    assert Memory(kernel).ring(nodes[0]) is None


def test_a_ring_that_cannot_be_read(ring):
    kernel, nodes = ring
    kernel.put(nodes[1], 0x1234 << 44)
    assert Memory(kernel).ring(nodes[0]) is None
