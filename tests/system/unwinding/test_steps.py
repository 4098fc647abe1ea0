"""Frames one by one, and the words of stacks."""

from __future__ import annotations

import pytest

from btfdump._kernel.unwound import UnwoundFrame
from btfdump._system.unwinding.steps import MAX_FRAMES, Words, gathered
from btfdump.errors import FaultError
from tests.support.synthetic import CountingTarget, World

FRAME = UnwoundFrame(0x10, 0x20, is_interrupted=False)


def steps(count, error=None):
    for _ in range(count):
        yield FRAME
    if error is not None:
        raise error


def test_frames_and_why_there_are_no_more():
    assert gathered(steps(3)) == ([FRAME] * 3, "")
    error = FaultError(0x30, 8, "not mapped")
    assert gathered(steps(2, error)) == ([FRAME] * 2, str(error))
    with pytest.raises(FaultError):  # not even the first
        gathered(steps(0, error))
    found = gathered(steps(MAX_FRAMES + 5))
    assert (len(found.frames), found.trouble) == (MAX_FRAMES, "there are more than 1024 frames")


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_words_are_read_by_the_page(byteorder):
    world = World(byteorder)
    page = world.room(0x3000, 0x1000)
    world.point(page + 8, 0x1234)
    world.point(page + 0xFFC, 0x5678)  # on two pages
    small = world.room(64)
    world.point(small, 0x9ABC)
    kernel = world.kernel()
    kernel.target = target = CountingTarget(kernel.target)
    words = Words(kernel)
    assert [words.at(page + 8), words.at(page), words.at(page + 8)] == [0x1234, 0, 0x1234]
    assert target.reads == [(page, 0x1000)]
    assert words.at(page + 0xFFC) == 0x5678
    assert words.at(small) == 0x9ABC  # where not all of a page can be read
    with pytest.raises(FaultError):
        words.at(0x1230)
    words.forget()
    target.reads.clear()
    words.at(page)
    assert len(target.reads) == 1


def test_of_a_live_kernel_nothing_is_kept():
    world = World()
    page = world.room(0x2000, 0x1000)
    kernel = world.kernel()
    words = Words(kernel)
    assert words.at(page) == 0
    world.target.is_live = True
    world.point(page, 7)
    assert words.at(page) == 7
