"""What values mean: the bits of flags, moments, device numbers, addresses.

BTF says that `i_mode` is an unsigned short and no more. What it means is stated by annotations, and
a `Meaning` turns values into the words for it. Nothing here reads a kernel: what is needed of one
comes through `Surroundings`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal


class Meaning:
    """What the values of one scalar, array or struct mean; `name` is as annotations have it.

    `text(value)` says it of an integer, `of_bytes(data)` of the bytes of an array or a struct, and
    `names(value)` lists the bits of flags; each returns nothing for a value that means nothing. The
    value itself is shown in `base` 8, 10 or 16. `known()` returns the names that there are for
    values or bits. What `is_lasting` holds for as long as a kernel is
    open; else it depends on memory that may change. What `is_folded` is of interest to few: it
    takes one line of a tree.
    """

    # No dataclass: making one takes longer than any command needs for its meanings.
    __slots__ = ("base", "is_folded", "is_lasting", "known", "name", "names", "of_bytes", "text")

    def __init__(
        self,
        name: str,
        text: Callable[[int], str] | None = None,
        of_bytes: Callable[[bytes], str] | None = None,
        names: Callable[[int], list[str]] | None = None,
        base: int = 10,
        is_lasting: bool = True,
        is_folded: bool = False,
        known: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        self.name = name
        self.text = text
        self.of_bytes = of_bytes
        self.names = names
        self.base = base
        self.is_lasting = is_lasting
        self.is_folded = is_folded
        self.known = known

    def number(self, value: int) -> str:
        """Return a value as C would write it, in this base."""
        if self.base == 16:
            return hex(value)
        if self.base == 8:
            return f"0{value:o}" if value >= 0 else f"-0{-value:o}"
        return str(value)


class Surroundings(Protocol):
    """What meanings need of a kernel. Each may be unknown: None, "", or nothing."""

    @property
    def byteorder(self) -> Literal["little", "big"]:
        """The byte order of its numbers."""

    @property
    def machine(self) -> str:
        """The architecture's name as `uname -m` gives it: some macros have other values there."""

    @property
    def page_size(self) -> int:
        """Bytes of a page."""

    @property
    def cpus(self) -> int:
        """How many CPUs are possible: what a cpumask has beyond them was never written."""

    def hz(self) -> int | None:
        """Return how many jiffies a second has."""

    def jiffies(self) -> int | None:
        """Return the moment at which the kernel was stopped, in jiffies."""

    def flag_names(self, symbol: str) -> Mapping[int, str]:
        """Return mask -> name, from a table of the kernel's own (`struct trace_print_flags[]`)."""

    def state_letters(self, symbol: str) -> str:
        """Return the initials of the words in a table of the kernel's, for 0, bit 0, bit 1, ..."""

    def pid(self, number: int) -> str:
        """Return the name (`comm`) of the task of a pid in the initial namespace, "" for none."""

    def task(self, address: int) -> str:
        """Return which task a `struct task_struct` at a virtual address is: `"init" pid 1`."""

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at a virtual address, b"" if they cannot be read."""
