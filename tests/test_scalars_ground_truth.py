"""What the library says that values mean, against what drgn read of the same dump through DWARF."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._meaning.amounts import after_boot, duration
from tests.support.annotated import dumped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._api.kernel import Kernel

LETTERS = {
    "R": {""},  # TASK_RUNNING is 0, which is not shown
    "S": {"TASK_INTERRUPTIBLE"},
    "D": {"TASK_UNINTERRUPTIBLE"},
    "I": {"TASK_UNINTERRUPTIBLE", "TASK_NOLOAD"},
    "t": {"__TASK_TRACED"},
    "Z": {"TASK_DEAD"},
}
"""What fs/proc/array.c makes of a state."""
FAMILIES = {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK"}
TYPES = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
PROTOCOLS = {6: "IPPROTO_TCP", 17: "IPPROTO_UDP"}
STATES = {1: "TCP_ESTABLISHED", 7: "TCP_CLOSE", 10: "TCP_LISTEN"}
KINDS = {stat.S_IFREG: "regular file", stat.S_IFDIR: "directory", stat.S_IFSOCK: "socket"} | {
    stat.S_IFCHR: "character device",
    stat.S_IFIFO: "FIFO",
    stat.S_IFBLK: "block device",
}


@pytest.fixture
def kernel(opened: Callable[[str], Kernel]) -> Kernel:
    return opened("stock")


@pytest.fixture
def known(truth: Callable[..., Any]) -> Any:
    return truth("stock", "-3")


def members(kernel: Kernel, struct: str, address: str) -> Any:
    return dumped(kernel, kernel.value(f"struct {struct}", int(address, 16)))["members"]


def found(node: Any, name: str) -> Iterator[Any]:
    """Yield what is shown of each member of that name, however deep."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == name:
            yield value
    for value in node.values() if isinstance(node, dict) else ():
        yield from found(value, name)
    for value in node if isinstance(node, list) else ():
        yield from found(value, name)


def said(node: Any, name: str) -> str:
    """Return what a member means, "" if nothing is said of it, or if it is zero."""
    shown = node.get(name)
    return shown.get("meaning", "") if isinstance(shown, dict) else ""


def meaning(node: Any, name: str) -> str:
    """Return the same of the first member of that name, however deep."""
    return said({name: next(found(node, name), None)}, name)


def test_tasks(kernel: Kernel, known: Any) -> None:
    for task in known["tasks"]:
        shown = members(kernel, "task_struct", task["addr"])
        state = set(said(shown, "__state").split("|"))
        assert LETTERS[task["state"]] <= state, task
        assert ("TASK_NOLOAD" in state) == (task["state"] == "I")
        assert ("EXIT_ZOMBIE" in said(shown, "exit_state")) == (task["state"] == "Z")
        assert ("PF_KTHREAD" in said(shown, "flags")) == task["kthread"]
        assert said(shown, "utime") == (duration(task["utime"]) if task["utime"] else "")
        assert said(shown, "stime") == (duration(task["stime"]) if task["stime"] else "")
        started = after_boot(task["start"])
        assert said(shown, "start_time") == (f"{started} (monotonic)" if started else "")


def test_open_files(kernel: Kernel, known: Any) -> None:
    files = {file["file"]: file for task in known["tasks"] for file in task.get("files") or ()}
    assert len(files) > 60
    for address, file in files.items():
        shown = members(kernel, "file", address)
        flags, mode = int(file["flags"], 16), meaning(shown, "f_mode").split("|")
        access = meaning(shown, "f_flags").split("|")
        assert access[0] == (("O_RDONLY", "O_WRONLY", "O_RDWR")[flags & 3] if flags else "")
        assert ("FMODE_READ" in mode) == (flags & 3 in (0, 2))
        assert ("FMODE_WRITE" in mode) == (flags & 3 in (1, 2))
        for name, bit in (("APPEND", 0o2000), ("NONBLOCK", 0o4000), ("LARGEFILE", 0o100000)):
            assert (f"O_{name}" in access) == bool(flags & bit), (name, file)
        inode = members(
            kernel, "inode", hex(int(kernel.value("struct file", int(address, 16)).f_inode))
        )
        i_mode = int(file["i_mode"].removeprefix("0o"), 8)
        kind, _, permissions = meaning(inode, "i_mode").rpartition(" ")
        assert kind == KINDS.get(stat.S_IFMT(i_mode), "")
        assert permissions == stat.filemode(i_mode)[1:]
        assert meaning(inode, "i_rdev") == (
            ":".join(map(str, file["rdev"])) if any(file["rdev"]) else ""
        )


