"""Super blocks, inodes, mounts and sockets."""

from __future__ import annotations

import socket
import stat
from typing import TYPE_CHECKING, Any

from drgn import Object, cast, container_of
from drgn.helpers.linux.fs import for_each_file, for_each_mount, mount_dst, mount_fstype, mount_src
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task

from .common import address, storage, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import drgn


def super_blocks(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return every super block with its inodes."""
    return [
        {
            "addr": address(block),
            "s_id": text(block.s_id),
            "fs": text(block.s_type.name),
            "inodes": [_inode(inode) for inode in _inodes(block)],
        }
        for block in _super_blocks(prog)
    ]


def mounts(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the mounts of the first process's namespace."""
    return [
        {
            "addr": address(mount),
            "src": mount_src(mount).decode(),
            "dst": mount_dst(mount).decode(),
            "fs": mount_fstype(mount).decode(),
        }
        for mount in for_each_mount(prog)
    ]


def inode_storage(prog: drgn.Program) -> dict[str, Any]:
    """Return the inodes that have BPF storage: it is in the security blob.

    There is none without CONFIG_BPF_LSM, as in Debian's kernels for s390x.
    """
    try:
        offset = prog["bpf_lsm_blob_sizes"].lbs_inode.value_()
    except LookupError:
        return {"list": []}
    found = []
    for block in _super_blocks(prog):
        for inode in _inodes(block):
            if not inode.i_security:
                continue
            at = inode.i_security.value_() + offset
            blob = Object(prog, "struct bpf_storage_blob *", value=at)
            if blob.storage:
                found.append(
                    {
                        "inode": address(inode),
                        "ino": inode.i_ino.value_(),
                        "sb": text(block.s_id),
                        "blob": address(blob),
                        "storage": storage(blob.storage),
                    }
                )
    return {"lbs_inode_off": offset, "list": found}


def sockets(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return the sockets that processes have open."""
    found: dict[int, dict[str, Any]] = {}
    for task in for_each_task(prog):
        if task.pid.value_() != task.tgid.value_() or not task.files:
            continue
        for fd, file in for_each_file(task):
            inode = file.f_inode
            if not stat.S_ISSOCK(inode.i_mode.value_()):
                continue
            sk = container_of(inode, "struct socket_alloc", "vfs_inode").socket.sk
            if sk and sk.value_() not in found:
                facts = {"pid": task.pid.value_(), "comm": text(task.comm), "fd": fd}
                found[sk.value_()] = facts | _socket(sk)
    return list(found.values())


def _socket(sk: drgn.Object) -> dict[str, Any]:
    common = sk.member_("__sk_common")
    facts = {
        "sk": address(sk),
        "family": common.skc_family.value_(),
        "type": sk.sk_type.value_(),
        "protocol": sk.sk_protocol.value_(),
        "state": common.skc_state.value_(),
        "bpf_storage": storage(sk.sk_bpf_storage),
    }
    if facts["family"] == socket.AF_INET:
        facts["sport"] = common.skc_num.value_()
        facts["dport"] = socket.ntohs(common.skc_dport.value_())
        if facts["protocol"] == socket.IPPROTO_TCP:
            connection = cast("struct inet_connection_sock *", sk)
            facts["ca"] = text(connection.icsk_ca_ops.name)
    return facts


def _super_blocks(prog: drgn.Program) -> Iterator[drgn.Object]:
    head = prog["super_blocks"].address_of_()
    return list_for_each_entry("struct super_block", head, "s_list")


def _inodes(block: drgn.Object) -> Iterator[drgn.Object]:
    return list_for_each_entry("struct inode", block.s_inodes.address_of_(), "i_sb_list")


def _inode(inode: drgn.Object) -> dict[str, Any]:
    return {
        "addr": address(inode),
        "ino": inode.i_ino.value_(),
        "mode": oct(inode.i_mode.value_()),
        "size": inode.i_size.value_(),
        "nlink": inode.i_nlink.value_(),
    }
