"""ORC: how the frames of the kernel's code look, instruction by instruction.

Mirrors arch/x86/include/asm/orc_types.h and arch/x86/kernel/unwind_orc.c. Two arrays belong
together: where code begins that has frames of one kind, as offsets from the array itself, sorted
when the kernel starts, and what kind that is.
"""

from __future__ import annotations

import sys
from array import array
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.compiled.projection import compile_reader
from btfdump._decode.layout import StructLayout
from btfdump._kernel.modules import ranges_of
from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError, CorruptDataError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from btfdump._kernel.context import Context

UNDEFINED, END, CALL, REGS, PARTIAL = range(5)
"""What a frame is, as kernels since 6.4 number it."""


class Register(IntEnum):
    """What ORC data call registers, as kernels since 7.1 number them."""

    UNDEFINED, AX, DX, SP, BP, DI, R10, R13, PREV_SP, SP_INDIRECT, BP_INDIRECT = range(11)


# Until 1735858caa4b ("objtool/x86: Reorder ORC register numbering", in 7.1).
_FORMER = dict(
    enumerate(
        (
            *(Register.UNDEFINED, Register.PREV_SP, Register.DX, Register.DI, Register.BP),
            *(Register.SP, Register.R10, Register.R13, Register.BP_INDIRECT, Register.SP_INDIRECT),
        )
    )
)
_SOME_FUNCTION = "schedule"
"""A function: at its first instruction, where it was called is found by SP."""
_MOST = 1 << 24
_TEXT = ("_stext", "_etext")
_INIT_TEXT = ("_sinittext", "_einittext")
_MOST_MODULES = 1 << 16


class Orc(NamedTuple):
    """How a frame looks: `sp_register` and `sp_offset` lead to where the stack was at the call.

    `kind` is one of the numbers above. `is_signal` says that the one before was interrupted.
    """

    sp_offset: int
    bp_offset: int
    sp_register: Register
    bp_register: Register
    kind: int
    is_signal: bool


class OrcTables:
    """The ORC data of one kernel and of its modules."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        layout = kernel.layouts.of(kernel.own_type("struct orc_entry"))
        if not isinstance(layout, StructLayout):
            raise CorruptDataError("struct orc_entry is no struct")
        struct = kernel.struct("orc_entry")
        self._size = layout.size
        # Until fb799447ae29 ("x86,objtool: Split UNWIND_HINT_EMPTY in two", in 6.4) `end` was a
        # bit of its own, and kinds were numbered from CALL on; `signal` came in 6.3.
        self._has_end, self._has_signal = "end" in struct, "signal" in struct
        names = ["sp_offset", "bp_offset", "sp_reg", "bp_reg", "type"]
        names += ["end"] * self._has_end + ["signal"] * self._has_signal
        self._decode = compile_reader(kernel.layouts, layout, names)
        self._known: dict[int, Orc | None] = {}
        start, stop = map(kernel.own_symbol, ("__start_orc_unwind_ip", "__stop_orc_unwind_ip"))
        self._main = _Table(
            kernel, start, (stop - start) // 4, kernel.own_symbol("__start_orc_unwind")
        )
        self._text = [*self._ranges(_TEXT), *self._ranges(_INIT_TEXT)]
        self._numbering = self._numbered()

    def _numbered(self) -> dict[int, Register]:
        """Return which number stands for which register, as nothing but the data tells.

        Raises `CorruptDataError`.
        """
        start = self._kernel.own_symbol(_SOME_FUNCTION)
        number = self._raw(start, self._main)[2]
        for known in (dict(enumerate(Register)), _FORMER):
            if known.get(number) == Register.SP:
                return known
        raise CorruptDataError(
            f"the ORC data of {_SOME_FUNCTION}() name register {number}, which is not SP", start
        )

    def _ranges(self, names: tuple[str, str]) -> Iterator[tuple[int, int]]:
        try:
            start, end = map(self._kernel.own_symbol, names)
        except BtfdumpError:
            return
        yield start, end

    def at(self, address: int) -> Orc | None:
        """Return how a frame looks at an instruction, None if it is in no code that has data.

        Raises `FaultError` and `CorruptDataError`.
        """
        if address not in self._known:
            self._known[address] = self._find(address)
        return self._known[address]

    def _find(self, address: int) -> Orc | None:
        table = self._table_of(address)
        if table is None or table.position(address) < 0:
            return None
        sp_offset, bp_offset, sp, bp, kind, *more = self._raw(address, table)
        if self._has_end:
            is_signal = bool(more[1]) if self._has_signal else kind != 0
            if more[0]:
                kind = END
            elif not sp:
                kind = UNDEFINED
            else:
                kind += CALL
        else:
            is_signal = bool(more[0]) if self._has_signal else kind in (REGS, PARTIAL)
        known = self._numbering
        if sp not in known or bp not in known:
            raise CorruptDataError(f"ORC data name the registers {sp} and {bp}", address)
        return Orc(sp_offset, bp_offset, known[sp], known[bp], kind, is_signal)

    def _raw(self, address: int, table: _Table) -> tuple[Any, ...]:
        """Return the members of the entry of a table for an address."""
        entry = self._kernel.wrap(table.entries + table.position(address) * self._size)
        return self._decode(self._kernel.target.read(entry, self._size))

    def _table_of(self, address: int) -> _Table | None:
        if any(start <= address < end for start, end in self._text):
            return self._main
        for start, end, table in self._modules:
            if start <= address < end:
                return table
        return None

    @cached_property
    def _modules(self) -> list[tuple[int, int, _Table]]:
        """The memory of modules that have ORC data, with those."""
        found: list[tuple[int, int, _Table]] = []
        try:
            for number, module in enumerate(find_global(self._kernel, "modules").walk_()):
                if number == _MOST_MODULES:
                    break
                arch: Any = module.arch
                count = int(arch.num_orcs)
                if count:
                    starts, entries = int(arch.orc_unwind_ip), int(arch.orc_unwind)
                    table = _Table(self._kernel, starts, count, entries)
                    found += [(start, end, table) for start, end in ranges_of(module)]
        except BtfdumpError:  # no modules, or no more that can be found
            pass
        return found


class _Table:
    """An array of offsets of code, and where what it says of that begins."""

    def __init__(self, kernel: Context, start: int, count: int, entries: int) -> None:
        if not 0 < count <= _MOST:
            raise CorruptDataError(
                f"ORC data are said to have {count:,} entries; expected at most {_MOST:,}", start
            )
        self._kernel = kernel
        self._start, self._count = start, count
        self.entries = entries

    @cached_property
    def _offsets(self) -> array[int]:
        found = array("i", self._kernel.target.read(self._start, 4 * self._count))
        if sys.byteorder != self._kernel.target.platform.byteorder:
            found.byteswap()
        return found

    def _code(self, position: int) -> int:
        return self._start + 4 * position + self._offsets[position]

    def position(self, address: int) -> int:
        """Return the position of the last entry at or before an address, -1 if there is none."""
        low, high = 0, self._count
        while low < high:
            middle = (low + high) // 2
            if self._code(middle) <= address:
                low = middle + 1
            else:
                high = middle
        return low - 1


def tables_of(kernel: Context) -> OrcTables:
    """Return the ORC data of a kernel; raises `MissingDataError` if it has none."""
    try:
        return OrcTables(kernel)
    except CorruptDataError:
        raise
    except BtfdumpError as error:
        raise MissingDataError(
            f"the kernel has no ORC data, or they are not found: {error}",
            "a kernel that was built with CONFIG_UNWINDER_ORC has them",
        ) from error
