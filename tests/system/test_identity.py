"""What a system is: against what DWARF and the guests themselves told."""

from __future__ import annotations

import pytest

from btfdump._system import identity
from btfdump._system.cpus import cpus_in, running_on
from btfdump.errors import CorruptDataError
from tests.support.patched import PatchedKernel

MiB = 1 << 20


def test_what_dwarf_told(opened, truth):
    kernel, known = opened("stock"), truth("stock", "-3")
    told = {name: read(kernel) for name, read in identity.ITEMS.items()}
    uts = known["uts"]
    assert told["hostname"] == uts["nodename"]
    assert {name: told[name] for name in ("release", "version", "machine")} == {
        name: uts[name] for name in ("release", "version", "machine")
    }
    assert told["cmdline"] == known["cmdline"]
    assert told["memory"] == known["ram_pages"] * 4096
    assert told["tainted"] == known["tainted"]
    assert told["load"] == [round(raw / 2048 - 1e-9, 2) for raw in known["avenrun"]]
    # There, what the clock showed when the kernel was stopped.
    now = told["boot_time"] + told["uptime"]
    assert now // 10**9 == known["ktime_boot"]
    assert (told["cpus"], told["online"]) == (2, 2)
    assert (told["panic"], told["crashing_cpu"], told["crashing_task"]) == (None, None, None)


def test_what_the_guest_printed(opened, console):
    """It went on for a second or two before it was stopped."""
    kernel = opened("stock")
    assert 0 < identity.uptime(kernel) / 1e9 - float(console("stock", "uptime").split()[0]) < 5
    total = int(console("stock", "meminfo").split()[1])
    assert identity.memory(kernel) == total << 10


@pytest.mark.parametrize(
    ("name", "machine", "memory", "taints"),
    [
        ("tagged", "x86_64", 40, ["OOT_MODULE"]),
        ("stock-7.3", "x86_64", 110, []),
        ("s390x", "s390x", 165, []),
    ],
)
def test_other_kernels(opened, name, machine, memory, taints):
    told = {one: read(opened(name)) for one, read in identity.ITEMS.items()}
    assert (told["machine"], told["memory"] // MiB) == (machine, memory)
    assert identity.taint_names(told["tainted"]) == taints
    assert 0 < told["uptime"] < 60 * 10**9
    assert told["boot_time"] // 10**9 // 86400 in range(20779, 20786)  # days since 1970


def test_names_of_taints():
    assert identity.taint_names(1 << 9 | 1 << 4 | 1 << 40) == [
        *("MACHINE_CHECK", "WARN", "0x10000000000")
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        (["one", "Kernel panic - not syncing: boom", "two"], "Kernel panic - not syncing: boom"),
        (
            [
                "BUG: kernel NULL pointer dereference, address: 0",
                "Kernel panic - not syncing: Fatal exception in interrupt",
            ],
            "BUG: kernel NULL pointer dereference, address: 0 "
            "(Kernel panic - not syncing: Fatal exception in interrupt)",
        ),
        (["watchdog: BUG: soft lockup - CPU#1 stuck"], "watchdog: BUG: soft lockup - CPU#1 stuck"),
        (["sysrq: Trigger a crash", "bye"], "sysrq: Trigger a crash"),
        (["x BUG: not at the start", "BUGS are fine", "Oopsy"], None),
    ],
)
def test_why_it_stopped(log_worlds, lines, expected):
    world = log_worlds()
    for line in lines:
        world.say(line.encode())
    assert identity.panic(world.kernel()) == expected


def test_the_cpu_that_stopped_it(opened):
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    kernel.target.write(plain.own_symbol("panic_cpu"), (1).to_bytes(4, "little"))
    assert identity.crashing_cpu(kernel) == 1
    task = identity.crashing_task(kernel)
    assert task is not None
    assert (task["pid"], task["comm"]) == (0, "swapper/1")
    kernel = PatchedKernel(plain)
    kernel.target.write(plain.own_symbol("crashing_cpu"), bytes(4))
    assert identity.crashing_cpu(kernel) == 0
    kernel.target.write(plain.own_symbol("crashing_cpu"), (7).to_bytes(4, "little"))
    with pytest.raises(CorruptDataError, match="CPU 7: this kernel has CPUs 0 to 1"):
        identity.crashing_task(kernel)


def test_a_clock_that_is_none(opened):
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    shift = plain["tk_core"].timekeeper.tkr_mono.shift
    kernel.target.write(shift.address_, b"\xff" * 4)
    with pytest.raises(CorruptDataError, match="a clock's shift is 4294967295"):
        identity.uptime(kernel)


@pytest.mark.parametrize("name", ["stock", "s390x"])
def test_cpus(opened, name):
    kernel = opened(name)
    assert cpus_in(kernel["__cpu_online_mask"]) == [0, 1]
    for cpu in (0, 1):
        task = running_on(kernel, cpu)
        assert int(task.on_cpu) == 1
        assert int(task.thread_info.cpu) == cpu
