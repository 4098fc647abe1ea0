"""How objects are told in one line, against what kernels and drgn with DWARF said of them."""

from __future__ import annotations

import re
from socket import inet_ntoa
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


from btfdump._graph.summaries import Summaries
from btfdump._render.scalar import summary

GUESTS = ["stock", "tagged", "s390x"]
_STATES = {1: "ESTABLISHED", 6: "TIME_WAIT", 10: "LISTEN"}
_TYPES = {1: "STREAM", 2: "DGRAM", 5: "SEQPACKET"}


@pytest.fixture
def tell(opened):
    """Return (name of a sample) -> a function that tells a value of it."""

    def of(name: str):
        summaries = Summaries(opened(name), 256)
        return lambda value: summary(summaries.of(value))

    return of


def open_files(kernel):
    """Yield every (task, file) of a kernel."""
    for task in kernel.tasks():
        if task.files:
            for file in task.files.fdt.fd.walk_():
                yield task, file


def test_every_open_file_is_told_by_its_path(opened, truth, tell):
    kernel, told = opened("stock"), tell("stock")
    paths, count = kernel.paths(), 0
    for task in truth("stock", "-3")["tasks"]:
        for known in task["files"]:
            file = kernel.value("struct file", int(known["file"], 16))
            said = told(file)
            if known["path"] == "[sockfs]":
                assert re.fullmatch(rf"socket:\[{known['ino']}\] (TCP|UDP|unix) .+", said)
            else:
                assert said == paths.of(file)
            count += 1
    assert count == 154


def test_every_socket_against_dwarf(opened, truth, tell):
    kernel, told, count = opened("stock"), tell("stock"), 0
    for task in truth("stock", "-3")["tasks"]:
        for known in task["files"]:
            socket = known.get("socket")
            if socket is None:
                continue
            said = told(kernel.value("struct sock", int(socket["sk"], 16)))
            if socket["family"] == 1:
                expected = f"unix {_TYPES[socket['type']]}"
            else:
                protocol = {6: "TCP", 17: "UDP"}[socket["protocol"]]
                expected = f"{protocol} {socket['laddr']}:{socket['lport']}"
                if socket["rport"]:
                    expected += f" -> {socket['raddr']}:{socket['rport']}"
                if protocol == "TCP":
                    expected += f" {_STATES[socket['state']]}"
            assert said == expected
            count += 1
    assert count == 8


def address(text: str, kernel) -> str:
    """Return an address as /proc/net/tcp has it, the number of a __be32 as the CPU reads it."""
    number, port = text.split(":")
    data = int(number, 16).to_bytes(4, kernel.target.platform.byteorder)
    return f"{inet_ntoa(data)}:{int(port, 16)}"


@pytest.mark.parametrize("name", GUESTS)
def test_sockets_as_the_kernel_listed_them(opened, console, tell, name):
    kernel, told = opened(name), tell(name)
    sockets = {}
    for _, file in open_files(kernel):
        said = told(file)
        if match := re.match(r"socket:\[(\d+)\] (.*)", said):
            sockets[int(match[1])] = match[2]
    for title in ("tcp", "udp"):
        for line in console(name, title).strip().splitlines()[1:]:
            fields = line.split()
            local, remote, state, inode = fields[1], fields[2], fields[3], int(fields[9])
            expected = f"{title.upper()} {address(local, kernel)}"
            if not remote.endswith(":0000"):
                expected += f" -> {address(remote, kernel)}"
            if title == "tcp":
                expected += f" {_STATES[int(state, 16)]}"
            assert sockets.pop(inode) == expected
    for line in console(name, "unix").strip().splitlines()[1:]:
        fields = line.split()
        expected = f"unix {_TYPES[int(fields[4])]}"
        if len(fields) > 7:
            expected += f" {fields[7]}"
        if int(fields[3], 16) & 0x10000:  # __SO_ACCEPTCON
            expected += " LISTEN"
        assert sockets.pop(int(fields[6])) == expected
    assert not sockets


@pytest.mark.parametrize("name", GUESTS)
def test_mounts_as_the_kernel_listed_them(opened, console, tell, name):
    kernel, told = opened(name), tell(name)
    expected = []
    for line in console(name, "mounts").strip().splitlines():
        before, _, after = line.partition(" - ")
        kind, source, *_ = after.split()
        expected.append(f"{source} on {before.split()[4]} type {kind}")
    namespace = kernel.task(1).nsproxy.mnt_ns
    mounts = list(namespace.mounts.walk_())
    assert sorted(map(told, mounts)) == sorted(expected)
    assert sorted(told(mount.mnt) for mount in mounts) == sorted(expected)


