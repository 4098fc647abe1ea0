"""Dentries: the names that the kernel has for files, each read once (include/linux/dcache.h).

A dentry is read as a whole, and its name with it: a short one is kept inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump.errors import CorruptDataError, FaultError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context

NAME_MAX = 255
"""Bytes of the longest name of a file (include/uapi/linux/limits.h)."""
MAX_KNOWN = 1 << 14
"""The most dentries that are remembered."""


class Dentry(NamedTuple):
    """What one `struct dentry` says; `inode`, `operations` and the like are addresses, or 0."""

    address: int
    parent: int
    name: int
    length: int
    is_hashed: bool
    inode: int
    operations: int
    super_block: int
    fsdata: int
    data: bytes

    @property
    def is_root(self) -> bool:
        """Whether it is the root of a tree: IS_ROOT(), its own parent."""
        return self.parent == self.address

    @property
    def is_unlinked(self) -> bool:
        """Whether its file was deleted: d_unlinked()."""
        return not (self.is_hashed or self.is_root)


class Dentries:
    """Reads the dentries of one kernel, and remembers those it has read."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._known: dict[int, Dentry] = {}
        self._names: dict[int, bytes] = {}
        self._numbers: dict[tuple[int, int], int] = {}

    def read(self, address: int) -> Dentry:
        """Return the `struct dentry` at a virtual address; raises `FaultError`."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
                self._names.clear()
            found = self._known[address] = self._read(address)
        return found

    def _read(self, address: int) -> Dentry:
        if not address:
            raise FaultError(0, 0, "there is no dentry: NULL (struct dentry *)")
        shape = self.context.struct("dentry")
        data = self.context.target.read(address, shape.size)
        return Dentry(
            address,
            shape.integer(data, "d_parent"),
            shape.integer(data, "d_name.name"),
            shape.integer(data, "d_name.len"),
            shape.integer(data, "d_hash.pprev") != 0,
            shape.integer(data, "d_inode"),
            shape.integer(data, "d_op"),
            shape.integer(data, "d_sb"),
            shape.integer(data, "d_fsdata"),
            data,
        )

    def name(self, dentry: Dentry) -> bytes:
        """Return a dentry's name; raises `FaultError`, and `CorruptDataError` for what is none."""
        found = self._names.get(dentry.address)
        if found is None:
            found = self._names[dentry.address] = self._name(dentry)
        return found

    def _name(self, dentry: Dentry) -> bytes:
        if dentry.length > NAME_MAX:
            raise CorruptDataError(
                f"the dentry at {dentry.address:#x} has a name of {dentry.length} bytes; expected "
                f"at most {NAME_MAX}",
                dentry.address,
            )
        start = dentry.name - dentry.address
        if 0 <= start <= len(dentry.data) - dentry.length:
            name = dentry.data[start : start + dentry.length]
        else:
            name = self.context.target.read(dentry.name, dentry.length) if dentry.length else b""
        if b"\0" in name:
            raise CorruptDataError(
                f"the name of the dentry at {dentry.address:#x} has a NUL in it: {name!r}",
                dentry.address,
            )
        return name

    def number(self, struct: str, member: str, address: int) -> int:
        """Return an integer or pointer member of the `struct` at a virtual address, read once.

        Raises `FaultError`.
        """
        shape = self.context.struct(struct)
        if not address:
            raise FaultError(0, 0, f"{member} is asked of NULL (struct {struct} *)")
        place = self.context.wrap(address + shape.offset(member))
        key = place, shape.sizeof(member)
        found = self._numbers.get(key)
        if found is None:
            if len(self._numbers) >= MAX_KNOWN:
                self._numbers.clear()
            data = self.context.target.read(*key)
            byteorder = self.context.target.platform.byteorder
            found = self._numbers[key] = int.from_bytes(data, byteorder)
        return found
