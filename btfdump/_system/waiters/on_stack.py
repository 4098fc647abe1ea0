"""What lies on the kernel stack of a task that sleeps: the words that are the task itself.

The entry of a task in a queue names the task: `struct mutex_waiter` and its like, and `struct
wait_queue_entry`. Below the stack pointer nothing counts, and above it anything may lie: only what
is linked in a list, both ways, is believed.
"""

from __future__ import annotations

from struct import unpack
from typing import TYPE_CHECKING, NamedTuple

from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._places.stacks import Stacks

_MOST_ENTRIES = 1 << 16


class Words(NamedTuple):
    """The words of a kernel stack that count: the first lies at `start`, at the stack pointer."""

    start: int
    words: tuple[int, ...]

    def places_of(self, number: int, width: int) -> Iterator[int]:
        """Yield the addresses of the words that are a number."""
        at = -1
        while True:
            try:
                at = self.words.index(number, at + 1)
            except ValueError:
                return
            yield self.start + at * width


def words_of(kernel: Context, stacks: Stacks, stack: int, pointer: int) -> Words | None:
    """Return what counts of a stack at an address, down to a stack pointer; None for nothing.

    Raises `FaultError`.
    """
    width = kernel.layouts.pointer_size
    if pointer % width or not stack <= pointer < stack + stacks.size:
        return None
    data = kernel.target.read(pointer, stack + stacks.size - pointer)
    order = "<" if kernel.layouts.byteorder == "little" else ">"
    code = "Q" if width == 8 else "I"
    return Words(pointer, unpack(f"{order}{len(data) // width}{code}", data))


class Memory:
    """Reads pointers, and rings of `struct list_head`."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        self._width = kernel.layouts.pointer_size

    def pointer(self, address: int) -> int:
        """Return the pointer at an address; raises `FaultError`."""
        data = self._kernel.target.read(self._kernel.wrap(address), self._width)
        return int.from_bytes(data, self._kernel.layouts.byteorder)

    def ring(self, node: int) -> list[int] | None:
        """Return the nodes of a ring of lists, the given one first; None if it is none.

        Every node must be what the one behind it calls the one before.
        """
        found = [node]
        try:
            while True:
                following = self.pointer(found[-1])
                if self.pointer(following + self._width) != found[-1]:
                    return None
                if following == node:
                    return found
                found.append(following)
                if len(found) > _MOST_ENTRIES:
                    return None
        except FaultError:
            return None