def test_mounts_against_dwarf(opened, truth, tell):
    kernel, told = opened("stock"), tell("stock")
    for known in truth("stock", "-3")["mounts"]:
        said = told(kernel.value("struct mount", int(known["mount"], 16)))
        assert said == f"{known['src']} on {known['dst']} type {known['fstype']}"


def test_every_mapping_against_dwarf(opened, truth, tell):
    kernel, told = opened("stock"), tell("stock")
    said_of: dict[str, int] = {}
    for task in truth("stock", "-3")["tasks"]:
        for known in task.get("vmas", ()):
            said_of.setdefault(known["start"], 0)
        if not task.get("vmas"):
            continue
        paths = kernel.paths()
        by_start = {vma["start"]: vma for vma in task["vmas"]}
        for vma in kernel.task(task["pid"]).mm.mm_mt.walk_():
            known = by_start.pop(hex(int(vma.vm_start)))
            flags = int(known["flags"], 16)
            letters = "".join(c if flags & 1 << bit else "-" for bit, c in enumerate("rwx"))
            letters += "s" if flags & 0x80 else "p"
            permissions, _, name = told(vma).partition(" ")
            assert permissions == letters
            if known["path"] is not None:
                assert name == paths.of(vma.vm_file)
            else:
                assert name in ("", "[heap]", "[stack]", "[vdso]", "[vvar]")
        assert not by_start


def test_heaps_and_stacks_are_those_of_their_process(opened, tell):
    """One each; the heap is where brk() is, the stack where the arguments are."""
    kernel, told = opened("stock"), tell("stock")
    seen = 0
    for task in kernel.tasks():
        if not task.mm:
            continue
        named: dict[str, list[Value]] = {}
        for vma in task.mm.mm_mt.walk_():
            named.setdefault(told(vma).partition(" ")[2], []).append(vma)
        (stack,) = named["[stack]"]
        assert int(stack.vm_start) < int(task.mm.arg_start) < int(stack.vm_end)
        for heap in named.get("[heap]", ()):
            assert int(heap.vm_start) >= int(task.mm.start_brk)
            assert int(heap.vm_end) <= int(task.mm.brk)
        assert len(named["[vdso]"]) == 1
        seen += 1
    assert seen == 19


def test_slab_caches_modules_and_devices_against_dwarf(opened, truth, tell):
    kernel, told = opened("stock"), tell("stock")
    known = truth("stock", "-3")
    for cache in known["slabs"]:
        said = told(kernel.value("struct kmem_cache", int(cache["addr"], 16)))
        assert said == f"{cache['name']}, {cache['object_size']} bytes in {cache['size']}"
    for module in known["modules"]:
        said = told(kernel.value("struct module", int(module["addr"], 16)))
        assert re.fullmatch(rf"{module['name']} \d+ KiB", said)
    for device in known["netdevs"]:
        said = told(kernel.value("struct net_device", int(device["dev"], 16)))
        assert said == f'"{device["name"]}" ifindex {device["ifindex"]}'


@pytest.mark.parametrize("name", GUESTS)
def test_modules_have_the_sizes_that_the_kernel_listed(opened, console, tell, name):
    kernel, told = opened(name), tell(name)
    sizes = {fields[0]: int(fields[1]) for line in console(name, "modules").strip().splitlines()
             if (fields := line.split())}  # fmt: skip
    for module in kernel["modules"].walk_():
        title, _, size = told(module).partition(" ")
        assert size == f"{sizes.pop(title) // 1024} KiB"
    assert not sizes


@pytest.mark.parametrize("name", ["stock", "tagged"])
def test_interrupts_as_the_kernel_listed_them(opened, console, tell, name):
    kernel, told = opened(name), tell(name)
    said = [told(descriptor) for descriptor in kernel["sparse_irqs"].walk_()]
    listed = 0
    for line in console(name, "interrupts").splitlines():
        match = re.match(r"\s*(\d+):.*\s(\S+(?:, \S+)*)$", line)
        if match:
            (one,) = [text for text in said if text.split()[1] == match[1]]
            assert one.endswith(f" {match[2]}"), one
            listed += 1
    assert listed >= 3


