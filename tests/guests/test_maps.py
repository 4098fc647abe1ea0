"""Maps in a guest, element by element as bpftool dumps them inside it, and as its workload says."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from btfdump._bpf.maps.elements import Element
from btfdump._btf import types
from btfdump._cli import main
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._kernel.notes import Note
from btfdump._roots import Query
from sample_dumps.build.guest import Guest
from tests.support.registered import known_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._decode.layout import Layout
    from btfdump._kernel.value import Value

pytestmark = pytest.mark.kernel

BUSY = {"array_cpu", "values.bss"}
"""Maps that programs change while bpftool itself is started."""
# The kernel gives user space no contents of these: storage by its owner, the rest not at all.
SILENT = {"ringbuf", "queue", "stack", "bloom_filter"}
SPECIAL = {"bpf_spin_lock", "bpf_timer", "bpf_wq", "bpf_list_head", "bpf_rb_root", "bpf_refcount"}
"""Fields of values that the kernel does not copy to user space."""


@dataclass
class Scene:
    """A guest's memory, and what was said inside it just before it was stopped."""

    kernel: Kernel
    shown: list[dict[str, Any]]
    dumped: dict[str, list[dict[str, Any]]]
    workload: Any


@pytest.fixture(scope="module")
def scene(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    shown = json.loads(guest.check("bpftool map show -j"))
    for map_ in shown:
        map_["type"] = {32: "cgrp_storage"}.get(map_["type"], map_["type"])  # newer than bpftool
    ids = " ".join(str(map_["id"]) for map_ in shown)
    command = f"for id in {ids}; do bpftool map dump id $id -j; echo; done"
    lines = [ln for ln in guest.check(command).decode().splitlines() if ln]
    dumped = {m["name"]: json.loads(line) for m, line in zip(shown, lines, strict=True)}
    workload = guest.workload()
    path = tmp_path_factory.mktemp("maps") / "vmcore"
    with guest.stopped():
        guest.dump(path, "kdump-zlib")
    with open_core(path) as kernel:
        yield Scene(kernel, shown, dumped, workload)
    path.unlink()


def hexes(words: list[str]) -> str:
    return "".join(word.removeprefix("0x") for word in words)


def elements(map_: MapValue) -> list[Element]:
    found = list(map_.elements_())
    assert all(isinstance(item, Element) for item in found), map_.name_
    return [item for item in found if isinstance(item, Element)]


def special_bytes(layout: Layout, at: int = 0) -> Iterator[int]:
    """Yield the offsets of a value's bytes that user space does not get as they are."""
    if isinstance(layout, ArrayLayout):
        for index in range(layout.length):
            yield from special_bytes(layout.element, at + index * layout.element.size)
    elif isinstance(layout, StructLayout):
        for member in layout.members:
            inner = layout._layouts.of_member(member, layout)
            base = member.member.btf.skip_modifiers(member.member.type_id)
            tags = base.btf.type_tags(base.type_id) if isinstance(base, types.Ptr) else ()
            if base.name in SPECIAL or "kptr" in tags:
                yield from range(at + member.offset, at + member.offset + inner.size)
            else:
                yield from special_bytes(inner, at + member.offset)


def plain_bytes(value: Value, data: bytes) -> bytes:
    """Return a value's bytes with those of special fields zeroed."""
    found = bytearray(data)
    for offset in special_bytes(value._layout_):
        found[offset] = 0
    return bytes(found)


def test_the_table_is_that_of_bpftool(scene: Scene):
    rows = [
        r for r in known_table("maps").table(scene.kernel, Query()).rows if not isinstance(r, Note)
    ]
    assert [(r["id"], r["type"], r["name"]) for r in rows] == [
        (m["id"], m["type"], m["name"]) for m in scene.shown
    ]
    has_sums = scene.kernel.value("struct bpf_map_ops", 0).has_member_("map_mem_usage")
    for row, map_ in zip(rows, scene.shown, strict=True):
        assert (row["key_size"], row["value_size"]) == (map_["bytes_key"], map_["bytes_value"])
        assert (row["max"] or 0, row["flags"]) == (map_["max_entries"], map_["flags"])
        assert row["btf_id"] == map_.get("btf_id")
        if has_sums and row["memory"] is not None:  # Linux 6.4; before, bpftool had a guess
            assert row["memory"] == map_["bytes_memlock"], row["name"]
    assert sum(row["memory"] is None for row in rows) <= 1  # struct_ops


def objects_of(kind: str, element: Element) -> str:
    """Return what user space sees in the place of a pointer: an id, a device, a queue's length."""
    value = element.value
    number = {
        "prog_array": lambda: value.aux.id,
        "hash_of_maps": lambda: value.id,
        "array_of_maps": lambda: value.id,
        "devmap": lambda: value.val.ifindex,
        "cpumap": lambda: value.member_("value").qsize,
    }[kind]()
    return int(number).to_bytes(4, "little").hex()


def test_every_element_is_that_of_bpftool(scene: Scene):
    compared = 0
    for shown in scene.shown:
        name, kind = shown["name"], shown["type"]
        map_ = scene.kernel.bpf.map(shown["id"])
        if kind in SILENT or kind.endswith("_storage") or kind in ("struct_ops", "stack_trace"):
            continue
        found = elements(map_)
        expected = [e for e in scene.dumped[name] if not isinstance(e.get("value"), dict)]
        if kind in ("perf_event_array", "cgroup_array", "sockmap"):
            assert not expected  # what they hold cannot be looked up by user space
            assert len(found) == 1
            continue
        copies = [
            (hexes(entry["key"]), copy["cpu"], hexes(copy["value"]))
            for entry in expected
            for copy in entry.get("values") or [{"cpu": None, "value": entry["value"]}]
        ]
        if name in BUSY:
            assert len(found) == len(copies)
            continue
        if kind in ("prog_array", "hash_of_maps", "array_of_maps", "devmap", "cpumap"):
            mine = [(e.key.bytes_().hex(), e.cpu, objects_of(kind, e)) for e in found]  # type: ignore[union-attr]
        else:
            mine = [
                (e.key.bytes_().hex(), e.cpu, plain_bytes(e.value, e.value.bytes_()).hex())  # type: ignore[union-attr]
                for e in found
            ]
            copies = [
                (key, cpu, plain_bytes(found[0].value, bytes.fromhex(data)).hex())
                for key, cpu, data in copies
            ]
        assert sorted(mine, key=str) == sorted(copies, key=str), name
        compared += len(mine)
    assert compared > 60


def test_values_are_formatted_alike(scene: Scene):
    """Typed values agree with what bpftool makes of the same BTF."""
    compared = 0
    for name in ("by_port", "by_number", "recent", "routes", "prefixes", "inner_a"):
        found = {e.key.bytes_().hex(): e for e in elements(scene.kernel.bpf.map(name))}  # type: ignore[union-attr]
        for entry in scene.dumped[name]:
            element = found[hexes(entry["key"])]
            assert alike(element.key.value_(), entry["formatted"]["key"])  # type: ignore[union-attr]
            assert alike(element.value.value_(), entry["formatted"]["value"])
            compared += 1
    assert compared >= 30


def alike(mine: Any, formatted: Any) -> bool:
    """Whether a value is what bpftool printed: chars one by one, bytes as hexadecimal strings."""
    if isinstance(mine, dict):
        return mine.keys() == formatted.keys() and all(
            alike(value, formatted[name]) for name, value in mine.items()
        )
    if isinstance(mine, str) and isinstance(formatted, list):
        text = "".join(str(c) for c in formatted if not (isinstance(c, str) and c == "\\u0000"))
        return text.split("\0")[0].startswith(mine) or mine == ""
    if isinstance(mine, list):
        return len(mine) == len(formatted) and all(
            starmap(alike, zip(mine, formatted, strict=True))
        )
    if isinstance(formatted, str):
        return str(mine) == formatted or mine == int(formatted, 0)
    return bool(mine == formatted)


def test_stacks_are_those_of_bpftool(scene: Scene):
    (element,) = elements(scene.kernel.bpf.map("stacks"))
    (entry,) = scene.dumped["stacks"]
    assert element.key.bytes_().hex() == hexes(entry["key"])  # type: ignore[union-attr]
    assert hexes(entry["value"]).startswith(element.value.bytes_().hex())
    assert not hexes(entry["value"])[2 * element.value.size_ :].strip("0")
    names = [scene.kernel.symbolize(int(frame)) or "" for frame in element.value]
    assert any(name.startswith("bprm_execve") for name in names)


def test_what_user_space_wrote(scene: Scene):
    by_map: dict[str, list[dict[str, Any]]] = {}
    for record in scene.workload["elements"]:
        by_map.setdefault(record["map"], []).append(record)
    assert len(by_map) >= 19
    for name, records in by_map.items():
        map_ = scene.kernel.bpf.map(name)
        values = [record["value"] for record in records]
        found = elements(map_)
        mine = [element.value.bytes_().hex() for element in found]
        if name == "waiting":
            assert mine == values
        elif name == "pile":
            assert mine == values[::-1]
        elif name == "seen":
            assert re.fullmatch(r"\d+ of 1024 bits set, 5 hash functions", found[0].remark)
        elif records[0]["owner"] is not None:
            stored = {
                (owner_of(element), value) for element, value in zip(found, mine, strict=True)
            }
            assert {(wanted(r["owner"]), r["value"]) for r in records} <= stored
        else:
            copies: dict[str, str] = {}
            for element, value in zip(found, mine, strict=True):
                key = element.key.bytes_().hex()  # type: ignore[union-attr]
                copies[key] = copies.get(key, "") + value
            assert {r["key"]: r["value"] for r in records}.items() <= copies.items()


def owner_of(element: Element) -> int:
    owner = element.owner
    assert owner is not None
    return {
        "struct task_struct": lambda: int(owner.pid),
        "struct inode": lambda: int(owner.i_ino),
        "struct sock": lambda: int(owner.member_("__sk_common").skc_num),
        "struct cgroup": lambda: int(owner.kn.id),
    }[str(owner.type_)]()


def wanted(owner: dict[str, Any]) -> int:
    return next(owner[name] for name in ("pid", "ino", "port", "id") if name in owner)


def test_what_programs_wrote(scene: Scene):
    records = [(e.value.bytes_(), e.remark) for e in elements(scene.kernel.bpf.map("events"))]
    states = [remark.rpartition(", ")[2] for _, remark in records]
    assert states == ["committed", "discarded", "committed"]
    assert [data[0] for data, _ in records] == [70, 71, 72]
    guard = scene.kernel.bpf.map("guards")[1]
    assert (int(guard.count), int(guard.total)) == (1, 1000)
    alarms = {int(key): int(value.number) for key, value in scene.kernel.bpf.map("alarms").items_()}  # type: ignore[arg-type]
    assert alarms == {0: 50, 1: 51}
    kin = {int(value.pid) for _, value in scene.kernel.bpf.map("task_kin").items_()}
    assert len(kin) >= 5


def test_what_maps_of_objects_hold(scene: Scene):
    kernel = scene.kernel
    assert kernel.bpf.map("calls")[1].aux.member_("name").string_() == "called"
    assert kernel.bpf.map("groups")[0].kn.member_("name").string_() == "grove"
    assert int(kernel.bpf.map("sockets")[0].member_("__sk_common").skc_num) == 9100
    assert kernel.bpf.map("devices")[1].dev.member_("name").string_() == "dum0"
    assert str(kernel.bpf.map("samples")[0].type_) == "struct bpf_event_entry"
    orchard = kernel.bpf.map("orchard")[0]
    assert orchard.data.member_("name").string_() == "orchard"


# Linux 6.1 has no lists and trees in maps.
@pytest.mark.parametrize("guest_kernel", ["6.12"], indirect=True, scope="session")
def test_what_hangs_off_values(scene: Scene):
    assert scene.workload["has_graphs"]
    for graph in scene.workload["graphs"]:
        if graph["head"] == "holders":
            fields = graph["fields"]
            value = scene.kernel.bpf.map("holders")[fields["key"]]
            assert int(value.task.pid) == fields["pid"]
            assert int(value.leaf.number) == fields["leaf"]
    leaves = scene.kernel.bpf.map(".bss.list")[0].leaves.walk_()
    wanted = [g["fields"]["number"] for g in scene.workload["graphs"] if g["type"] == "leaf"]
    assert [int(leaf.number) for leaf in leaves] == wanted
    fruits = scene.kernel.bpf.map(".bss.tree")[0].fruits.walk_()
    wanted = [g["fields"]["weight"] for g in scene.workload["graphs"] if g["type"] == "fruit"]
    assert [int(fruit.weight) for fruit in fruits] == wanted


# The same kernel, running


def test_inside_the_guest(guest: Guest, scene: Scene):
    out = guest.check("btfdump live map by_port --format jsonl")
    live = json.loads(out)
    frozen = json.loads("".join(scene.kernel.dump(scene.kernel.bpf.map("by_port"), "jsonl")))
    assert live == frozen


@pytest.mark.parametrize("version", ["6.12"])
def test_a_machine_without_bpf(guest_tools: None, version: str, capsys: pytest.CaptureFixture[str]):
    with Guest.boot(version, python=False, memory_mib=256, append="btfdump.idle") as idle:
        assert main(["qemu", str(idle.qmp_socket), "maps", "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"] == []
        assert main(["qemu", str(idle.qmp_socket), "maps", "--format", "text"]) == 0
        assert capsys.readouterr().out.endswith("no maps\n")


def test_from_outside(guest: Guest, scene: Scene, capsys: pytest.CaptureFixture[str]):
    assert main(["qemu", str(guest.qmp_socket), "maps", "by_*", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == ["by_port", "by_number"]
    assert [row["entries"] for row in rows] == [7, 7]
