"""Tables of a dump of a booted kernel equal what that kernel itself says in /proc and /sys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from btfdump._kernel.notes import Note
from btfdump._roots.log import stamp
from btfdump._targets.memory import symbols_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel

ASKED = {
    "stat": "cat /proc/[0-9]*/stat",
    "fds": 'for fd in /proc/[0-9]*/fd/*; do echo "$fd $(readlink "$fd")"; done',
    "mounts": "cat /proc/1/mounts",
    "maps": 'for file in /proc/[0-9]*/maps; do sed "s,^,$file ," "$file"; done',
    "modules": "cat /proc/modules",
    "slabs": "cat /proc/slabinfo",
    "inet": "cat /proc/net/tcp /proc/net/udp",
    "unix": "cat /proc/net/unix",
    "netlink": "cat /proc/net/netlink",
    "interrupts": "cat /proc/interrupts",
    "memory": "cat /proc/meminfo",
    "locks": "cat /proc/locks",
    "parameters": "cd /sys/module; for file in */parameters/*; do "
    'echo "$file $(cat "$file" 2>/dev/null)"; done',
    "devices": "cat /proc/devices",
    "route": "cat /proc/net/route",
    "status": "cat /proc/[0-9]*/status",
    "stacks": 'for file in /proc/[0-9]*/stack; do sed "s,^,$file ," "$file"; done',
    "kallsyms": "cat /proc/kallsyms",
    "log": "dmesg -r",
    "cmdline": "cat /proc/cmdline",
    "names": "uname -r; uname -v; uname -m; hostname",
    "net": 'cd /sys/class/net; for name in *; do cd "$name"; '
    'echo "$name $(cat ifindex mtu address operstate | tr "\\n" " ")"; cd ..; done',
}
"""What is asked of the guest just before it is stopped: name -> command."""
OPERATIONAL = {"unknown": 0, "notpresent": 1, "down": 2, "lowerlayerdown": 3, "dormant": 5, "up": 6}
"""States of devices as /sys names them (include/uapi/linux/if.h: IF_OPER_*)."""
OURS = ("sh", "cat", "sed", "agent")
"""Programs that answer: what they are and have open is another at each moment."""


class Stopped:
    """A stopped guest's dump, and what it said of itself before: output by name of `ASKED`."""

    def __init__(self, kernel: Kernel, said: dict[str, list[str]]) -> None:
        self.kernel = kernel
        self.said = said

    def rows(self, table: str, *patterns: str) -> list[Any]:
        """Return the rows of a table, which may have no notes."""
        found = list(self.kernel.table(table, *patterns).rows)
        assert not [row.text for row in found if isinstance(row, Note)]
        return found


