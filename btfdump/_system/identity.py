"""What a system is and how it was: its kernel, machine, clock, load, memory, and why it stopped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.value_at import value_at
from btfdump._kernel.variables import find_global
from btfdump._meaning.names import table
from btfdump._system.cpus import cpus_in, running_on
from btfdump._system.printk import read_log
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_FIXED_SHIFT = 11
"""Binary digits behind the point of a load average (include/linux/sched/loadavg.h: FSHIFT)."""
_NS = 1_000_000_000
_MAX_COMMAND_LINE = 4096
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)|sysrq: (?:SysRq : )?Trigger a crash")
_OOPS = re.compile(
    r"(?:watchdog: )?(?:BUG:|Oops\b|Internal error:|general protection fault\b|kernel BUG at "
    r"|Unable to handle kernel )"
)
"""How what the kernel logs begins when it stops, and when something has gone wrong in it."""
_FATAL = "Fatal exception"
"""The reason of a panic that follows an oops, which tells more."""


def _uts(name: str) -> Callable[[Context], str]:
    def read(kernel: Context) -> str:
        return find_global(kernel, "init_uts_ns").name.member_(name).string_()

    return read


def command_line(kernel: Context) -> str:
    """Return the command line that the kernel was started with."""
    return find_global(kernel, "saved_command_line").string_(_MAX_COMMAND_LINE)


def _cpus(name: str) -> Callable[[Context], int]:
    def read(kernel: Context) -> int:
        return len(cpus_in(value_at(kernel, "struct cpumask", name)))

    return read


def _timekeeper(kernel: Context) -> Value:
    """Return the kernel's `struct timekeeper`.

    Since 7f2b41ac3f30 ("timekeeping: Introduce timekeeper ID", in 6.17) it is one of several.
    """
    try:
        return find_global(kernel, "tk_core").timekeeper
    except BtfdumpError as error:
        try:
            return find_global(kernel, "timekeeper_data")[0].timekeeper
        except BtfdumpError:
            raise error from None


def boot_time(kernel: Context) -> int:
    """Return the moment of the start in nanoseconds since 1970, as getboottime64() does."""
    keeper = _timekeeper(kernel)
    return int(keeper.offs_real) - int(keeper.offs_boot)


def uptime(kernel: Context) -> int:
    """Return the nanoseconds since the start, suspended ones included, when time was last kept."""
    keeper = _timekeeper(kernel)
    mono = keeper.tkr_mono
    shift = int(mono.shift)
    if shift >= 64:
        raise CorruptDataError(f"a clock's shift is {shift}", mono.address_)
    return int(mono.base) + (int(mono.xtime_nsec) >> shift) + int(keeper.offs_boot)


def load(kernel: Context) -> list[float]:
    """Return the load averages of 1, 5 and 15 minutes, as /proc/loadavg rounds them."""
    word = kernel.layouts.pointer_size
    data = kernel.target.read(kernel.own_symbol("avenrun"), 3 * word)
    order = kernel.target.platform.byteorder
    raw = [int.from_bytes(data[at : at + word], order) for at in range(0, 3 * word, word)]
    rounded = [number + (1 << _FIXED_SHIFT) // 200 for number in raw]
    return [(number * 100 >> _FIXED_SHIFT) / 100 for number in rounded]


def memory(kernel: Context) -> int:
    """Return the bytes of memory that the kernel manages: MemTotal of /proc/meminfo."""
    page = KernelSurroundings(kernel).page_size
    if not page:
        raise CorruptDataError("the size of a page is not known")
    return int(value_at(kernel, "atomic_long_t", "_totalram_pages").counter) * page


def taint(kernel: Context) -> int:
    """Return the reasons for which reports of this kernel count less, bit by bit."""
    return int(find_global(kernel, "tainted_mask"))


def taint_names(mask: int) -> list[str]:
    """Return the names of the bits of `taint()`; what has no name is one number."""
    names = table("taint").names
    known = [(bit, name) for bit, name in sorted(names.items()) if mask & bit]
    rest = mask & ~sum(bit for bit, _ in known)
    told = [name.removeprefix("TAINT_") for _, name in known]
    return [*told, f"{rest:#x}"] if rest else told


def panic(kernel: Context) -> str | None:
    """Return the last panic that the kernel logged, or else oops or BUG; None if it logged none."""
    stopped = wrong = None
    for one in read_log(kernel):
        for text in (one.text or "").split("\n") if not isinstance(one, Note) else ():
            if found := _PANIC.match(text):
                is_second = (found[1] or "").startswith(_FATAL) and wrong
                stopped = f"{wrong} ({text})" if is_second else text
            elif _OOPS.match(text):
                wrong = text
    return stopped or wrong


def crashing_cpu(kernel: Context) -> int | None:
    """Return the CPU that stopped the kernel, None if none did.

    That is `panic_cpu` (kernel/panic.c), or on x86 `crashing_cpu`: a kernel that is made to dump
    without a panic has only that.
    """
    errors = []
    for name, path in (("panic_cpu", "counter"), ("crashing_cpu", "")):
        try:
            value = find_global(kernel, name)
            cpu = int(value.member_(path) if path else value)
        except BtfdumpError as error:
            errors.append(error)
            continue
        if cpu >= 0:
            return cpu
    if len(errors) == 2:
        raise errors[0]
    return None


def crashing_task(kernel: Context) -> dict[str, Any] | None:
    """Return the task that ran on the CPU that stopped the kernel: its pid, comm and address."""
    cpu = crashing_cpu(kernel)
    if cpu is None:
        return None
    task = running_on(kernel, cpu)
    return {"pid": int(task.pid), "comm": task.comm.string_(), "task": f"{task.address_:#x}"}


ITEMS: dict[str, Callable[[Context], Any]] = {
    "release": _uts("release"),
    "version": _uts("version"),
    "machine": _uts("machine"),
    "hostname": _uts("nodename"),
    "cmdline": command_line,
    "cpus": _cpus("__cpu_possible_mask"),
    "online": _cpus("__cpu_online_mask"),
    "boot_time": boot_time,
    "uptime": uptime,
    "load": load,
    "memory": memory,
    "tainted": taint,
    "panic": panic,
    "crashing_cpu": crashing_cpu,
    "crashing_task": crashing_task,
}
"""By name what is told of a system: each raises `BtfdumpError` for what cannot be found out."""
