"""Paths of files, dentries, mounts and cgroups, spelled as the kernel spells them.

Mirrors fs/d_path.c and kernfs_path_from_node() (fs/kernfs/dir.c). A path leads upwards: from a
dentry to its parent, from the root of a mount to where that is mounted. What is asked is the same
everywhere; what moved is found by the BTF: `d_name` and `f_path` in unions (in 7.3), and the parent
of a kernfs node under the name `__parent` (in 6.18).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from btfdump._decode.layout import StructLayout
from btfdump._kernel.d_dname import has_own_name, own_name
from btfdump._kernel.dcache import MAX_KNOWN, NAME_MAX, Dentries
from btfdump._kernel.pointers import MAX_POINTERS, read_string
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.typed import TypedAddress

_Step: TypeAlias = tuple[int, int]
"""Two addresses: of a dentry or node, and of the `struct vfsmount` that it was met in."""

MAX_STEPS = 1 << 12
"""The most names and mounts in one path: PATH_MAX bytes have room for half as many."""
_EINVAL = 22
_ERRNO = 4095  # MAX_ERRNO: pointers above are errors (include/linux/err.h)


class Mount(NamedTuple):
    """What one `struct mount` says; `root` and `mountpoint` are dentries, `parent` a mount."""

    parent: int
    mountpoint: int
    root: int
    super_block: int
    namespace: int


class Paths:
    """Reads the paths of one kernel: each dentry and each mount once, until `forget()`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.forget()

    def forget(self) -> None:
        """Forget what was read: the memory of a running kernel has changed since."""
        self._dentries = Dentries(self._context)
        self._mounts: dict[int, Mount] = {}
        self._paths: dict[_Step, bytes] = {}
        self._nodes: dict[int, tuple[int, bytes]] = {}
        self._start: tuple[int, int] | None = None
        self._is_start_known = False

    def of(self, value: TypedAddress) -> str:
        """Return the path of a value, as `Value.path_()` does and with the same errors."""
        for _ in range(MAX_POINTERS):
            if not value.is_pointer_:
                break
            value = value.deref_()
        layout = value._layout_
        find = _OF.get(layout.base.name) if isinstance(layout, StructLayout) else None
        if find is None:
            raise TypeError(f"{value.type_} has no path; expected one of struct {', '.join(_OF)}")
        return find(self, value).decode("utf-8", "surrogateescape")

    # By type

    def _of_file(self, file: TypedAddress) -> bytes:
        start = self._context.struct("file").offset("f_path")
        return self._path_in(file.bytes_()[start:])

    def _of_path(self, path: TypedAddress) -> bytes:
        return self._path_in(path.bytes_())

    def _path_in(self, data: bytes) -> bytes:
        """Return the path that the bytes of a `struct path` tell."""
        shape = self._context.struct("path")
        dentry, mnt = step = shape.integer(data, "dentry"), shape.integer(data, "mnt")
        found = self._paths.get(step)
        if found is None:
            if len(self._paths) >= MAX_KNOWN:
                self._paths.clear()
            found = self._paths[step] = self._d_path(mnt, dentry)
        return found

    def _of_mount(self, mount: TypedAddress) -> bytes:
        return self._of_vfsmount(mount.member_("mnt"))

    def _of_vfsmount(self, mount: TypedAddress) -> bytes:
        address = mount.address_
        if self._is_internal(self._mount(address)):
            return b"(unreachable)/"  # what is in it has a path, but it is mounted nowhere
        return self._d_path(address, int(mount.member_("mnt_root")))

    def _of_dentry(self, value: TypedAddress) -> bytes:
        """Mirror dentry_path(): from the root of the file system, whatever is mounted where.

        A dentry that no lookup can find, such as that of a pipe, is a root without a name: d_path()
        says what it is.
        """
        dentry = self._dentries.read(value.address_)
        if dentry.is_root and has_own_name(self._dentries, dentry):
            root = self._dentries.number("super_block", "s_root", dentry.super_block)
            if root != dentry.address:
                return own_name(self._dentries, dentry)
        end = b"//deleted" if dentry.is_unlinked else b""
        names: list[bytes] = []
        seen: set[_Step] = set()
        while not dentry.is_root:
            _step(seen, dentry.address)
            names.append(self._dentries.name(dentry))
            dentry = self._dentries.read(dentry.parent)
        return _joined(names) + end

    def _of_cgroup(self, cgroup: TypedAddress) -> bytes:
        """Mirror cgroup_path(): from the root of its hierarchy."""
        return self._kernfs_path(int(cgroup.member_("kn")))

    def _of_kernfs_node(self, node: TypedAddress) -> bytes:
        return self._kernfs_path(node.address_)

    # The kernel's functions

    def _d_path(self, mnt: int, dentry: int) -> bytes:
        """Mirror d_path(), for a `struct vfsmount` and a `struct dentry` in it by address."""
        here = self._dentries.read(dentry)
        if has_own_name(self._dentries, here):
            mount = self._mount(mnt)
            if not here.is_root or mount.root != dentry or self._is_failfs(mount):
                return own_name(self._dentries, here)
        names, is_reachable = self._prepend_path(mnt, dentry)
        start = b"" if is_reachable else b"(unreachable)"
        return start + _joined(names) + (b" (deleted)" if here.is_unlinked else b"")

    def _prepend_path(self, mnt: int, dentry: int) -> tuple[list[bytes], bool]:
        """Return the names from the last to the first, and whether the root was reached by them.

        Mirrors __prepend_path(). What is not reached is in another mount namespace, in a mount that
        is in none any more, or not below the root of its mount; that has no names. A mount of the
        kernel's own (memfd, SysV shared memory) never was in any: its paths begin at its root.
        """
        root = self._root()
        names: list[bytes] = []
        seen: set[_Step] = set()
        inside = self._context.struct("mount").offset("mnt")
        while (mnt, dentry) != root:
            _step(seen, dentry, mnt)
            mount = self._mount(mnt)
            if dentry == mount.root:
                above = self._context.wrap(mount.parent + inside)
                if above == mnt:
                    is_start = root is None and self._is_mounted(mount)
                    return names, is_start or self._is_internal(mount)
                mnt, dentry = above, mount.mountpoint
                continue
            here = self._dentries.read(dentry)
            if here.is_root:
                return [], False
            names.append(self._dentries.name(here))
            dentry = here.parent
        return names, True

    def _kernfs_path(self, address: int) -> bytes:
        """Mirror kernfs_path(), for the address of a `struct kernfs_node`."""
        names: list[bytes] = []
        seen: set[_Step] = set()
        parent, name = self._node(address)
        while parent:
            _step(seen, address)
            names.append(name)
            address = parent
            parent, name = self._node(address)
        return _joined(names)

    # What is read

    def _mount(self, mnt: int) -> Mount:
        """Return the mount whose `struct vfsmount` is at an address: real_mount()."""
        found = self._mounts.get(mnt)
        if found is None:
            if not mnt:
                raise FaultError(0, 0, "there is no mount: NULL (struct vfsmount *)")
            if len(self._mounts) >= MAX_KNOWN:
                self._mounts.clear()
            shape = self._context.struct("mount")
            address = self._context.wrap(mnt - shape.offset("mnt"))
            data = self._context.target.read(address, shape.size)
            found = self._mounts[mnt] = Mount(
                shape.integer(data, "mnt_parent"),
                shape.integer(data, "mnt_mountpoint"),
                shape.integer(data, "mnt.mnt_root"),
                shape.integer(data, "mnt.mnt_sb"),
                shape.integer(data, "mnt_ns"),
            )
        return found

    def _is_mounted(self, mount: Mount) -> bool:
        """Whether a mount is in a namespace: is_mounted()."""
        return 0 < mount.namespace < self._context.wrap(-_ERRNO)

    def _is_internal(self, mount: Mount) -> bool:
        """Whether a mount is the kernel's own: kern_mount() makes `mnt_ns` MNT_NS_INTERNAL."""
        return mount.namespace == self._context.wrap(-_EINVAL)

    def _is_failfs(self, mount: Mount) -> bool:
        """Whether a mount is of the file system on which everything fails: failfs_mnt()."""
        kind = self._dentries.number("super_block", "s_type", mount.super_block)
        name = self._dentries.number("file_system_type", "name", kind)
        return read_string(self._context, name, NAME_MAX) == b"failfs"

    def _node(self, address: int) -> tuple[int, bytes]:
        """Return the parent of the `struct kernfs_node` at an address, and its name."""
        found = self._nodes.get(address)
        if found is None:
            if not address:
                raise FaultError(0, 0, "there is no node: NULL (struct kernfs_node *)")
            if len(self._nodes) >= MAX_KNOWN:
                self._nodes.clear()
            shape = self._context.struct("kernfs_node")
            data = self._context.target.read(address, shape.size)
            parent = shape.integer(data, "__parent" if "__parent" in shape else "parent")
            name = b""
            if parent:
                name = read_string(self._context, shape.integer(data, "name"), NAME_MAX + 1)
            if len(name) > NAME_MAX:
                raise CorruptDataError(
                    f"the kernfs_node at {address:#x} has a name of more than {NAME_MAX} bytes",
                    address,
                )
            found = self._nodes[address] = parent, name
        return found

    def _root(self) -> tuple[int, int] | None:
        """Return where paths begin, a `struct vfsmount` and a `struct dentry` by address.

        That is the root of the first process. None if it cannot be read: then a path begins where
        its own mount namespace does.
        """
        if not self._is_start_known:
            self._is_start_known = True
            try:
                self._start = self._read_root()
            except (BtfdumpError, LookupError):
                self._start = None
        return self._start

    def _read_root(self) -> tuple[int, int]:
        context = self._context
        number = self._dentries.number
        try:
            # Since kernel threads have an empty root of their own, that of init_task is no use
            # (init_userspace_fs() in fs/fs_struct.c, Linux 7.x).
            symbol = context.target.symbol("userspace_init_fs")
        except BtfdumpError:
            fs = number("task_struct", "fs", context.own_symbol("init_task"))
        else:
            data = context.target.read(symbol, context.layouts.pointer_size)
            fs = int.from_bytes(data, context.target.platform.byteorder)
        return number("fs_struct", "root.mnt", fs), number("fs_struct", "root.dentry", fs)


def _step(seen: set[_Step], address: int, mnt: int = 0) -> None:
    """Note one step on the way up; raises `CorruptDataError` if it leads back or never ends."""
    step = address, mnt
    if step in seen or len(seen) >= MAX_STEPS:
        what = "leads back to" if step in seen else f"has not ended after {MAX_STEPS} steps at"
        raise CorruptDataError(f"the path {what} {address:#x}", address)
    seen.add(step)


def _joined(names: list[bytes]) -> bytes:
    """Return a path of names, of which the last comes first."""
    return b"".join(b"/" + name for name in reversed(names)) or b"/"


_OF: dict[str, Callable[[Paths, TypedAddress], bytes]] = {
    "path": Paths._of_path,
    "file": Paths._of_file,
    "dentry": Paths._of_dentry,
    "mount": Paths._of_mount,
    "vfsmount": Paths._of_vfsmount,
    "cgroup": Paths._of_cgroup,
    "kernfs_node": Paths._of_kernfs_node,
}
