"""Columns of files: their paths and kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.d_path import Paths
from btfdump._tables.functions import column
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_KINDS = {
    0x1: "fifo",
    0x2: "char",
    0x4: "dir",
    0x6: "block",
    0x8: "file",
    0xA: "link",
    0xC: "socket",
    0x0: "anon",
}
"""S_IFMT (include/uapi/linux/stat.h); inodes of anon_inode and its like have none."""


@column()
def path(kernel: Context) -> Callable[[Value | None], str | None]:
    """The path of a file, dentry, mount or cgroup, as the kernel spells it."""
    return path_reader(kernel)


def path_reader(kernel: Context) -> Callable[[Value | None], str | None]:
    """Return a function that returns the path of a value, None for NULL."""
    paths = Paths(kernel)
    is_live = kernel.target.is_live

    def of(value: Value | None) -> str | None:
        if value is None or (value.is_pointer_ and not value.value_()):
            return None
        if is_live:
            paths.forget()
        try:
            return paths.of(value)
        except TypeError as error:
            raise CorruptDataError(str(error), value.address_) from error

    return of


@column()
def file_type(kernel: Context) -> Callable[[int | None], str | None]:
    """What a file is, by the mode of its inode: file, dir, char, block, fifo, socket, anon."""
    del kernel

    def of(mode: int | None) -> str | None:
        if mode is None:
            return None
        return _KINDS.get(mode >> 12 & 0xF, f"type {mode >> 12 & 0xF:#x}")

    return of


@column()
def address(kernel: Context) -> Callable[[Value], int]:
    """The virtual address of an object."""
    del kernel
    return lambda value: value.address_


_OF_SUPER_BLOCK = {0x10: "sync", 0x80: "dirsync", 0x40: "mand", 0x2000000: "lazytime"}
"""What of a super block's flags mount(8) prints (fs/proc_namespace.c: show_sb_opts())."""
_OF_MOUNT = {
    0x01: "nosuid",
    0x02: "nodev",
    0x04: "noexec",
    0x08: "noatime",
    0x10: "nodiratime",
    0x20: "relatime",
    0x80: "nosymfollow",
}
_MOUNT_READONLY, _SUPER_BLOCK_READONLY = 0x40, 0x1


@column()
def mount_options(kernel: Context) -> Callable[[int | None, int | None], str | None]:
    """What mount(8) prints of the flags of a mount and of its super block: `rw,nosuid,relatime`.

    Mirrors show_vfsmnt() (fs/proc_namespace.c), without the options of the file system itself.
    """
    del kernel

    def of(mount: int | None, super_block: int | None) -> str | None:
        if mount is None or super_block is None:
            return None
        is_readonly = mount & _MOUNT_READONLY or super_block & _SUPER_BLOCK_READONLY
        names = ["ro" if is_readonly else "rw"]
        names += [name for bit, name in _OF_SUPER_BLOCK.items() if super_block & bit]
        names += [name for bit, name in _OF_MOUNT.items() if mount & bit]
        return ",".join(names)

    return of
