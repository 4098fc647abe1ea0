"""BPF programs, links and their like, out of a guest: equal to what bpftool says inside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core, open_qemu
from btfdump._roots import Query
from btfdump._roots.holders import find_holders
from tests.support.registered import known_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel
    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel

_BPFTOOL = {
    "progs": "bpftool prog show -j",
    "links": "bpftool link show -j",
    "struct_ops": "bpftool struct_ops show -j",
    "perf": "bpftool perf show -j",
    "net": "bpftool net show -j",
    "tagged": "bpftool btf dump id 1 -j",
}
# The old ways to attach a program, which bpfload does not take.
_ATTACH = """
bpftool cgroup attach /sys/fs/cgroup/thicket egress name on_egress
bpftool net attach xdpgeneric name on_frame dev lo
"""
_DETACH = """
bpftool net detach xdpgeneric dev lo
bpftool cgroup detach /sys/fs/cgroup/thicket egress name on_egress
"""
# Programs run while statistics are counted; afterwards the counts stay as they are.
_COUNT = """
echo 1 > /proc/sys/kernel/bpf_stats_enabled
for i in 1 2 3; do cat /proc/version > /dev/null; sleep 0.1; done
echo 0 > /proc/sys/kernel/bpf_stats_enabled
"""


@dataclass(frozen=True)
class Frozen:
    """A guest's memory, and what bpftool said of it right before."""

    kernel: Kernel
    said: dict[str, Any]
    controls: list[str]

    def table(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a table, as JSON has them; there must be no note."""
        rows = list(known_table(name).table(self.kernel, Query()).rows)
        return json.loads(json.dumps(rows))


@pytest.fixture(scope="module")
def frozen(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frozen]:
    guest.check(_COUNT)
    guest.check(_ATTACH)
    said = {name: json.loads(guest.check(command)) for name, command in _BPFTOOL.items()}
    available = guest.check("cat /proc/sys/net/ipv4/tcp_available_congestion_control")
    path = tmp_path_factory.mktemp("frozen") / "vmcore"
    with guest.stopped():
        guest.dump(path, "kdump-zlib")
    guest.check(_DETACH)
    with open_core(path) as kernel:
        yield Frozen(kernel, said, available.decode().split())
    path.unlink()


def test_progs(frozen: Frozen):
    rows = frozen.table("progs")
    assert len(rows) > 10
    assert [
        {
            "id": row["id"],
            "type": row["type"],
            "name": row["name"],
            "tag": row["tag"],
            "uid": row["uid"],
            "bytes_xlated": row["bytes_xlated"],
            "bytes_jited": row["bytes_jited"],
            "map_ids": row["maps"],
            "btf_id": row["btf_id"],
            "run_cnt": row["runs"],
            "run_time_ns": row["run_ns"],
        }
        for row in rows
    ] == [
        {
            **{k: p[k] for k in ("id", "type", "name", "tag", "uid", "bytes_xlated")},
            "bytes_jited": p.get("bytes_jited", 0),
            "map_ids": p.get("map_ids", []),
            "btf_id": p.get("btf_id"),
            "run_cnt": p.get("run_cnt", 0),
            "run_time_ns": p.get("run_time_ns", 0),
        }
        for p in frozen.said["progs"]
    ]
    assert sum(row["runs"] for row in rows) > 0


def test_links(frozen: Frozen):
    """Every key that both know; bpftool's own depend on its version."""
    rows = frozen.table("links")
    said = frozen.said["links"]
    assert len(rows) == len(said) > 5
    progs = {prog["id"]: prog for prog in frozen.said["progs"]}
    for row, link in zip(rows, said, strict=True):
        known = {key: row[key] for key in link if key in row}
        assert known == {key: link[key] for key in known}
        assert {"id", "type", "prog_id"} <= set(known)
        assert row["prog"] == f"{link['prog_id']} {progs[link['prog_id']]['name']}"
    assert {"tp_name", "attach_type", "cgroup_id", "target_name"} <= {
        k for row in rows for k in row
    }


def test_where_links_lead(frozen: Frozen):
    targets = {row["prog_id"]: row["target"] for row in frozen.table("links")}
    for event in frozen.said["perf"]:
        name = event.get("func") or event["tracepoint"]
        assert targets[event["prog_id"]].endswith(name)
    assert "dum0" in targets.values()


def test_programs_without_a_link(frozen: Frozen):
    attached = {row["name"]: row["attached"] for row in frozen.table("progs")}
    assert "cgroup_inet_egress of cgroup /thicket" in attached["on_egress"]
    assert "cgroup_inet_egress of cgroup /grove" not in attached["on_egress"]  # that is a link
    assert [place for place in attached["on_frame"] if place.startswith("xdp")] == ["xdp skb lo"]
    devices = {device["devname"] for device in frozen.said["net"][0]["xdp"]}
    assert devices == {"dum0", "lo"}


def test_struct_ops(frozen: Frozen):
    rows = frozen.table("struct-ops")
    names = {prog["id"]: prog["name"] for prog in frozen.said["progs"]}
    (said,) = frozen.said["struct_ops"]
    assert {row["map_id"] for row in rows} == {said["id"]}
    assert {row["type"] for row in rows} == {said["kernel_struct_ops"]}
    slots = {row["slot"]: names[row["prog_id"]] for row in rows}
    prefix = said["name"]
    assert slots == {
        name: f"{prefix}_{name}" for name in ("init", "ssthresh", "cong_avoid", "undo_cwnd")
    }


def test_congestion_controls(frozen: Frozen):
    rows = frozen.table("tcp-cc")
    # "reno" is listed first by the kernel's own walk as well.
    assert [row["name"] for row in rows] == frozen.controls
    assert [row["name"] for row in rows if row["default"]] == ["cubic"]


def test_trampolines(frozen: Frozen):
    """A tracing or LSM program with a link hangs on the trampoline of its function."""
    rows = frozen.table("trampolines")
    found = {prog for row in rows for ids in row["prog_ids"].values() for prog in ids}
    assert found == {link["prog_id"] for link in frozen.said["links"] if link["type"] == "tracing"}
    hooks = frozen.table("lsm-hooks")
    assert [row["hook"] for row in hooks] == ["file_open"]


def test_iterators(frozen: Frozen):
    rows = {row["name"]: row["progs"] for row in frozen.table("bpf-iters")}
    for link in frozen.said["links"]:
        if link["type"] == "iter":
            assert any(str(link["prog_id"]) in prog for prog in rows[link["target_name"]])


def test_kfuncs(frozen: Frozen):
    rows = frozen.table("kfuncs")
    types = frozen.said["tagged"]["types"]
    funcs = {t["id"]: t["name"] for t in types if t["kind"] == "FUNC"}
    assert {row["name"] for row in rows if row["module"] == "vmlinux"} <= set(funcs.values())
    marked = {
        funcs[t["type_id"]] for t in types if t["kind"] == "DECL_TAG" and t["name"] == "bpf_kfunc"
    }
    assert marked <= {row["name"] for row in rows}
    (destructive,) = (row for row in rows if row["name"] == "crash_kexec")
    assert destructive["flags"] == ["KF_DESTRUCTIVE"]
    assert "tracing" in destructive["hooks"]


def test_who_holds_them(frozen: Frozen, guest: Guest):
    loader = guest.check("pidof bpfload").decode().strip()
    assert find_holders(frozen.kernel).notes == []
    assert {tuple(row["owner"]) for row in frozen.table("links")} == {(f"bpfload({loader})",)}


def settled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what goes on while nobody looks."""
    moving = {"runs", "run_ns", "misses", "attached"}
    return [{key: row[key] for key in row if key not in moving} for row in rows]


@pytest.mark.parametrize("name", ["progs", "kfuncs"])
def test_the_same_from_inside(frozen: Frozen, guest: Guest, name: str):
    document = json.loads(guest.check(f"btfdump live {name} --format json"))
    assert document["notes"] == []
    assert settled(document["rows"]) == settled(frozen.table(name))


def test_the_same_from_outside(frozen: Frozen, guest: Guest):
    with open_qemu(guest.qmp_socket) as kernel:
        running = Frozen(kernel, {}, [])
        for name in (
            "progs",
            "links",
            "kfuncs",
            "struct-ops",
            "tcp-cc",
            "trampolines",
            "bpf-iters",
        ):
            assert settled(running.table(name)) == settled(frozen.table(name)), name
