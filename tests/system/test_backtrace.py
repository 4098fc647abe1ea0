"""Backtraces: against what DWARF found of every task, and why they end."""

from __future__ import annotations

import struct
from collections import Counter

import pytest

from btfdump._system.backtrace import USER, Backtraces, cpu_of
from btfdump._system.cpus import of_cpu, running_on
from btfdump.errors import MemberNotFoundError
from tests.support.patched import PatchedKernel


@pytest.fixture(scope="module")
def traces(opened):
    """Return name -> the backtraces of all tasks of a sample, by address."""
    known = {}

    def of(name):
        if name not in known:
            kernel = opened(name)
            backtraces = Backtraces(kernel)
            known[name] = {task.address_: backtraces.of(task) for task in kernel.tasks()}
        return known[name]

    return of


def test_every_frame_is_the_one_that_dwarf_finds(traces, truth):
    """But for what is made up of the stack of a dead task, which has been freed."""
    found = traces("stock")
    frames, mine, theirs = 0, [], []
    for told in truth("stock", "-3")["tasks"]:
        trace = found[int(told["addr"], 16)]
        expected = [frame for frame in told["frames"] if not frame["inline"]]
        if told["state"] == "Z":
            assert (trace.frames, len(expected)) == ((), 1)
            continue
        assert [f"{frame.pc:#x}" for frame in trace.frames] == [one["pc"] for one in expected]
        for frame, one in zip(trace.frames, expected, strict=True):
            assert frame.is_interrupted == one["interrupted"]
            assert not frame.is_guess
            if frame.is_user:
                assert frame.name == USER
                continue
            assert frame.code is not None
            mine.append(frame.code.name)
            theirs.append(one["name"])
        frames += len(trace.frames)
    assert frames == 495
    # The symbols of one function differ: of a system call, DWARF tells what is inlined into it.
    others = {pair for pair in zip(mine, theirs, strict=True) if pair[0] != pair[1]}
    assert all(theirs.startswith(("entry_", "__do_sys", "__se_sys")) for _, theirs in others)


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("stock", {"start of the thread": 60, USER: 19}),
        ("stock-7.3", {"start of the thread": 63, USER: 18}),
        ("tagged", {"start of the thread": 44, USER: 19}),
        ("s390x", {"start of the thread": 61, USER: 19}),
    ],
)
def test_why_they_end(traces, name, ends):
    found = traces(name).values()
    assert Counter(trace.end for trace in found) == {
        **ends,
        "its stack has been freed: it is dead": 1,
    }
    assert all(trace.is_whole for trace in found)
    assert not any(frame.is_guess for trace in found for frame in trace.frames)
    assert not any(frame.stack for trace in found for frame in trace.frames)


def test_what_tasks_wait_in(traces):
    found = {
        trace.task.comm.string_(): trace.waits_in
        for trace in traces("stock").values()
        if trace.end == USER
    }
    assert {name: found[name] for name in ("init", "w_alpha", "w_vparent", "w_tracer")} == {
        "init": "do_wait",
        "w_alpha": "__x64_sys_pause",
        "w_vparent": "kernel_clone",
        "w_tracer": "__x64_sys_pause",
    }
    assert all(found.values())


@pytest.mark.parametrize("name", ["stock", "stock-7.3"])
def test_a_task_that_runs_is_where_its_cpu_was(opened, name):
    kernel = opened(name)
    for cpu in (0, 1):
        trace = Backtraces(kernel).of(running_on(kernel, cpu))
        names = [frame.code.name for frame in trace.frames if frame.code is not None]
        assert names[0] == "pv_native_safe_halt"
        assert names[-1] == "common_startup_64"
        assert trace.frames[0].is_interrupted
        assert (trace.end, trace.is_whole, trace.waits_in) == ("start of the CPU", True, "")
        assert cpu_of(trace.task) == cpu


def test_registers_that_drgn_does_not_find(opened):
    """Those of this dump are in its notes, of which drgn is not told."""
    kernel = opened("s390x")
    for cpu, entry in ((0, "startup_continue"), (1, "restart_int_handler")):
        trace = Backtraces(kernel).of(running_on(kernel, cpu))
        names = [frame.code.name for frame in trace.frames if frame.code is not None]
        assert names[0] == "arch_cpu_idle"
        assert names[2:4] == ["do_idle", "cpu_startup_entry"]
        assert names[-1] == entry
        # The caller of who was interrupted may not be stored where it is looked for.
        assert [frame.is_guess for frame in trace.frames[:3]] == [False, True, False]
        assert (trace.end, trace.is_whole) == ("start of the CPU", True)


