"""Declared tables as roots: those of the library on real kernels, and users' own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from btfdump._api.opening import open_core
from btfdump._kernel.notes import Note
from btfdump._roots import FLAGS, Query, TableKind, table_of
from btfdump._roots.words import named
from btfdump._tables.library import names
from btfdump.errors import MissingDataError
from tests.support.tabulated import rows

EVERY = ("tagged", "stock", "stock-7.3", "s390x")


RARE = {
    "modules": {"version"},
    "workers": {"running", "queue"},
}
"""Columns that no row of a kernel that is at rest may have anything in."""
WITHOUT_ROWS = {"swaps", "blocks"}
"""Tables that most sample dumps have nothing in."""
NOT_WHOLE = {"params"}
"""Tables that read pages which filtered dumps do not have: a note says so."""


def test_every_declared_table_is_a_root():
    for name in names():
        kind = table_of(name)
        assert isinstance(kind, TableKind)
        assert kind.name == name
        assert set(kind.filters) <= FLAGS.keys()


@pytest.mark.parametrize("kernel", EVERY)
@pytest.mark.parametrize("name", names())
def test_every_table_of_every_kernel_is_complete(opened, kernel, name):
    if name in WITHOUT_ROWS:
        return
    kind = table_of(name)
    assert kind is not None
    table = kind.table(opened(kernel), Query())
    found: list[Any] = list(table.rows)
    assert not table.remark, "a column is lacking"
    assert found
    notes = [row for row in found if isinstance(row, Note)]
    assert not notes or name in NOT_WHOLE
    found = [row for row in found if not isinstance(row, Note)]
    for column in set(table.columns) - RARE.get(name, set()):
        assert any(row[column] is not None for row in found), column


@pytest.mark.parametrize("kernel", EVERY)
def test_ps_against_dwarf(opened, truth, kernel):
    found = {row["pid"]: row for row in rows(opened(kernel), "ps", threads=())}
    tasks = truth(kernel)["tasks"]
    assert len(found) == len(tasks)
    for task in tasks:
        row = found[task["pid"]]
        assert (row["tgid"], row["comm"]) == (task["tgid"], task["comm"])


def test_ps_of_stock(opened, truth):
    found = {row["pid"]: row for row in rows(opened("stock"), "ps", threads=())}
    for task in truth("stock", "-3")["tasks"]:
        row = found[task["pid"]]
        for column in ("tgid", "ppid", "state", "cpu", "uid", "comm"):
            assert row[column] == task[column], (task["pid"], column)
        assert row["task"] == int(task["addr"], 16)
        assert row["vsz"] == (task["total_vm"] * 4096 if task.get("total_vm") else None)
        if task["pid"] != task["tgid"]:
            assert row["time"] == task["utime"] + task["stime"]
        assert row["time"] >= task["utime"] + task["stime"]
    processes = rows(opened("stock"), "ps")
    assert [row["pid"] for row in processes] == [p for p, r in found.items() if p == r["tgid"]]


def test_files_of_stock(opened, truth):
    found = {(row["pid"], row["fd"]): row for row in rows(opened("stock"), "files")}
    recorded = 0
    for task in truth("stock", "-3")["tasks"]:
        if task["pid"] != task["tgid"]:
            continue
        for file in task.get("files") or ():
            row = found.pop((task["pid"], file["fd"]))
            recorded += 1
            assert row["file"] == int(file["file"], 16)
            assert row["mode"] == int(file["mode"], 16)
            assert row["flags"] == int(file["flags"], 16)
            assert (row["pos"], row["inode"]) == (file["pos"], file["ino"])
            if file["path"].startswith("/"):
                assert row["path"].removesuffix(" (deleted)") == file["path"]
    assert recorded > 100
    assert not found


def test_arguments_are_ids_or_names(opened):
    kernel = opened("stock")
    assert {row["pid"] for row in rows(kernel, "ps", "1", "w_al*")} == {1, 184}
    assert {row["comm"] for row in rows(kernel, "files", "w_beta")} == {"w_beta"}


MINE = """
[table.ps.columns]
policy = "task.policy"

[table.mounts-of-init]
help = "mounts"
rows = [{ as = "sb", each = "super_blocks" }]

