"""Stacks of x86-64 that are interrupted, switched, or damaged."""

from __future__ import annotations

import random
import struct

import pytest

from btfdump._system.unwinding import unwinder_of
from btfdump._system.unwinding.orc import REGS
from btfdump._system.unwinding.steps import MAX_FRAMES, unwound
from btfdump._system.unwinding.x86 import X86Unwinder
from btfdump.errors import FaultError
from tests.support.patched import PatchedKernel
from tests.support.synthetic import World


@pytest.fixture
def patched(opened):
    return PatchedKernel(opened("stock"))


def put_words(kernel, address, *words):
    kernel.target.write(address, struct.pack(f"<{len(words)}Q", *words))


def saved(kernel, **registers):
    """Return a `struct pt_regs` with these registers, in the kernel's own code."""
    layout = kernel.struct("pt_regs")
    data = bytearray(layout.size)
    for name, value in {"cs": 0x10, **registers}.items():
        at = layout.offset(name)
        data[at : at + 8] = value.to_bytes(8, "little")
    return bytes(data)


def test_an_interrupt_and_what_it_interrupted(patched):
    """The frame of the interrupt's entry has registers behind it: those of what was interrupted."""
    kernel = patched
    task = kernel.task(1)
    stack = int(task.stack)
    top = stack + 0x3000
    entry = kernel.symbol("asm_sysvec_apic_timer_interrupt")
    inside = kernel.symbol("vfs_read")  # at its first instruction: its caller is at SP
    caller = kernel.symbol("ksys_read") + 8
    # Where the entry goes on after its call, registers are saved at SP.
    unwinder = X86Unwinder(kernel)
    known = {at: unwinder.orc(entry + at, is_signal=False) for at in range(5, 64)}
    after = entry + next(
        at for at, orc in known.items() if orc and orc.kind == REGS and not orc.sp_offset
    )
    size = kernel.struct("pt_regs").size
    kernel.target.write(top, saved(kernel, ip=inside, sp=top + size, bp=0x77))
    put_words(kernel, top + size, caller)
    put_words(kernel, top - 8, after)
    found = unwound(unwinder, task, saved(kernel, ip=kernel.symbol("kfree"), sp=top - 8))
    assert [(frame.pc, frame.is_interrupted) for frame in found.frames[:4]] == [
        (kernel.symbol("kfree"), True),
        (after, False),
        (inside, True),
        (caller, False),
    ]


def test_code_without_data_is_unwound_by_its_frame_pointer(patched):
    kernel = patched
    program = next(iter(kernel["bpf_kallsyms"].walk_()))
    base = int(kernel.task(1).stack) + 0x2000
    put_words(kernel, base, base + 0x100, kernel.symbol("vfs_read"))
    registers = saved(kernel, ip=int(program.start) + 8, sp=base - 0x20, bp=base)
    first, second, *_ = unwound(unwinder_of(kernel), kernel.task(1), registers).frames
    assert (second.pc, second.is_guess, second.position) == (
        kernel.symbol("vfs_read"),
        True,
        base + 16,
    )
    assert not first.is_guess


def test_a_user_who_runs(patched):
    registers = saved(patched, ip=0x401000, sp=0x7FFF0000, cs=0x33)
    (only,) = unwound(unwinder_of(patched), patched.task(1), registers).frames
    assert only.is_user


def test_a_stack_that_cannot_be_read(patched):
    kernel = patched
    task = kernel.task(1)
    kernel.target.write(task.thread.sp.address_, (0x1230).to_bytes(8, "little"))
    with pytest.raises(FaultError):
        unwound(unwinder_of(kernel), kernel.task(1))


def test_a_stack_that_ends_too_early(patched):
    """What was found is told, and why there is no more."""
    kernel = patched
    registers = saved(kernel, ip=kernel.symbol("kfree"), sp=0xFFFF_F000_0000_1230)
    found = unwound(unwinder_of(kernel), kernel.task(1), registers)
    assert len(found.frames) == 1
    assert found.trouble.startswith("cannot read 8 bytes at 0xfffff00000001230")


