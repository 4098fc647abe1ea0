"""What meanings need of a kernel: its clock, its own names of flags, its tasks."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._decode.layout import Layouts
    from btfdump._kernel.services import Slabs
    from btfdump._targets.memory import ByteOrder, Target
    from btfdump._walk.structs import KernelStruct

    class Found(Protocol):
        """The kernel, as far as it is needed here."""

        target: Target
        layouts: Layouts

        @property
        def _slabs(self) -> Slabs | None:
            """The finder of slab objects by address."""

        def struct(self, name: str) -> KernelStruct:
            """Return the member offsets of one of its structs."""

        def own_symbol(self, name: str) -> int:
            """Return the virtual address of one of its symbols."""


_MAX_FLAGS = 256
_MAX_NAME = 64
_MAX_STATES = 32
_NS = 1_000_000_000
_PAGES = {"x86_64": 4096, "s390x": 4096, "i686": 4096}
"""Architectures that have pages of one size."""


class KernelSurroundings:
    """Looks things up in one kernel when they are first needed; `meaning.Surroundings`."""

    def __init__(self, context: Found) -> None:
        self._context = context
        self._names: dict[str, Mapping[int, str]] = {}
        self._letters: dict[str, str] = {}

    @property
    def byteorder(self) -> ByteOrder:
        """The byte order of its numbers."""
        return self._context.layouts.byteorder

    @property
    def machine(self) -> str:
        """The architecture's name as `uname -m` gives it."""
        return self._context.target.platform.machine

    @cached_property
    def page_size(self) -> int:
        """Bytes of a page, 0 if that is not known.

        Where an architecture has pages of several sizes, a BPF ring buffer tells: the consumer's
        position has a page of its own, after the first.
        """
        known = _PAGES.get(self._context.target.platform.machine, 0)
        if known:
            return known
        try:
            return self._context.struct("bpf_ringbuf").offset("consumer_pos")
        except (BtfdumpError, LookupError):
            return 0

    @cached_property
    def cpus(self) -> int:
        """How many CPUs are possible, 0 if that is not known."""
        try:
            return len(self._context.target.per_cpu_offsets)
        except BtfdumpError:
            return 0

    def hz(self) -> int | None:
        """Return how many jiffies a second has."""
        return self._hz

    @cached_property
    def _hz(self) -> int | None:
        """HZ is nowhere, but the clock source that counts jiffies says how long one of them is.

        kernel/time/jiffies.c: `clocksource_jiffies.mult` is TICK_NSEC << JIFFIES_SHIFT.
        """
        context = self._context
        try:
            address = context.own_symbol("clocksource_jiffies")
            clock = context.struct("clocksource")
            mult = self._number(address + clock.offset("mult"), 4)
            shift = self._number(address + clock.offset("shift"), 4)
        except (BtfdumpError, LookupError):
            return None
        tick = mult >> shift if shift < 32 else 0
        return (_NS + tick // 2) // tick if tick else None

    def jiffies(self) -> int | None:
        """Return the moment at which the kernel was stopped, in jiffies."""
        try:
            return self._number(self._context.own_symbol("jiffies_64"), 8)
        except BtfdumpError:
            return None

    def monotonic(self) -> int | None:
        """Return the moment at which the kernel was stopped, in nanoseconds since its start.

        That is when it last counted jiffies, at most a tick before, or several if all CPUs were
        idle: `last_jiffies_update` (kernel/time/tick-sched.c), which only ticks on demand keep.
        """
        try:
            moment = self._number(self._context.own_symbol("last_jiffies_update"), 8)
        except BtfdumpError:
            return None
        return moment or None

    def _number(self, address: int, size: int) -> int:
        return int.from_bytes(self._context.target.read(address, size), self.byteorder)

    def flag_names(self, symbol: str) -> Mapping[int, str]:
        """Return mask -> name in the kernel's order; {} if its table is not there or not whole.

        `symbol` is an array of `struct trace_print_flags` that ends with one without a name.
        """
        known = self._names.get(symbol)
        if known is None:
            try:
                known = self._read_names(symbol)
            except (BtfdumpError, LookupError, UnicodeDecodeError):
                known = {}
            self._names[symbol] = known
        return known

    def _read_names(self, symbol: str) -> Mapping[int, str]:
        context = self._context
        pair = context.struct("trace_print_flags")
        width = context.layouts.pointer_size
        mask, name, size = pair.offset("mask"), pair.offset("name"), pair.size
        start = context.own_symbol(symbol)
        found: dict[int, str] = {}
        for address in range(start, start + _MAX_FLAGS * size, size):
            data = context.target.read(address, size)
            pointer = int.from_bytes(data[name : name + width], self.byteorder)
            if not pointer:
                break
            bits = int.from_bytes(data[mask : mask + width], self.byteorder)
            text = context.target.read(pointer, _MAX_NAME).split(b"\0", 1)[0]
            found.setdefault(bits, text.decode("ascii"))
        found.pop(0, None)
        return found

    def state_letters(self, symbol: str) -> str:
        """Return the initials of the words in an array of C strings, "" if it cannot be read.

        That is `task_state_array` (fs/proc/array.c): "R (running)", "S (sleeping)", ...
        """
        known = self._letters.get(symbol)
        if known is None:
            known = self._letters[symbol] = "".join(self._read_letters(symbol))
        return known

    def _read_letters(self, symbol: str) -> Iterator[str]:
        context, width = self._context, self._context.layouts.pointer_size
        try:
            start = context.target.symbol(symbol)  # quicker than one whose code or data counts
            for address in range(start, start + _MAX_STATES * width, width):
                text = context.target.read(self._number(address, width), 3)
                if text[1:] != b" (":
                    break
                yield chr(text[0])
        except BtfdumpError:  # what follows the array is anything
            return

    def pid(self, number: int) -> str:
        """Return the name (`comm`) of the task of a pid in the initial namespace, "" for none."""
        from btfdump._kernel.pid_lookup import comm_of  # few values are pids that are asked for

        return comm_of(self._context, number)

    def task(self, address: int) -> str:
        """Return which task a `struct task_struct` at a virtual address is: `"init" pid 1`.

        "" if that cannot be read, or if something else is there.
        """
        context = self._context
        try:
            slabs = context._slabs
            found = slabs.find(address) if slabs is not None else None
            if found is not None and (found.start, found.cache.name) != (address, "task_struct"):
                return ""
            task = context.struct("task_struct")
            comm = context.target.read(address + task.offset("comm"), 16).split(b"\0", 1)[0]
            pid = self._number(address + task.offset("pid"), 4)
        except (BtfdumpError, LookupError):
            return ""
        name = comm.decode("utf-8", "surrogateescape")
        return f'"{name}" pid {pid}' if name else ""

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at a virtual address, b"" if they cannot be read."""
        try:
            return self._context.target.read(address, size)
        except BtfdumpError:
            return b""
