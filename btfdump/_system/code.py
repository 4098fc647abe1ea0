"""What code an address is in: the kernel's, a module's, or what the kernel has written itself."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context

BPF, FTRACE = "bpf", "ftrace"
"""What stands in place of a module's name: code that the kernel has written for these."""
_MOST = 1 << 16


class Code(NamedTuple):
    """A place in code: the function's name, the offset in it in bytes, and the module's name.

    `module` is "" for the kernel itself, and `BPF` or `FTRACE` for what it wrote itself. `name` is
    "" if only the module is known.
    """

    name: str
    offset: int
    module: str

    @property
    def has_unwind_data(self) -> bool:
        """Whether it was compiled, so that there may be data on how its frames look."""
        return self.module not in (BPF, FTRACE)


class CodeNames:
    """Names code of one kernel."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._known: dict[int, Code | None] = {}

    def of(self, pc: int, *, is_interrupted: bool = False) -> Code | None:
        """Return what code an address is in, None if that is not known.

        Unless a frame was interrupted, its address is behind a call, which may be the last
        instruction of a function: the one before it counts.
        """
        at = pc if is_interrupted else pc - 1
        if at not in self._known:
            self._known[at] = self._find(at)
        found = self._known[at]
        if found is None or is_interrupted:
            return found
        return found._replace(offset=found.offset + 1)

    def _find(self, address: int) -> Code | None:
        written = self._written_at(address)
        if written is not None:
            return written
        text = self._kernel.symbolize(address)
        if text is None:
            return None
        named, _, module = text.removesuffix("]").partition("[")
        name, _, offset = named.strip().partition("+0x")
        return Code(name, int(offset or "0", 16), module)

    def _written_at(self, address: int) -> Code | None:
        ranges = self._written
        at = bisect_right(ranges, (address, 1 << 64, "", "")) - 1
        if at < 0 or address >= ranges[at][1]:
            return None
        start, _, name, module = ranges[at]
        return Code(name, address - start, module)

    @cached_property
    def _written(self) -> list[tuple[int, int, str, str]]:
        """Start, end, name and kind of all code that the kernel has written, by address."""
        found: list[tuple[int, int, str, str]] = []
        for read in (self._of_bpf, self._of_ftrace):
            try:
                found += islice(read(), _MOST)
            except BtfdumpError:  # it has none, or its list ends where it is damaged
                continue
        return sorted(found)

    def _of_bpf(self) -> Iterator[tuple[int, int, str, str]]:
        """Yield programs, trampolines and dispatchers (kernel/bpf/core.c: `bpf_kallsyms`)."""
        for one in find_global(self._kernel, "bpf_kallsyms").walk_():
            yield int(one.start), int(one.end), one.name.string_(), BPF

    def _of_ftrace(self) -> Iterator[tuple[int, int, str, str]]:
        """Yield trampolines of ftrace (kernel/trace/ftrace.c: `ftrace_ops_trampoline_list`)."""
        for one in find_global(self._kernel, "ftrace_ops_trampoline_list").walk_():
            start = int(one.trampoline)
            yield start, start + int(one.trampoline_size), "ftrace_trampoline", FTRACE