def test_mappings(kernel: Kernel, known: Any, truth: Callable[..., Any]) -> None:
    addresses = {
        (int(pid), start): address
        for pid, vmas in truth("stock", "-2")["vmas"].items()
        for address, start, _ in vmas
    }
    count = 0
    for task in known["tasks"]:
        for vma in task.get("vmas") or ():
            shown = members(kernel, "vm_area_struct", addresses[task["pid"], int(vma["start"], 16)])
            flags = meaning(shown, "vm_flags").split("|")
            bits = int(vma["flags"], 16)
            for bit, name in enumerate(("READ", "WRITE", "EXEC", "SHARED", "MAYREAD", "MAYWRITE")):
                assert (f"VM_{name}" in flags) == bool(bits >> bit & 1)
            assert flags[-1].startswith("VM_")  # no bit is left without a name
            count += 1
    assert count > 100


def test_sockets(kernel: Kernel, known: Any) -> None:
    sockets = [f["socket"] for t in known["tasks"] for f in t.get("files") or () if "socket" in f]
    assert {socket["family"] for socket in sockets} >= {1, 2}
    for socket in sockets:
        shown = members(kernel, "sock", socket["sk"])
        assert meaning(shown, "skc_family") == FAMILIES[socket["family"]]
        assert meaning(shown, "sk_type") == TYPES[socket["type"]]
        if socket["family"] in (1, 2, 10):
            assert meaning(shown, "skc_state") == STATES[socket["state"]]
        if socket["family"] == 2:
            assert meaning(shown, "sk_protocol") == PROTOCOLS[socket["protocol"]]
            assert (meaning(shown, "skc_rcv_saddr") or "0.0.0.0") == socket["laddr"]
            assert (meaning(shown, "skc_daddr") or "0.0.0.0") == socket["raddr"]
            if socket["rport"]:
                assert meaning(shown, "skc_dport") == str(socket["rport"])


def test_network_devices(kernel: Kernel, known: Any) -> None:
    for device in known["netdevs"]:
        shown = members(kernel, "net_device", device["dev"])
        flags = int(device["flags"], 16)
        names = meaning(shown, "flags").split("|")
        assert ("IFF_UP" in names) == bool(flags & 1)
        assert ("IFF_LOOPBACK" in names) == bool(flags & 8)
        assert ("IFF_MULTICAST" in names) == bool(flags & 0x1000)
        assert meaning(shown, "dev_addr") == device["mac"]
        value = kernel.value("struct net_device", int(device["dev"], 16))
        in_device = value.ip_ptr
        first = int(in_device.ifa_list) if int(in_device) else 0
        if device["ipv4"]:
            address, _, length = device["ipv4"][0].partition("/")
            ifa = members(kernel, "in_ifaddr", hex(first))
            assert meaning(ifa, "ifa_local") == address
            mask = (0xFFFFFFFF << (32 - int(length))) & 0xFFFFFFFF
            assert meaning(ifa, "ifa_mask") == ".".join(map(str, mask.to_bytes(4, "big")))
        else:
            assert not first


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x", "tagged"])
def test_the_type_of_a_dentry_is_that_of_its_inode(
    opened: Callable[[str], Kernel], name: str
) -> None:
    """By a table of macros, or by an enum of flags with a number among them, at other bits."""
    kernel = opened(name)
    kinds = {stat.S_IFREG: "REGULAR", stat.S_IFDIR: "DIRECTORY", stat.S_IFLNK: "SYMLINK"}
    seen = set()
    for super_block in kernel["super_blocks"].walk_():
        if not int(super_block.s_root):
            continue
        root = kernel.value("struct dentry", int(super_block.s_root))
        children = "d_children" if root.has_member_("d_children") else "d_subdirs"
        for dentry in (root, *root.member_(children).walk_()):
            inode = int(dentry.d_inode)
            if not inode:
                continue
            kind = stat.S_IFMT(int(kernel.value("struct inode", inode).i_mode))
            flags = said(dumped(kernel, dentry)["members"], "d_flags").split("|")
            (told,) = (flag for flag in flags if flag.endswith("_TYPE"))
            told = (
                told.removeprefix("DCACHE_").removesuffix("_TYPE").replace("AUTODIR", "DIRECTORY")
            )
            assert told == kinds.get(kind, "SPECIAL")
            seen.add(kind)
    assert len(seen) >= 3
