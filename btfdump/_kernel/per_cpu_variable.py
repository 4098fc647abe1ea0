"""Per-CPU variables before a CPU is chosen: a place in every CPU's area, but none in memory.

What the kernel's image has at the address of such a variable is a template that every CPU's area
was copied from; it is freed at the end of the boot, and its memory used for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from btfdump._kernel.value import Value
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from btfdump._annotate.facts import Expansion


class PerCpuVariable(Value):
    """A per-CPU variable, or a member of one: `Kernel.per_cpu()` returns one CPU's instance of it.

    It has a type and an address, members have theirs, and nothing of it can be read: what would
    read it raises `FaultError`.
    """

    __slots__ = ()

    _is_of_no_cpu_ = True

    def bytes_(self) -> bytes:
        """Raise `FaultError`: no CPU has been chosen."""
        self._refuse()

    def _span_(self, offset: int, size: int) -> bytes:
        del offset, size
        self._refuse()

    def _holder_(self, expansion: Expansion | None) -> Value:
        del expansion
        self._refuse()

    def _part(self, *args: Any, **named: Any) -> Value:
        return PerCpuVariable._like_(super()._part(*args, **named))

    def _refuse(self) -> NoReturn:
        outer: Value = self
        path: list[str] = []
        while outer._outer_ is not None:
            path.append(outer._outer_[1])
            outer = outer._outer_[0]
        where = f"({outer.type_} at {outer.address_:#x})"
        name = self._context_.symbolize(outer.address_) or where
        raise FaultError(
            self.address_,
            0,
            f"{'.'.join((name, *reversed(path)))} is per-CPU: say of which CPU it is to be read, "
            "as kernel.per_cpu(variable, 0)",
        )
