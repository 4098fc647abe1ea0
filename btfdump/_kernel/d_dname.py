"""What pseudo file systems call their files: `pipe:[159]`, `anon_inode:[eventfd]`.

The kernel calls `d_op->d_dname` for it. That cannot be run here; which function it is says what it
would print. Where its symbol is not known, the type of the file system tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.dcache import NAME_MAX
from btfdump._kernel.pointers import read_string
from btfdump.errors import MissingDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.dcache import Dentries, Dentry

_DMA_BUF_NAME = 32  # DMA_BUF_NAME_LEN, include/uapi/linux/dma-buf.h


def has_own_name(dentries: Dentries, dentry: Dentry) -> bool:
    """Whether a dentry's operations have a `d_dname`; raises `FaultError`."""
    return _function(dentries, dentry) != 0


def own_name(dentries: Dentries, dentry: Dentry) -> bytes:
    """Return what `d_dname` prints for a dentry that has one.

    Raises `FaultError`, `CorruptDataError`, and `MissingDataError` for a function that is not
    known.
    """
    return _rule(dentries, dentry)(dentries, dentry)


def _function(dentries: Dentries, dentry: Dentry) -> int:
    if not dentry.operations:
        return 0
    return dentries.number("dentry_operations", "d_dname", dentry.operations)


def _rule(dentries: Dentries, dentry: Dentry) -> Callable[[Dentries, Dentry], bytes]:
    function = _function(dentries, dentry)
    symbol = dentries.context.symbolize(function) or ""
    rule = _BY_FUNCTION.get(symbol.partition(" ")[0].partition(".")[0])  # .llvm.123, .cfi_jt
    if rule is not None:
        return rule
    kind = dentries.number("super_block", "s_type", dentry.super_block)
    name = dentries.number("file_system_type", "name", kind)
    text = read_string(dentries.context, name, NAME_MAX).decode("ascii", "replace")
    rule = _BY_FILE_SYSTEM.get(text)
    if rule is None:
        by = symbol if symbol and "+" not in symbol else f"the function at {function:#x}"
        raise MissingDataError(
            f"the dentry at {dentry.address:#x} of file system {text} is named by {by}, and what "
            "that prints is not known",
            "see its d_name and d_fsdata",
        )
    return rule


def _pipefs(dentries: Dentries, dentry: Dentry) -> bytes:
    """Mirror pipefs_dname() (fs/pipe.c)."""
    return b"pipe:[%d]" % _inode_number(dentries, dentry)


def _sockfs(dentries: Dentries, dentry: Dentry) -> bytes:
    """Mirror sockfs_dname() (net/socket.c)."""
    return b"socket:[%d]" % _inode_number(dentries, dentry)


def _anon_inodefs(dentries: Dentries, dentry: Dentry) -> bytes:
    """Mirror anon_inodefs_dname() (fs/anon_inodes.c)."""
    return b"anon_inode:" + dentries.name(dentry)


def _pidfs(_dentries: Dentries, _dentry: Dentry) -> bytes:
    """Mirror pidfs_dname() (fs/pidfs.c, since Linux 6.9)."""
    return b"anon_inode:[pidfd]"


def _failfs(_dentries: Dentries, _dentry: Dentry) -> bytes:
    """Mirror failfs_dname() (fs/failfs.c, in Linux 7.3)."""
    return b"failfs:/"


def _nsfs(dentries: Dentries, dentry: Dentry) -> bytes:
    """Mirror ns_dname() (fs/nsfs.c)."""
    namespace = dentries.number("inode", "i_private", dentry.inode)
    operations = dentries.number("ns_common", "ops", namespace)
    name = dentries.number("proc_ns_operations", "name", operations)
    kind = read_string(dentries.context, name, NAME_MAX)
    return b"%s:[%d]" % (kind, _inode_number(dentries, dentry))


def _dmabuffs(dentries: Dentries, dentry: Dentry) -> bytes:
    """Mirror dmabuffs_dname() (drivers/dma-buf/dma-buf.c)."""
    name = dentries.number("dma_buf", "name", dentry.fsdata)
    told = read_string(dentries.context, name, _DMA_BUF_NAME - 1) if name else b""
    return b"/%s:%s" % (dentries.name(dentry), told)


def _simple(dentries: Dentries, dentry: Dentry) -> bytes:
    """Mirror simple_dname() (fs/d_path.c): files of memory, such as those of memfd_create()."""
    return b"/%s (deleted)" % dentries.name(dentry)


def _inode_number(dentries: Dentries, dentry: Dentry) -> int:
    return dentries.number("inode", "i_ino", dentry.inode)


_BY_FUNCTION = {
    "anon_inodefs_dname": _anon_inodefs,
    "dmabuffs_dname": _dmabuffs,
    "failfs_dname": _failfs,
    "ns_dname": _nsfs,
    "pidfs_dname": _pidfs,
    "pipefs_dname": _pipefs,
    "simple_dname": _simple,
    "sockfs_dname": _sockfs,
}
_BY_FILE_SYSTEM = {
    "anon_inodefs": _anon_inodefs,
    "dmabuf": _dmabuffs,
    "failfs": _failfs,
    "nsfs": _nsfs,
    "pidfs": _pidfs,
    "pipefs": _pipefs,
    "sockfs": _sockfs,
    # d_alloc_pseudo() gives simple_dname() to whoever brings no operations of its own.
    "devtmpfs": _simple,
    "hugetlbfs": _simple,
    "ramfs": _simple,
    "secretmem": _simple,
    "tmpfs": _simple,
}