@pytest.mark.parametrize("seed", range(6))
def test_damaged_stacks(opened, seed):
    """They end, within bounds."""
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    chance = random.Random(seed)
    tasks = [task for task in plain.tasks() if int(task.stack)]
    own = unwinder_of(plain)
    code = [frame.pc for task in tasks[:4] for frame in own.from_task(task)]
    for task in tasks:
        start = int(task.thread.sp)
        end = int(task.stack) + 0x4000
        values = (0, start, end - 8, chance.getrandbits(64), chance.choice(code))
        for _ in range(6):
            at = start + chance.randrange(0, end - start) // 8 * 8
            put_words(kernel, at, chance.choice(values))
    unwinder = unwinder_of(kernel)
    for task in kernel.tasks():
        if int(task.stack) and not int(task.on_cpu):
            found = unwound(unwinder, task)
            assert 0 < len(found.frames) <= MAX_FRAMES


class ChainedWorld(World):
    """A kernel with frame pointers, and a task that was switched out."""

    CODE = 0xFFFF_FFFF_8100_0000

    def __init__(self) -> None:
        super().__init__()
        self.struct("thread_struct", [("sp", "u64")])
        self.struct("task_struct", [("thread", "struct thread_struct")])
        self.struct("inactive_task_frame", [("bx", "u64"), ("bp", "u64"), ("ret_addr", "u64")])
        names = ("ax", "bp", "dx", "di", "r10", "r13", "ip", "cs", "sp")
        self.struct("pt_regs", [(name, "u64") for name in names])
        self.stack = self.room(0x4000)
        self.at = self.new("task_struct")
        self.set(self.at, "task_struct.thread.sp", self.stack)

    def words(self, offset, *words):
        self.write(self.stack + offset, struct.pack(f"<{len(words)}Q", *words))

    def unwound(self):
        kernel = self.kernel()
        self.target.platform = self.target.platform._replace(machine="x86_64")
        return unwound(unwinder_of(kernel), kernel.value("struct task_struct", self.at))


def test_frame_pointers_up_to_the_user():
    """One with its lowest bit set leads to registers: of an interrupt, and of the user."""
    world = ChainedWorld()
    code, stack = world.CODE, world.stack
    world.words(0, 0, stack + 0x100, code)
    world.words(0x100, stack + 0x200, code + 8)
    world.words(0x200, stack + 0x301, code + 16)
    registers = [0, stack + 0x500, 0, 0, 0, 0, code + 24, 0x10, stack + 0x400]
    world.words(0x300, *registers)
    world.words(0x500, stack + 0x601, code + 32)
    world.words(0x600, 0, 0, 0, 0, 0, 0, 0x401000, 0x33, 0x7000)
    found = world.unwound()
    assert not found.trouble
    assert [(frame.pc, frame.is_interrupted, frame.is_user) for frame in found.frames] == [
        (code, False, False),
        (code + 8, False, False),
        (code + 16, False, False),
        (code + 24, True, False),
        (code + 32, False, False),
        (0x401000, True, True),
    ]
    assert not any(frame.is_guess for frame in found.frames)


@pytest.mark.parametrize("last", [0, 0x301], ids=["no pointer", "registers of a new thread"])
def test_frame_pointers_up_to_the_start_of_a_thread(last):
    world = ChainedWorld()
    world.words(0, 0, world.stack + 0x100, world.CODE)
    world.words(0x100, world.stack + last if last else 0, world.CODE + 8)
    found = world.unwound()
    assert [frame.pc for frame in found.frames] == [world.CODE, world.CODE + 8]
    assert not found.trouble


def test_frame_pointers_that_lead_back():
    world = ChainedWorld()
    world.words(0, 0, world.stack + 0x100, world.CODE)
    world.words(0x100, world.stack + 0x100, world.CODE + 8)
    found = world.unwound()
    assert found.trouble.startswith("the frame pointer leads back to ")
    assert len(found.frames) == 2
