"""Lists whose elements are copied inside the kernel, if the memory can do that.

Elements copied together, under one rcu_read_lock(), are certain to be elements: what RCU frees is
neither freed nor used again before all are copied. A reader from outside may follow a pointer to
what was an element a moment ago. Lists change all the same, so the walkers check copies as they
check reads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from btfdump._walk import Head

if TYPE_CHECKING:
    from btfdump._targets.memory import ChainMemory


def copied(head: Head, *, stop: int) -> Head:
    """Return a head that copies elements ahead, if its memory can; it serves one walk.

    This is for heads whose first pointer, and links whose next pointer, is their first member.
    `stop` is the last pointer of the chain.
    """
    if not head.element_size or not hasattr(type(head.memory), "copy_chain"):
        return head
    values = (getattr(head, field.name) for field in fields(Head))
    return _CopiedHead(*values, origin=head, copies=_Copies(head, stop))


@dataclass(frozen=True, slots=True, kw_only=True)
class _CopiedHead(Head):
    """A head whose elements come from copies; what is not among them, `origin` reads."""

    origin: Head
    copies: _Copies

    def read_node(self, link: int, size: int) -> tuple[bytes | None, bytes]:
        """Return (the element's bytes, the link's bytes), as `Head.read_node()` does."""
        data = self.copies.take(link)
        if data is None:
            return self.origin.read_node(link, size)
        return data, data[self.link_offset : self.link_offset + size]


class _Copies:
    """The copied elements of one list, each of which is handed out once."""

    def __init__(self, head: Head, stop: int) -> None:
        self._memory: ChainMemory = head.memory  # type: ignore[assignment]
        self._size = head.element_size
        self._link_offset = head.link_offset
        self._stop = stop
        self._holder = head.address
        self._copies: dict[int, bytes] = {}
        self._is_over = False

    def take(self, link: int) -> bytes | None:
        """Return the element around `link` if it is the next one or has been copied already."""
        if not self._copies and not self._is_over:
            self._copy()
        return self._copies.pop(link, None)

    def _copy(self) -> None:
        copied = self._memory.copy_chain(
            self._holder, self._stop, self._size, link_offset=self._link_offset
        )
        self._copies = dict(copied)
        self._is_over = not copied
        if copied:
            self._holder = copied[-1][0]