@pytest.mark.parametrize("name", [*GUESTS, "stock-7.3"])
def test_what_every_kernel_can_tell(opened, tell, name):
    """No summary is empty, and none is a number where a name is expected."""
    kernel, told = opened(name), tell(name)
    for task in kernel.tasks():
        assert re.fullmatch(r"\d+(,\d+)*", told(task.thread_pid.deref_()))
        assert re.fullmatch(r"uid \d+( euid \d+)? gid \d+( egid \d+)?", told(task.cred.deref_()))
        assert re.fullmatch(r"/\S* id \d+", told(task.cgroups.dfl_cgrp.deref_()))
        if task.nsproxy:
            assert re.fullmatch(r"(\w+:\[\d+\] ?){4}", told(task.nsproxy.deref_()))
        if task.mm:
            assert re.fullmatch(r"/bin/\w+, \d+ mappings, .+", told(task.mm.deref_()))
    sockets = [said for _, file in open_files(kernel) if (said := told(file)).startswith("sock")]
    assert all(re.match(r"socket:\[\d+\] (TCP|UDP|unix) ", said) for said in sockets)
    assert len(sockets) >= 9
    for _, file in open_files(kernel):
        assert re.search(r"\bino \d+ .*[r-][w-][x-].* on \w+", told(file.f_inode.deref_()))
    for block in kernel["super_blocks"].walk_():
        assert re.match(r"[\w.]+ \d+:\d+", told(block))
    for work in kernel["file_systems"].walk_():
        assert re.fullmatch(r'"\w+"', told(work))


@pytest.mark.parametrize("name", ["stock", "tagged", "s390x"])
def test_timers_are_told_by_what_they_call(opened, tell, name):
    kernel, told = opened(name), tell(name)
    bases = kernel["hrtimer_bases"]
    said: list[str] = []
    for cpu in range(2):
        for clock in kernel.per_cpu(bases, cpu).clock_base:
            said += map(told, clock.active.walk_())
    assert len(said) > 5
    for text in said:
        assert re.fullmatch(r'\w+( \[\w+\])?( of ".+" pid \d+)? .+', text), text
    assert any(re.fullmatch(r'hrtimer_wakeup of ".+" pid \d+ in .+', text) for text in said)


def a_socket(kernel, tell, pattern: str):
    """Return the `struct sock` of the first open file that is told so."""
    for _, file in open_files(kernel):
        if re.search(pattern, tell(file)):
            return kernel.value("struct socket", int(file.private_data)).sk.deref_()
    raise AssertionError(pattern)


def test_other_sockets_than_the_guests_had(patched, poke):
    """IPv6, what is left of a connection, a family that nothing is known of."""
    summaries = Summaries(patched, 256)

    def told(value):
        summaries.forget()
        return summary(summaries.of(patched.value("struct sock", value.address_)))

    def tell(value):
        return summary(summaries.of(value))

    listening = a_socket(patched, tell, "9100 LISTEN")
    common = listening.member_("__sk_common")
    poke(common.skc_family, 10)
    assert told(listening) == "TCP [::]:9100 LISTEN"
    patched.target.write(common.skc_v6_rcv_saddr.address_, bytes(15) + b"\1")
    assert told(listening) == "TCP [::1]:9100 LISTEN"
    poke(common.skc_dport, 0x5000)
    assert told(listening) == "TCP [::1]:9100 -> [::]:80 LISTEN"
    poke(common.skc_state, 6)
    poke(listening.sk_protocol, 99)  # it is none of those that have one
    assert told(listening) == "TCP [::1]:9100 -> [::]:80 TIME_WAIT"
    poke(common.skc_family, 2)
    assert told(listening).startswith("TCP 127.0.0.1:9100 -> ")
    poke(common.skc_family, 40)
    assert told(listening) == "VSOCK STREAM TCP"


def test_a_socket_that_is_none_is_not_told(patched, poke):
    summaries = Summaries(patched, 256)
    for _, file in open_files(patched):
        said = summary(summaries.of(file))
        if said.startswith("socket:"):
            break
    poke(file.private_data, int(file.f_inode))  # in its slab object, but no socket
    summaries.forget()
    file = patched.value("struct file", file.address_)
    assert summary(summaries.of(file)) == said.split(" ")[0]
