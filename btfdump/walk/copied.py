"""CopiedChain: a list as a target that can follow it inside the kernel hands it out.

Elements that are copied together, under one rcu_read_lock(), are elements: what RCU frees is not
freed, and used again, before all are copied. A reader from outside may follow a pointer to what was
an element a moment ago. Lists change all the same, so the walkers check copies as they check reads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from btfdump.target import ChainMemory
    from btfdump.walk import Head


def copied(head: Head, *, stop: int) -> Head:
    """Return the head with a memory that copies elements ahead, if its memory can.

    For heads whose first pointer, and links whose next pointer, is their first member. The last
    pointer of the chain is `stop`.
    """
    if not head.element_size or not hasattr(type(head.memory), "copy_chain"):
        return head
    chain = CopiedChain(
        head.memory,  # type: ignore[arg-type]
        head.address,
        stop,
        head.link_offset,
        head.element_size,
    )
    return replace(head, memory=chain)


class CopiedChain:
    """A `Memory` for one walk: whole elements come from copies, anything else is read.

    A copy is handed out once; whoever reads an element again sees it as it is by then. Reading the
    head begins anew.
    """

    def __init__(
        self, memory: ChainMemory, head: int, stop: int, link_offset: int, element_size: int
    ) -> None:
        self._memory = memory
        self._head = head
        self._stop = stop
        self._link_offset = link_offset
        self._size = element_size
        self._begin()

    def _begin(self) -> None:
        self._holder = self._head
        self._copies: dict[int, bytes] = {}
        self._is_over = False

    def read(self, address: int, size: int) -> bytes:
        """Read `size` bytes at virtual `address`; raises `FaultError`."""
        if size != self._size:
            if address == self._head:
                self._begin()
            return self._memory.read(address, size)
        if not self._copies and not self._is_over:
            self._copy()
        data = self._copies.pop(address, None)
        return self._memory.read(address, size) if data is None else data

    def _copy(self) -> None:
        copied = self._memory.copy_chain(
            self._holder, self._stop, self._size, link_offset=self._link_offset
        )
        self._copies = {link - self._link_offset: data for link, data in copied}
        self._is_over = not copied
        if copied:
            self._holder = copied[-1][0]
