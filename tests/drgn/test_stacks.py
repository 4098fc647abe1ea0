"""Stack traces without debuginfo: the frames that drgn finds with DWARF, but no inlines."""

from __future__ import annotations

import pytest
from drgn.helpers.linux.pid import for_each_task

from tests.support.drgn_programs import VERSION

# Where the stacks of tasks that do not run begin and end, by what unwinds them.
BOTTOM = {
    "s390x": {"__ret_from_fork", "system_call", "kernel_thread_starter", "ret_from_fork"},
    "x86": {"ret_from_fork_asm", "entry_SYSCALL_64_after_hwframe", "asm_exc_page_fault"},
}


def test_every_frame_of_every_task_is_the_one_that_dwarf_finds(program, truth) -> None:
    prog = program("stock")
    tasks = {hex(task): task for task in for_each_task(prog)}
    frames = 0
    for told in truth("stock", "-3")["tasks"]:
        expected = [int(frame["pc"], 16) for frame in told["frames"] if not frame["inline"]]
        trace = prog.stack_trace(tasks[told["addr"]])
        assert [frame.pc for frame in trace] == expected, told["comm"]
        assert not any(frame.is_inline for frame in trace)
        frames += len(trace)
    assert frames == 496


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "tagged", "garden", "s390x"])
def test_the_stacks_of_all_tasks_end_where_the_kernel_is_entered(program, name) -> None:
    """What is invented behind the end has no name, or leads on and on."""
    if name == "stock-7.3" and VERSION < (0, 2):
        pytest.skip("drgn 0.1 does not unwind stacks of 7.3")
    prog = program(name)
    bottom = BOTTOM["s390x" if name == "s390x" else "x86"]
    seen = 0
    for task in for_each_task(prog):
        if task.on_cpu or task.exit_state:  # the stack of a zombie is no more
            continue
        trace = prog.stack_trace(task)
        names = [frame.name for frame in trace if frame.pc >> 63 or name == "s390x"]
        ends = [at for at, called in enumerate(names) if called in bottom]
        assert names[0] == "__schedule", (task.comm, names)
        assert ends, (task.comm, names)
        assert len(names) <= 32, (task.comm, names)
        seen += 1
    assert seen > 60


def test_frames_in_modules_are_named(program) -> None:
    prog = program("tagged")
    main = prog.main_module()
    assert main.address_range == (prog.symbol("_stext").address, prog.symbol("_end").address)
    loaded = [module for module in prog.modules() if module is not main]
    assert "btfsample" in {module.name for module in loaded}
    assert all(module.address_ranges for module in loaded)
