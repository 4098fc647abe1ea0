"""Registers that CPUs saved in memory."""

from __future__ import annotations

import struct

import pytest

from btfdump._drgn.traces import unwinder_of
from btfdump._system.cpus import running_on
from btfdump._system.crash_notes import saved_registers
from btfdump._system.unwinding import unwinder_of as own_unwinder_of
from btfdump._system.unwinding.steps import unwound
from btfdump.errors import MissingDataError
from tests.support.patched import PatchedKernel
from tests.support.synthetic import World


def note_at(kernel, cpu):
    return kernel.wrap(int(kernel["crash_notes"]) + kernel.target.per_cpu_offsets[cpu])


def prstatus(kernel, registers, kind=1):
    """Return a note of a CPU's, as crash_save_cpu() writes it."""
    order = "<" if kernel.target.platform.byteorder == "little" else ">"
    description = bytes(112) + registers + bytes(8)
    head = struct.pack(f"{order}3I", 5, len(description), kind)
    return head + b"CORE\0\0\0\0" + description


def test_registers_of_x86(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    registers = bytes(range(168))
    kernel.target.write(note_at(plain, 1), prstatus(plain, registers + bytes(48)))
    assert saved_registers(kernel, 1) == registers


def test_registers_of_s390x(opened):
    """A PSW and the general registers stand elsewhere in a `struct pt_regs`."""
    world = World("big")
    world.struct("pt_regs", [("args", "u64"), ("psw", "u64[2]"), ("gprs", "u64[16]"), ("x", "u64")])
    world.variable("crash_notes", "u32 *", ".data")
    world.symbols["crash_notes"] = world.room(8)
    note = world.room(512)
    world.point(world.symbols["crash_notes"], note)
    kernel = world.kernel()
    world.target.platform = world.target.platform._replace(machine="s390x")
    psw, general = bytes(range(16)), bytes(range(16, 144))
    world.write(note, prstatus(kernel, psw + general + bytes(72)))
    assert saved_registers(kernel, 0) == bytes(8) + psw + general + bytes(8)
    world.target.platform = world.target.platform._replace(machine="riscv64")
    with pytest.raises(MissingDataError, match="what registers of riscv64 look like"):
        saved_registers(kernel, 0)


def test_none_were_saved(opened):
    with pytest.raises(MissingDataError, match="CPU 1 has saved no registers in crash_notes"):
        saved_registers(opened("tagged"), 1)


@pytest.mark.parametrize(("kind", "length"), [(2, 216), (1, 1 << 30), (1, 16)])
def test_other_notes(opened, kind, length):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    data = bytearray(prstatus(plain, bytes(216), kind))
    data[4:8] = length.to_bytes(4, "little")
    kernel.target.write(note_at(plain, 0), bytes(data))
    with pytest.raises(MissingDataError):
        saved_registers(kernel, 0)


@pytest.fixture
def noted(opened):
    """A kernel of two CPUs, whose dump may have notes of them."""
    kernel = PatchedKernel(opened("stock"))
    assert kernel.target.cpu_statuses == ()  # of a kdump-compressed file, drgn reads them
    return kernel


def status(number):
    return bytes(112) + bytes([number]) * 216


def test_registers_in_the_notes_of_a_dump(noted):
    noted.target.cpu_statuses = (status(1), status(2))
    assert [saved_registers(noted, cpu)[0] for cpu in (0, 1)] == [1, 2]


def test_notes_of_those_cpus_that_are_online(noted):
    noted.target.cpu_statuses = (status(7),)
    noted.target.write(noted.symbol("__cpu_online_mask"), b"\2")
    assert saved_registers(noted, 1)[0] == 7
    with pytest.raises(MissingDataError, match="CPU 0 has saved no registers"):
        saved_registers(noted, 0)


@pytest.mark.parametrize("statuses", [(status(1),), (status(1),) * 3, (b"", b"short")])
def test_notes_of_which_nobody_can_say_whose_they_are(noted, statuses):
    noted.target.cpu_statuses = statuses
    for cpu in (0, 1):
        with pytest.raises(MissingDataError):
            saved_registers(noted, cpu)


def test_a_backtrace_begins_at_them(opened):
    """The registers of a CPU, as the dump has them, lead to the same frames."""
    kernel = opened("stock")
    task = running_on(kernel, 1)
    prog = task.drgn_().prog_
    trace = prog.stack_trace(task.drgn_().address_of_())
    known = trace[0].registers()
    layout = kernel.struct("pt_regs")
    registers = bytearray(layout.size)
    names = {"rip": "ip", "rsp": "sp", "rbp": "bp", **{f"r{n}": f"r{n}" for n in range(12, 16)}}
    for name, member in names.items():
        at = layout.offset(member)
        registers[at : at + 8] = known[name].to_bytes(8, "little")
    registers[layout.offset("cs")] = 0x10
    drgns = unwinder_of(kernel)
    assert drgns is not None
    own = unwound(own_unwinder_of(kernel), task, bytes(registers))
    for found in (drgns(task, bytes(registers)).frames, own.frames):
        assert [frame.pc for frame in found] == [frame.pc for frame in trace]
        assert [frame.is_interrupted for frame in found] == [True] + [False] * (len(found) - 1)