@pytest.fixture(scope="module")
def stopped(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    path: Path = tmp_path_factory.mktemp("tables") / "dump"
    # What has ended meanwhile cannot be read: no status counts.
    said = {
        name: guest.run(command).stdout.decode("utf-8", "surrogateescape").splitlines()
        for name, command in ASKED.items()
    }
    with guest.stopped():
        guest.dump(path)
    try:
        with open_core(path) as kernel:
            yield Stopped(kernel, said)
    finally:
        path.unlink()


def test_ps(stopped: Stopped) -> None:
    truth = {}
    for line in stopped.said["stat"]:
        pid, _, rest = line.partition(" (")
        comm, _, fields = rest.rpartition(") ")
        truth[int(pid)] = comm[:15], int(fields.split()[1])  # /proc knows longer names of kthreads
    found = {row["pid"]: (row["comm"], row["ppid"]) for row in stopped.rows("ps")}
    both = {pid for pid in truth.keys() & found if truth[pid][0] not in OURS}
    moving = {pid for pid in both if truth[pid][0].startswith("kworker")}  # named by their work
    assert len(both) > 40
    assert {p: truth[p] for p in both - moving} == {p: found[p] for p in both - moving}


def test_files(stopped: Stopped) -> None:
    ours = {row["pid"] for row in stopped.rows("ps") if row["comm"] in OURS}
    truth = {}
    for line in stopped.said["fds"]:
        where, _, path = line.partition(" ")
        _, _, pid, _, fd = where.split("/")
        truth[int(pid), int(fd)] = path
    found = {(row["pid"], row["fd"]): row["path"] for row in stopped.rows("files")}
    steady = {key for key in found if key[0] not in ours}
    assert len(steady) > 40
    assert {k: truth[k] for k in steady & truth.keys()} == {k: found[k] for k in steady}


def test_mounts(stopped: Stopped) -> None:
    truth = [tuple(line.split()[:3]) for line in stopped.said["mounts"]]
    found = [(r["source"], r["target"], r["fstype"]) for r in stopped.rows("mounts", "1")]
    assert found == truth


def test_vm(stopped: Stopped) -> None:
    ours = {row["pid"] for row in stopped.rows("ps") if row["comm"] in OURS}
    truth: dict[int, list[tuple[str, str, str]]] = {}
    for line in stopped.said["maps"]:
        where, extent, perms, offset, _, _, *path = line.split(maxsplit=6)
        if path != ["[vsyscall]"]:  # no mapping of any process
            row = extent, f"{perms} {int(offset, 16)}", "".join(path).strip()
            truth.setdefault(int(where.split("/")[2]), []).append(row)
    found: dict[int, list[tuple[str, str, str]]] = {}
    for row in stopped.rows("vm"):
        extent = "-".join(f"{row[end]:08x}" for end in ("start", "end"))
        found.setdefault(row["pid"], []).append(
            (extent, f"{row['perms']} {row['offset']}", row["path"] or "")
        )
    steady = (truth.keys() & found.keys()) - ours
    assert len(steady) > 8
    assert {pid: truth[pid] for pid in steady} == {pid: found[pid] for pid in steady}


def test_modules(stopped: Stopped) -> None:
    truth = {line.split()[0]: int(line.split()[1]) for line in stopped.said["modules"]}
    assert {row["name"]: row["size"] for row in stopped.rows("modules")} == truth


def test_slabs(stopped: Stopped) -> None:
    """Objects come and go; those of a size are what they are. A merged cache is listed once."""
    truth = {line.split()[0]: int(line.split()[3]) for line in stopped.said["slabs"][2:]}
    found = {row["name"]: row["size"] for row in stopped.rows("slabs")}
    assert len(truth) > 50
    assert {name: found[name] for name in truth} == truth


def test_the_log(stopped: Stopped) -> None:
    """By syslog(2) every line has the moment before it; printed, those after the first have not."""
    lines = [
        f"[{stamp(row['ts'])}] {line}"
        for row in stopped.rows("log")
        for line in row["text"].split("\n")
        if row["facility"] == 0
    ]
    raw = [line[1:].partition(">") for line in stopped.said["log"]]
    truth = [text for priority, _, text in raw if int(priority) < 8]
    assert len(truth) > 200
    assert lines[: len(truth)] == truth


def test_the_system(stopped: Stopped) -> None:
    (row,) = stopped.rows("sys")
    assert [row[name] for name in ("release", "version", "machine", "hostname")] == (
        stopped.said["names"]
    )
    assert [row["cmdline"].rstrip()] == [line.rstrip() for line in stopped.said["cmdline"]]
    assert row["panic"] is None


def test_network_devices(stopped: Stopped) -> None:
    truth = {}
    for line in stopped.said["net"]:
        name, ifindex, mtu, mac, state = line.split()
        truth[name] = int(ifindex), int(mtu), mac, OPERATIONAL[state]
    found: dict[str, tuple[int, int, str, int]] = {}
    for row in stopped.rows("net"):  # those of the first namespace come first
        found.setdefault(row["name"], (row["ifindex"], row["mtu"], row["mac"], row["state"]))
    assert truth
    assert {name: found.get(name) for name in truth} == truth


def test_sockets(stopped: Stopped) -> None:
    def end(text: str) -> str | None:
        address, port = text.split(":")
        octets = reversed(bytes.fromhex(address))  # a number in the byte order of x86-64
        return f"{'.'.join(map(str, octets))}:{int(port, 16)}"

    rows = stopped.rows("sockets")
    rows = [row for row in rows if row["netns"] == rows[0]["netns"]]
    inet = [line.split() for line in stopped.said["inet"] if not line.lstrip().startswith("sl")]
    truth = {(end(line[1]), int(line[3], 16), int(line[9])) for line in inet}
    found = {
        (row["local"], row["state"], row["inode"])
        for row in rows
        if row["family"] == 2 and row["protocol"] in ("TCP", "UDP")
    }
    assert truth
    assert found == truth
    for name, family, column in (("unix", 1, 6), ("netlink", 16, 9)):
        inodes = sorted(int(line.split()[column]) for line in stopped.said[name][1:])
        assert inodes
        assert sorted(row["inode"] for row in rows if row["family"] == family) == inodes


def test_interrupts(stopped: Stopped) -> None:
    found = {row["irq"]: ", ".join(row["actions"]) for row in stopped.rows("irqs")}
    truth = {}
    for line in stopped.said["interrupts"]:
        number, _, rest = line.partition(":")
        if number.strip().isdigit():
            truth[int(number)] = rest
    assert len(truth) > 4
    assert all(truth[number].endswith(f"  {found[number]}") for number in truth)


def test_memory(stopped: Stopped) -> None:
    truth = {line.split(":")[0]: int(line.split()[1]) << 10 for line in stopped.said["memory"]}
    found = {row["name"]: row["size"] for row in stopped.rows("mem")}
    assert found["total"] == truth["MemTotal"]
    assert abs(found["free"] - truth["MemFree"]) < 16 << 20


def test_stacks(stopped: Stopped) -> None:
    """/proc leaves out the scheduler's own functions, and calls some by another of their names."""
    target = stopped.kernel.target
    start, end = target.symbol("__sched_text_start"), target.symbol("__sched_text_end")
    truth: dict[int, list[str]] = {}
    for line in stopped.said["stacks"]:
        where, _, frame = line.partition(" [<0>] ")
        truth.setdefault(int(where.split("/")[2]), []).append(frame.partition("/")[0])
    rows = {row["pid"]: row for row in stopped.rows("stack") if row["comm"] not in OURS}
    told = {pid: rows[pid] for pid in rows.keys() & truth.keys() if rows[pid]["state"] in "SI"}
    moving = {pid for pid, row in told.items() if row["comm"].startswith(("kworker", "rcu"))}
    assert len(told.keys() - moving) > 30
    for pid in told.keys() - moving:
        frames = [int(frame["pc"], 16) for frame in told[pid]["frames"] if not frame["user"]]
        shown = [pc for pc in frames if not start <= pc < end]
        assert len(shown) == len(truth[pid]), pid
        for pc, name in zip(shown, truth[pid], strict=True):
            symbol, _, offset = name.partition("+")
            places = {one.address for one in symbols_named(target, symbol)}
            assert pc - int(offset, 16) in places, (pid, name)


def test_signals(stopped: Stopped) -> None:
    truth: dict[int, list[int]] = {}
    pid = 0
    for line in stopped.said["status"]:
        key, _, value = line.partition(":")
        if key == "Pid":
            pid = int(value)
        elif key in ("SigBlk", "SigIgn", "SigCgt"):
            truth.setdefault(pid, []).append(int(value, 16).bit_count())
    found = {
        row["pid"]: [len(row[name]) for name in ("blocked", "ignored", "caught")]
        for row in stopped.rows("signals")
        if row["comm"] not in OURS
    }
    both = truth.keys() & found.keys()
    assert len(both) > 40
    assert {pid: truth[pid] for pid in both} == {pid: found[pid] for pid in both}


def test_locks(stopped: Stopped) -> None:
    truth = [line.split() for line in stopped.said["locks"]]
    rows = stopped.rows("locks")
    assert truth
    assert sorted((row["kind"], row["mode"], row["type"], row["pid"]) for row in rows) == (
        sorted((line[1], line[2], line[3], int(line[4])) for line in truth if "->" not in line)
    )


def test_parameters(stopped: Stopped) -> None:
    truth = {}
    for line in stopped.said["parameters"]:
        file, _, value = line.partition(" ")
        module, _, name = file.split("/")
        truth[module, name] = value
    found = {
        (row["module"], row["name"]): row["value"]
        for row in stopped.rows("params")
        if row["module"] is not None and row["value"] is not None
    }
    both = truth.keys() & found.keys()
    assert len(both) > 30
    told = {}
    for key in both:
        values = found[key] if isinstance(found[key], list) else [found[key]]
        told[key] = ",".join("NY"[one] if isinstance(one, bool) else str(one) for one in values)
    assert {key: truth[key] for key in both} == told


def test_devices(stopped: Stopped) -> None:
    kinds = {"Character devices:": "char", "Block devices:": "block"}
    truth, kind = set(), ""
    for line in stopped.said["devices"]:
        kind = kinds.get(line, kind)
        if line[:4].strip().isdigit():
            major, name = line.split()
            truth.add((kind, int(major), name))
    found = {(row["kind"], row["major"], row["name"]) for row in stopped.rows("devices")}
    assert len(truth) > 10
    assert found == truth


def test_routes(stopped: Stopped) -> None:
    truth = set()
    for line in stopped.said["route"][1:]:
        device, dst, _, _, _, _, metric, mask = line.split()[:8]
        octets = ".".join(map(str, bytes.fromhex(dst)[::-1]))
        truth.add((f"{octets}/{int(mask, 16).bit_count()}", device, int(metric)))
    rows = stopped.rows("routes")
    main = [row for row in rows if row["family"] == 2 and row["rt_table"] == 254]
    assert truth
    assert {(row["dst"], row["dev"], row["metric"]) for row in main} == truth


def test_symbols(stopped: Stopped) -> None:
    """All of vmlinux; of per-CPU variables, and where several share an address, too."""
    truth = set()
    for line in stopped.said["kallsyms"]:
        address, _, name, *module = line.split()
        if not module:
            truth.add((int(address, 16), name))
    found = {
        (int(row["address"], 16), row["name"])
        for row in stopped.rows("kallsyms")
        if row["module"] in (None, "vmlinux")
    }
    assert len(truth) > 50_000
    assert found == truth
