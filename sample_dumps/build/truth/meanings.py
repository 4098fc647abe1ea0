"""What values mean, by drgn's helpers and the standard library: states, modes, paths, addresses.

Each fact is of one member of one object: its text whole, or the names that stand in it and those
that do not. A path is told of the object itself, and has no member.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING, Any

from drgn.helpers.linux.fs import d_path, for_each_file, for_each_mount, mount_dst
from drgn.helpers.linux.mm import for_each_vma
from drgn.helpers.linux.net import SOCKET_I, for_each_net, for_each_netdev, netdev_ipv4_addrs
from drgn.helpers.linux.pid import find_task, for_each_task
from drgn.helpers.linux.sched import task_state_to_char

from .common import address, has, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import drgn

    Fact = dict[str, Any]

# fs/proc/array.c: the letter of each state. TASK_RUNNING is no bit.
STATES = {
    "S": ("TASK_INTERRUPTIBLE",),
    "D": ("TASK_UNINTERRUPTIBLE",),
    "I": ("TASK_UNINTERRUPTIBLE", "TASK_NOLOAD"),
    "T": ("__TASK_STOPPED",),
    "t": ("__TASK_TRACED",),
}
KINDS = {
    stat.S_IFREG: "regular file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFIFO: "FIFO",
}
ACCESS = ("O_RDONLY", "O_WRONLY", "O_RDWR")
FAMILIES = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET"}
TYPES = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
# include/net/tcp_states.h
TCP = (
    *("TCP_ESTABLISHED", "TCP_SYN_SENT", "TCP_SYN_RECV", "TCP_FIN_WAIT1", "TCP_FIN_WAIT2"),
    *("TCP_TIME_WAIT", "TCP_CLOSE", "TCP_CLOSE_WAIT", "TCP_LAST_ACK", "TCP_LISTEN", "TCP_CLOSING"),
)
# include/linux/mm.h, bits that no kernel has moved
VM = ("READ", "WRITE", "EXEC", "SHARED", "MAYREAD", "MAYWRITE", "MAYEXEC", "MAYSHARE")
IFF = {"IFF_UP": 1, "IFF_BROADCAST": 2, "IFF_LOOPBACK": 8, "IFF_MULTICAST": 0x1000}
ETHERNET_BYTES = 6


def meanings(prog: drgn.Program) -> list[Fact]:
    """Return every fact, once for each object."""
    found: dict[tuple[str, str, str], Fact] = {}
    for part in (_tasks, _mounts, _network):
        for fact in part(prog):
            found.setdefault((fact["struct"], fact["addr"], fact["member"]), fact)
    return list(found.values())


def _fact(value: drgn.Object, member: str = "", **said: Any) -> Fact:
    """Return a fact of what a pointer leads to: `text`, or the names `has` and `lacks`."""
    struct = value.type_.type.type_name().removeprefix("const ")
    return {"struct": struct, "addr": address(value), "member": member, **said}


def _named(value: drgn.Object, member: str, names: dict[str, bool]) -> Fact:
    return _fact(
        value,
        member,
        has=[name for name, there in names.items() if there],
        lacks=[name for name, there in names.items() if not there],
    )


def _tasks(prog: drgn.Program) -> Iterator[Fact]:
    for task in for_each_task(prog):
        letter = task_state_to_char(task)
        if letter in STATES:
            member = "__state" if has(task, "__state") else "state"
            yield _fact(task, member, has=list(STATES[letter]), lacks=[])
        if task.files:
            for _, file in for_each_file(task):
                yield from _file(file)
        if task.mm:
            for vma in for_each_vma(task.mm):
                flags = vma.vm_flags.value_()
                names = {f"VM_{name}": bool(flags >> bit & 1) for bit, name in enumerate(VM)}
                yield _named(vma, "vm_flags", names)
                if vma.vm_file:
                    yield from _file(vma.vm_file)


def _file(file: drgn.Object) -> Iterator[Fact]:
    inode, flags = file.f_inode.read_(), file.f_flags.value_()
    mode, device = inode.i_mode.value_(), inode.i_rdev.value_()
    if flags:
        yield _named(
            file,
            "f_flags",
            {name: flags & 3 == low for low, name in enumerate(ACCESS)}
            | {"O_APPEND": bool(flags & 0o2000), "O_NONBLOCK": bool(flags & 0o4000)},
        )
    if stat.S_IFMT(mode):  # an anonymous inode has none
        said = f"{KINDS[stat.S_IFMT(mode)]} {stat.filemode(mode)[1:]}"
        yield _fact(inode, "i_mode", text=said)
    if device:
        yield _fact(inode, "i_rdev", text=f"{device >> 20}:{device & 0xFFFFF}")
    yield _fact(file, text=_path(file))
    if stat.S_ISSOCK(mode):
        sk = SOCKET_I(inode).sk.read_()
        if sk:
            yield from _socket(sk)


def _path(file: drgn.Object) -> str:
    """Return a path as d_path() has it; drgn has the file system alone where d_dname() names."""
    path = d_path(file.f_path.address_of_()).decode("utf-8", "backslashreplace")
    number, dentry = file.f_inode.i_ino.value_(), file.f_path.dentry
    if path in ("[sockfs]", "[pipefs]"):
        return f"{'socket' if path == '[sockfs]' else 'pipe'}:[{number}]"
    if path == "[anon_inodefs]":
        return f"anon_inode:{text(dentry.d_name.name)}"
    if path.startswith("["):
        return f"/{text(dentry.d_name.name)} (deleted)"  # shmem_file_setup(): simple_dname()
    unhashed = not dentry.d_hash.pprev and dentry.d_parent != dentry
    return f"{path} (deleted)" if unhashed else path


def _socket(sk: drgn.Object) -> Iterator[Fact]:
    common = sk.member_("__sk_common")
    family, kind = common.skc_family.value_(), sk.sk_type.value_()
    yield _fact(sk, "__sk_common.skc_family", text=FAMILIES[family])
    yield _fact(sk, "sk_type", text=TYPES[kind])
    if family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
        yield _fact(sk, "__sk_common.skc_state", text=TCP[common.skc_state.value_() - 1])
    if family == socket.AF_INET:
        for member in ("skc_rcv_saddr", "skc_daddr"):
            number = common.member_(member)
            if number:
                raw = sk.prog_.read(number.address_, 4)
                yield _fact(sk, f"__sk_common.{member}", text=socket.inet_ntoa(raw))
        port = int.from_bytes(sk.prog_.read(common.skc_dport.address_, 2), "big")
        if port != common.skc_dport.value_():  # else the number says all
            yield _fact(sk, "__sk_common.skc_dport", text=str(port))


def _mounts(prog: drgn.Program) -> Iterator[Fact]:
    root = find_task(prog, 1).fs.root.mnt
    for mount in for_each_mount(prog):
        if mount.mnt_parent == mount and mount.mnt.address_of_() != root:
            continue  # what lies below the root of every process, since Linux 7.0
        yield _fact(mount, text=os.fsdecode(mount_dst(mount)))


def _network(prog: drgn.Program) -> Iterator[Fact]:
    for net in for_each_net(prog):
        for device in for_each_netdev(net):
            flags = device.flags.value_()
            yield _named(device, "flags", {name: bool(flags & bit) for name, bit in IFF.items()})
            if device.addr_len.value_() == ETHERNET_BYTES:
                raw = prog.read(device.dev_addr.value_(), ETHERNET_BYTES)
                yield _fact(device, "dev_addr", text=raw.hex(":"))
            first = device.ip_ptr.ifa_list.read_() if device.ip_ptr else None
            for known in netdev_ipv4_addrs(device)[:1] if first else ():
                yield _fact(first, "ifa_local", text=str(known))
