"""The table of sockets, against what DWARF and the guests themselves told."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of
from btfdump.errors import MissingDataError
from tests.support.patched import PatchedKernel
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel

PROTOCOLS = {0: None, 6: "TCP", 17: "UDP"}


def rows(kernel: Kernel, *patterns: str) -> list[dict[str, Any]]:
    kind = table_of("sockets")
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query(patterns)).rows)
    assert not [row for row in found if isinstance(row, Note)]
    return found


def test_sockets_of_stock(opened, truth):
    found = {(row["pid"], row["fd"]): row for row in rows(opened("stock")) if row["pid"]}
    seen = 0
    for task in truth("stock", "-3")["tasks"]:
        for file in task.get("files") or () if task["pid"] == task["tgid"] else ():
            known = file.get("socket")
            if known is None:
                continue
            seen += 1
            row = found.pop((task["pid"], file["fd"]))
            assert row["sock"] == int(known["sk"], 16)
            assert (row["comm"], row["inode"]) == (task["comm"], file["ino"])
            assert row["protocol"] == PROTOCOLS[known["protocol"]]
            for name in ("family", "type", "state"):
                assert row[name] == known[name]
            if known["family"] != 2:
                continue
            assert row["local"] == f"{known['laddr']}:{known['lport']}"
            remote = f"{known['raddr']}:{known['rport']}"
            assert row["remote"] == (remote if known["rport"] else None)
    assert seen == 8
    assert {row["local"] for row in found.values()} == {"/tmp/data/delta.sock"}


@pytest.mark.parametrize("name", ["stock", "tagged", "s390x"])
def test_what_proc_printed(opened, console, name):
    """/proc/net has those of the first namespace: addresses, states, queues, inodes."""
    kernel = opened(name)
    first = int(kernel["init_net"].ns.inum)
    own = [row for row in rows(kernel) if row["netns"] == first]
    for protocol in ("tcp", "udp"):
        lines = [line.split() for line in console(name, protocol).splitlines()[1:] if line]
        printed = {
            (
                endpoint(line[1], kernel),
                endpoint(line[2], kernel),
                int(line[3], 16),
                *(int(number, 16) for number in line[4].split(":")),
                int(line[9]),
            )
            for line in lines
        }
        told = {
            (
                row["local"],
                row["remote"],
                row["state"],
                0 if row["state"] == 10 else row["sendq"],
                row["recvq"],
                row["inode"],
            )
            for row in own
            if row["protocol"] == protocol.upper()
        }
        assert told == printed
    lines = [line.split() for line in console(name, "unix").splitlines()[1:] if line]
    printed_unix = {(int(line[4], 16), int(line[6]), (*line[7:], None)[0]) for line in lines}
    assert printed_unix == {
        (row["type"], row["inode"], row["local"]) for row in own if row["family"] == 1
    }


def endpoint(text: str, kernel: Kernel) -> str | None:
    """Return an address of /proc/net/tcp, which prints its bytes as a number."""
    address, port = (int(part, 16) for part in text.split(":"))
    if not address and not port:
        return None
    data = address.to_bytes(4, kernel.target.platform.byteorder)
    return f"{ip_address(data)}:{port}"


@pytest.mark.parametrize("name", ["stock-7.3", "tagged", "s390x", "garden"])
def test_sockets_of_other_kernels(opened, name):
    """Both ends of a connection, its listener, and what has no file at all."""
    found = rows(opened(name))
    connected = {row["local"]: row["remote"] for row in found if row["state"] == 1}
    assert connected.pop(connected["127.0.0.1:4242"]) == "127.0.0.1:4242"
    listening = {row["local"] for row in found if row["state"] == 10}
    assert {"127.0.0.1:4242", "127.0.0.1:9100"} <= listening
    assert [row for row in found if row["family"] == 16 and row["pid"] is None]
    assert all(row["netns"] and row["inode"] for row in found)
    pairs = {row["inode"]: row["remote"] for row in found if row["type"] == 5}
    assert pairs
    assert all(pairs[int(peer.split()[1])] == f"inode {own}" for own, peer in pairs.items())


def test_arguments_are_ids_or_names(opened):
    kernel = opened("stock")
    assert {row["pid"] for row in rows(kernel, "192")} == {192}
    assert {row["pid"] for row in rows(kernel, "btfs*")} == {167}
    assert rows(kernel, "nobody") == []


@pytest.mark.parametrize("table", ["sockets", "locks", "waiters"])
def test_a_task_that_has_none_is_no_mistake(opened, table):
    kind = table_of(table)
    assert kind is not None
    query = Query(("kthreadd", "2", "nobody"))
    assert list(kind.table(opened("stock"), query).rows) == []
    assert query.unmatched(0) == ["nobody"]


def test_damage_is_told_and_what_is_left_is_shown(opened):
    kernel = PatchedKernel(opened("stock"))
    (row,) = [row for row in rows(kernel, "192") if row["fd"] == 5]
    start = kernel.struct("sock").offset("__sk_common.skc_nulls_node")
    kernel.target.write(row["sock"] + start, (0x1230).to_bytes(8, "little"))
    kind = table_of("sockets")
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query()).rows)
    notes = [one.text for one in found if isinstance(one, Note)]
    assert len(notes) == 1
    assert "is unreadable: not mapped" in notes[0]
    assert row["sock"] in [one["sock"] for one in found if not isinstance(one, Note)]


def test_a_kernel_without_networking_says_so():
    kind = table_of("sockets")
    assert kind is not None
    with pytest.raises(MissingDataError, match="without networking"):
        kind.table(World().kernel(), Query())