def test_of_a_task_that_runs_nobody_knows_where_it_is(opened, monkeypatch):
    kernel = opened("s390x")
    monkeypatch.setattr(kernel.target, "cpu_statuses", ())
    trace = Backtraces(kernel).of(running_on(kernel, 1))
    assert (trace.frames, trace.is_whole) == ((), False)
    assert trace.end == (
        "it runs on CPU 1: registers for CPU 1 were not saved; "
        "only a dump with the registers of its CPU tells where it is"
    )


def test_a_pointer_will_do(opened):
    kernel = opened("stock")
    task = kernel.task(1)
    trace = kernel.backtrace(kernel["init_pid_ns"].child_reaper)
    assert trace.frames == kernel.backtrace(task).frames
    assert trace.task == task
    with pytest.raises(MemberNotFoundError, match="no member 'stack'"):
        kernel.backtrace(task.mm)


def test_without_drgn_the_same_is_told(opened, traces):
    """A kernel that drgn does not read is unwound by an unwinder of ours."""
    for name in ("stock", "s390x"):
        kernel = PatchedKernel(opened(name))
        backtraces = Backtraces(kernel)
        for task in kernel.tasks():
            trace, known = backtraces.of(task), traces(name)[task.address_]
            assert (trace.frames, trace.end, trace.waits_in) == (
                known.frames,
                known.end,
                known.waits_in,
            )


def test_a_cpu_that_saved_its_registers_in_memory(opened):
    """In an interrupt, on the stack that CPUs have for these."""
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    task = running_on(kernel, 1)
    trace = Backtraces(kernel).of(task)
    assert trace.end.startswith("it runs on CPU 1: CPU 1 has saved no registers in crash_notes")
    top = int(of_cpu(plain, "pcpu_hot", 1).hardirq_stack_ptr)
    layout, registers = plain.struct("pt_regs"), bytearray(216)
    for name, value in {"ip": plain.symbol("kfree"), "sp": top - 0x100, "cs": 0x10}.items():
        at = layout.offset(name)
        registers[at : at + 8] = value.to_bytes(8, "little")
    note = struct.pack("<3I8s", 5, 112 + 216 + 8, 1, b"CORE") + bytes(112) + registers + bytes(8)
    notes = int(plain["crash_notes"]) + plain.target.per_cpu_offsets[1]
    kernel.target.write(plain.wrap(notes), note)
    kernel.target.write(top - 0x100, (0x1230).to_bytes(8, "little"))
    trace = Backtraces(kernel).of(task)
    (only,) = trace.frames
    assert (only.name, only.stack, only.is_interrupted) == ("kfree", "IRQ", True)
    assert not trace.is_whole
    assert trace.end == "nothing tells what called kfree: cannot read 8 bytes at 0x8: not mapped"


def test_why_a_stack_cannot_be_read_further(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    task = kernel.task(1)
    third = kernel.backtrace(task).frames[2].position
    assert third is not None
    kernel.target.write(third - 8, plain.symbol("common_startup_64").to_bytes(8, "little"))
    trace = kernel.backtrace(task)
    assert not trace.is_whole
    assert trace.end.startswith("nothing tells what called secondary_startup_64")


@pytest.mark.parametrize("change", ["sp", "on_cpu"])
def test_a_live_task_that_runs_meanwhile(opened, monkeypatch, change):
    """What is read of a stack that is used meanwhile is not believed."""
    kernel = PatchedKernel(opened("stock"))
    task = kernel.task(1).read_()
    monkeypatch.setattr(kernel.target, "is_live", True)
    where = task.thread.sp if change == "sp" else task.on_cpu
    kernel.target.write(where.address_, b"\1\0\0\0")
    trace = Backtraces(kernel).of(task)
    assert trace.frames == ()
    assert trace.end == "it ran while its stack was read; look again"
    task = kernel.task(1)
    if change == "on_cpu":
        trace = Backtraces(kernel).of(task)
        assert trace.end.startswith("it runs on CPU 0: where that is changes all the time")