[table.mounts-of-init.columns]
type = "sb.s_type.name"
device = "sb.s_dev"
"""


@pytest.fixture
def extended(sample, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE, "utf-8")
    with open_core(sample("stock"), overlays=[path]) as kernel:
        yield kernel


def test_users_tables(extended):
    kind = named(extended, "mounts-of-init")
    assert isinstance(kind, TableKind)
    found: list[Any] = list(kind.table(extended, Query()).rows)
    assert "proc" in [row["type"] for row in found]
    kind = named(extended, "ps")
    assert isinstance(kind, TableKind)
    table: Any = kind.table(extended, Query(("1",)))
    assert table.columns[-1] == "policy"
    assert next(iter(table.rows))["policy"] == 0


def test_a_table_that_a_kernel_has_no_rows_for_says_so(extended):
    kind = named(extended, "mounts-of-init")
    assert isinstance(kind, TableKind)
    extended.annotations.sources()[0]._declared["mounts-of-init"]["rows"][0]["each"] = "nowhere"
    with pytest.raises(MissingDataError, match="mounts-of-init: this kernel has no such rows"):
        kind.table(extended, Query())


def test_rows_are_plain_data(opened):
    json.dumps(rows(opened("stock"), "ps", "1"))


def test_tables_are_listed_users_own_among_them(extended):
    kind = table_of("tables")
    assert kind is not None
    found: list[Any] = list(kind.table(extended, Query()).rows)
    listed = {row["name"]: row for row in found}
    assert {"ps", "files", "maps", "mounts-of-init", "tables"} <= listed.keys()
    assert listed["ps"]["options"] == ["--threads", "--tree"]
    assert listed["mounts-of-init"]["help"] == "mounts"


def test_mounts_of_stock(opened, truth):
    found = [
        (row["mount"], row["source"], row["target"], row["fstype"])
        for row in rows(opened("stock"), "mounts")
    ]
    recorded = truth("stock", "-3")["mounts"]
    assert found == [(int(m["mount"], 16), m["src"], m["dst"], m["fstype"]) for m in recorded]


def test_mounts_are_as_the_guest_printed_them(opened, console):
    """Of /proc/self/mountinfo: the options of the mount alone stand before the dash."""
    lines = [line.split() for line in console("stock", "mounts").splitlines() if line]
    found = rows(opened("stock"), "mounts")
    assert [row["target"] for row in found] == [line[4] for line in lines]
    for row, line in zip(found, lines, strict=True):
        _, _, _, _, target, options, _, fstype, source = line[:9]
        assert (row["target"], row["fstype"], row["source"]) == (target, fstype, source)
        assert row["options"] == options


def test_net_of_stock(opened, truth):
    found = {row["device"]: row for row in rows(opened("stock"), "net")}
    for device in truth("stock", "-3")["netdevs"]:
        row = found[int(device["dev"], 16)]
        assert row["flags"] == int(device["flags"], 16)
        for column in ("name", "ifindex", "mtu", "mac"):
            assert row[column] == device[column]
        assert [a for a in row["addresses"] if ":" not in a] == device["ipv4"]


def test_vm_of_stock(opened, truth):
    found: dict[int, list[Any]] = {}
    for row in rows(opened("stock"), "vm"):
        found.setdefault(row["pid"], []).append(row)
    seen = 0
    for task in truth("stock", "-3")["tasks"]:
        if task["pid"] != task["tgid"] or not task.get("vmas"):
            continue
        areas = found.pop(task["pid"])
        assert sum(row["size"] for row in areas) == task["total_vm"] * 4096
        for row, area in zip(areas, task["vmas"], strict=True):
            seen += 1
            assert row["start"] == int(area["start"], 16)
            assert row["end"] == int(area["end"], 16)
            assert row["flags"] == int(area["flags"], 16)
            assert row["offset"] == (area["pgoff"] * 4096 if area["path"] else 0)
            if (area["path"] or "").startswith("/"):
                assert row["path"].removesuffix(" (deleted)") == area["path"]
    assert seen > 100
    assert not found


def test_modules_and_slabs_of_stock(opened, truth):
    recorded = truth("stock", "-3")
    found = [(row["name"], row["module"]) for row in rows(opened("stock"), "modules")]
    assert found == [(m["name"], int(m["addr"], 16)) for m in recorded["modules"]]
    caches = [
        (row["name"], row["cache"], row["size"], row["object_size"])
        for row in rows(opened("stock"), "slabs")
    ]
    assert caches == [
        (c["name"], int(c["addr"], 16), c["size"], c["object_size"]) for c in recorded["slabs"]
    ]


def test_modules_are_as_the_guest_printed_them(opened, console):
    for line in filter(None, console("stock", "modules").splitlines()):
        name, size, references, _, state = line.split()[:5]
        (row,) = rows(opened("stock"), "modules", name)
        assert (row["size"], row["references"], state) == (int(size), int(references), "Live")
