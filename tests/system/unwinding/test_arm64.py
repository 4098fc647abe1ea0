"""Stacks of arm64, made by hand: records of frames, the last of which is empty."""

from __future__ import annotations

import struct

import pytest

from btfdump._system.unwinding import unwinder_of
from btfdump._system.unwinding.steps import MAX_FRAMES, unwound
from tests.support.synthetic import World

CODE = 0xFFFF_8000_8001_0000


class ArmWorld(World):
    """A kernel with a task that was switched out."""

    def __init__(self) -> None:
        super().__init__()
        self.struct("cpu_context", [("fp", "u64"), ("sp", "u64"), ("pc", "u64")])
        self.struct("thread_struct", [("cpu_context", "struct cpu_context")])
        self.struct("task_struct", [("thread", "struct thread_struct")])
        self.struct(
            "pt_regs", [("regs", "u64[31]"), ("sp", "u64"), ("pc", "u64"), ("pstate", "u64")]
        )
        self.stack = self.room(0x4000)
        self.at = self.new("task_struct")
        self.set(self.at, "task_struct.thread.cpu_context.pc", CODE)
        self.set(self.at, "task_struct.thread.cpu_context.fp", self.stack)

    def records(self, *records: tuple[int, int]) -> None:
        """Write records, 0x20 bytes from each other: (where the next is, the caller)."""
        for number, (following, caller) in enumerate(records):
            self.write(self.stack + 0x20 * number, struct.pack("<QQ", following, caller))

    def unwound(self, registers=None):
        kernel = self.kernel()
        self.target.platform = self.target.platform._replace(machine="aarch64")
        return unwound(unwinder_of(kernel), kernel.value("struct task_struct", self.at), registers)


def test_frames_up_to_the_last_record():
    """Addresses may be signed: what is above 48 bits is not part of them."""
    world = ArmWorld()
    signed = (CODE + 8) & ~(0x7F << 48)
    world.records((world.stack + 0x20, signed), (world.stack + 0x40, CODE + 12), (0, 0))
    found = world.unwound()
    assert [frame.pc for frame in found.frames] == [CODE, CODE + 8, CODE + 12]
    assert [frame.position for frame in found.frames] == [
        world.stack + 0x20 * number for number in range(3)
    ]
    assert not found.trouble


def test_registers():
    world = ArmWorld()
    world.records((0, CODE + 8))
    regs = [0] * 29 + [world.stack, 0]
    data = struct.pack("<34Q", *regs, 0x7000, CODE + 4, 0x5)
    first, second = world.unwound(data).frames
    assert (first.pc, first.is_interrupted, first.is_user) == (CODE + 4, True, False)
    assert (second.pc, second.is_interrupted) == (CODE + 8, False)
    (only,) = ArmWorld().unwound(struct.pack("<34Q", *regs, 0x7000, 0x401000, 0)).frames
    assert only.is_user


@pytest.mark.parametrize("offset", [0, -0x20])
def test_records_that_lead_back(offset):
    world = ArmWorld()
    second = world.stack + 0x20
    world.records((second, CODE + 8), (second + offset, CODE + 8))
    found = world.unwound()
    assert found.trouble.startswith("the frame record leads back to ")
    assert len(found.frames) <= 3


def test_records_without_end():
    """Two stacks that lead to each other are left after as many frames as there may be."""
    world = ArmWorld()
    other = world.room(0x20000) + 0x1FF00
    world.records((other, CODE + 8))
    world.write(other, struct.pack("<QQ", world.stack, CODE + 12))
    found = world.unwound()
    assert len(found.frames) == MAX_FRAMES
    assert found.trouble == "there are more than 1024 frames"
