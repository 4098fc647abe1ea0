"""Unwinders of our own: frame by frame what drgn's finds, on every sample."""

from __future__ import annotations

import pytest

from btfdump._drgn.traces import unwinder_of as drgns_unwinder_of
from btfdump._system.unwinding import unwinder_of
from btfdump._system.unwinding.steps import unwound
from btfdump.errors import MissingDataError


@pytest.mark.parametrize(
    ("name", "count"),
    [("stock", 495), ("stock-7.3", 505), ("tagged", 396), ("garden", 382), ("s390x", 561)],
)
def test_every_frame_is_the_one_that_drgn_finds(opened, name, count):
    kernel = opened(name)
    own, drgns = unwinder_of(kernel), drgns_unwinder_of(kernel)
    assert drgns is not None
    frames = 0
    for task in kernel.tasks():
        if not int(task.stack) or int(task.on_cpu):
            continue
        found, known = unwound(own, task), drgns(task, None)
        assert found.frames == known.frames, task.comm.string_()
        assert not found.trouble
        frames += len(found.frames)
    assert frames == count


def test_machines_that_are_not_known(opened, monkeypatch):
    kernel = opened("tagged")
    platform = kernel.target.platform._replace(machine="riscv64")
    monkeypatch.setattr(kernel.target, "platform", platform)
    with pytest.raises(MissingDataError, match="how stacks of riscv64 look is not known"):
        unwinder_of(kernel)
