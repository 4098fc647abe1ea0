"""Stacks of s390x, made by hand: back chains, and registers where they end."""

from __future__ import annotations

import struct

import pytest

from btfdump._system.unwinding import unwinder_of
from btfdump._system.unwinding.steps import MAX_FRAMES, unwound
from tests.support.synthetic import World

CODE = 0x3FF_E000_0000
OVERHEAD = 160
USER = 1 << 48


class S390World(World):
    """A kernel with a task that was switched out."""

    def __init__(self) -> None:
        super().__init__("big")
        self.struct("thread_struct", [("ksp", "u64")])
        self.struct("task_struct", [("thread", "struct thread_struct")])
        self.struct(
            "stack_frame", [("empty", "u64[9]"), ("gprs", "u64[10]"), ("back_chain", "u64")]
        )
        self.struct("pt_regs", [("args", "u64"), ("psw", "u64[2]"), ("gprs", "u64[16]")])
        self.stack = self.room(0x8000)
        self.at = self.new("task_struct")
        self.set(self.at, "task_struct.thread.ksp", self.stack)

    def frame(self, address: int, back_chain: int, caller: int) -> None:
        self.set(address, "stack_frame.back_chain", back_chain)
        self.write(address + self.offset("stack_frame.gprs") + 64, struct.pack(">Q", caller))

    def registers(self, address: int, mask: int, pc: int, sp: int) -> bytes:
        """Write registers behind the last frame at an address, and return them."""
        data = struct.pack(">3Q", 0, mask, pc) + bytes(15 * 8) + struct.pack(">Q", sp)
        self.write(address + OVERHEAD, data)
        return data

    def unwound(self, registers=None):
        kernel = self.kernel()
        self.target.platform = self.target.platform._replace(machine="s390x")
        return unwound(unwinder_of(kernel), kernel.value("struct task_struct", self.at), registers)


def told(found):
    return [(frame.pc, frame.is_interrupted, frame.is_user) for frame in found.frames]


def test_frames_up_to_the_user():
    world = S390World()
    first, second = world.stack, world.stack + 0x200
    world.frame(first, second, CODE)
    world.frame(second, 0, CODE + 8)
    world.registers(second, USER, 0x10000, 0x7000)
    assert told(world.unwound()) == [
        (CODE, False, False),
        (CODE + 8, False, False),
        (0x10000, True, True),
    ]


def test_an_interrupt_and_what_it_interrupted():
    """Registers of the kernel's own lead on; those of a thread that has never run there do not."""
    world = S390World()
    first, other = world.stack, world.stack + 0x4000
    world.frame(first, 0, CODE)
    world.registers(first, 0, CODE + 8, other)
    world.frame(other, other + 0x200, 0)
    world.frame(other + 0x200, 0, CODE + 12)
    world.registers(other + 0x200, 0, 0, 0)
    assert told(world.unwound()) == [
        (CODE, False, False),
        (CODE + 8, True, False),
        (CODE + 12, False, False),
        (0, True, False),
    ]


def test_registers():
    world = S390World()
    world.frame(world.stack, world.stack + 0x200, 0)
    world.frame(world.stack + 0x200, 0, CODE + 8)
    world.registers(world.stack + 0x200, USER, 0x10000, 0x7000)
    data = struct.pack(">3Q", 0, 0, CODE) + bytes(15 * 8) + struct.pack(">Q", world.stack)
    assert told(world.unwound(data)) == [
        (CODE, True, False),
        (CODE + 8, False, False),
        (0x10000, True, True),
    ]


@pytest.mark.parametrize("offset", [0, -0x100])
def test_chains_that_lead_back(offset):
    world = S390World()
    second = world.stack + 0x200
    world.frame(world.stack, second, CODE)
    world.frame(second, second + offset, CODE + 8)
    found = world.unwound()
    assert found.trouble.startswith("the back chain leads back to ")
    assert len(found.frames) == 2


def test_registers_without_end():
    """An interrupt that interrupted itself is left after as many frames as there may be."""
    world = S390World()
    world.frame(world.stack, 0, CODE)
    world.registers(world.stack, 0, CODE + 8, world.stack)
    found = world.unwound()
    assert len(found.frames) == MAX_FRAMES
