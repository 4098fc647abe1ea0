"""Local storage: every value typed by its map, equal to the byte, and to what was stored."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from btfdump.errors import CorruptDataError, FaultError
from tests.support.bpf_maps import DUMPS, elements, hexes, items
from tests.support.local_storage import element_of, shown

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


import struct
from typing import TYPE_CHECKING

from btfdump.errors import MemberNotFoundError
from tests.support.annotated import dumped, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


def storages(truth: Any) -> Iterator[dict[str, Any]]:
    """Every bpf_local_storage that was found another way, whoever owns it."""
    for kind in ("tasks", "sk_storage", "cgroups"):
        yield from (owner["bpf_storage"] for owner in truth.get(kind) or () if owner["bpf_storage"])
    yield from (inode["storage"] for inode in (truth.get("inode_storage") or {}).get("list", ()))


def elements_of(kernel: Kernel, storage: dict[str, Any]) -> list[Value]:
    address = int(storage["bpf_local_storage"], 16)
    return list(kernel.value("struct bpf_local_storage", address).list.walk_())


@pytest.mark.parametrize("name", DUMPS)
def test_every_element_to_the_byte(name, opened, truth):
    kernel = opened(name)
    count = 0
    for storage in storages(truth(name)):
        found = elements_of(kernel, storage)
        assert len(found) == len(storage["elems"])
        for elem, expected in zip(found, storage["elems"], strict=True):
            value = elem.sdata.data.typed_()
            assert value.address_ == int(expected["data_addr"], 16)
            assert value.bytes_().hex() == expected["data"]
            assert value.facts_ is not None
            assert value.facts_.provenance == f"map {expected['map_name']}"
            count += 1
    assert count >= 32


def unpacked(kernel: Kernel, map_name: str, data: bytes) -> dict[str, Any]:
    """Decode a value by hand, as btfs_types.h of the guest's programs declares it."""
    mark = "<" if kernel.target.platform.byteorder == "little" else ">"

    def text(raw: bytes) -> str:
        return raw.split(b"\0", 1)[0].decode()

    if map_name == "ts_stat":
        start, counter, label, a, b = struct.unpack(mark + "QI16sii4x", data)
        pair = {"a": a, "b": b}
        return {"start_ns": start, "counter": counter, "label": text(label), "pair": pair}
    if map_name == "ts_links":
        names = ("self", "leader", "mm", "pid", "tgid", "depth")
        return dict(zip(names, struct.unpack(mark + "QQQIIQ", data), strict=True))
    if map_name == "ts_flags":
        one, two, nice, state, raw, *hist = struct.unpack(mark + "IIiiQ6H", data[:36])
        seen, mask = struct.unpack(mark + "?3xQ", data[36:])
        first = [one & 7, one >> 3 & 1, one >> 4 & 15, one >> 8 & 0xFFF, two & 0xFFFFF]
        if mark == ">":  # bit fields count from the other end
            first = [one >> 29, one >> 28 & 1, one >> 24 & 15, one >> 12 & 0xFFF, two >> 12]
        halves = struct.unpack(mark + "II", struct.pack(mark + "Q", raw))
        return dict(zip(("level", "hot", "pad", "kind", "sub"), first, strict=True)) | {
            "nice": nice,
            "st": state,
            "raw": raw,
            "lo": halves[0],
            "hi": halves[1],
            "hist": hist,
            "seen": seen,
            "mask": mask,
        }
    number, note = struct.unpack(mark + "Q24s", data)
    return {"id": number, "text": text(note)}


@pytest.mark.parametrize("name", DUMPS)
def test_every_value_is_what_was_stored(name, opened, truth):
    kernel = opened(name)
    for storage in storages(truth(name)):
        for elem, expected in zip(elements_of(kernel, storage), storage["elems"], strict=True):
            stored = unpacked(kernel, expected["map_name"], bytes.fromhex(expected["data"]))
            assert elem.sdata.data.typed_().value_() == stored


@pytest.mark.parametrize("name", DUMPS)
def test_a_task_shows_typed_values(name, opened, truth):
    kernel = opened(name)
    (init,) = [task for task in truth(name)["tasks"] if task["pid"] == 1]
    document = dumped(kernel, kernel.task(1))
    listed = document["members"]["bpf_storage"]["target"]["members"]["list"]["elements"]
    assert len(listed) == 3
    for elem, expected in zip(listed, init["bpf_storage"]["elems"], strict=True):
        data = elem["members"]["sdata"]["members"]["data"]
        kind = expected["map_name"].replace("ts_", "task_")
        assert (data["type"], data["provenance"]) == (
            f"struct {kind}",
            f"map {expected['map_name']}",
        )
    assert not texts(document)


@pytest.mark.parametrize(("kind", "owner"), [("cgroups", "cgroup"), ("sk_storage", "sock")])
def test_owners_lead_to_it(kind, owner, opened, truth):
    kernel = opened("tagged")
    (first, *_) = [thing for thing in truth("tagged")[kind] if thing["bpf_storage"]]
    value = kernel.value(f"struct {owner}", int(first.get("sk") or first["addr"], 16))
    member = "sk_bpf_storage" if owner == "sock" else "bpf_cgrp_storage"
    (elem,) = dumped(kernel, value)["members"][member]["target"]["members"]["list"]["elements"]
    note = elem["members"]["sdata"]["members"]["data"]
    assert note["type"] == "struct obj_note"
    assert note["members"]["id"] == (8000 if owner == "sock" else 9000)


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_an_inode_leads_to_it_through_its_security_blob(name, opened, truth):
    kernel = opened(name)
    for known in truth(name)["inode_storage"]["list"]:
        inode = kernel.value("struct inode", int(known["inode"], 16))
        blob = inode.i_security.deref_()
        assert blob.address_ == int(known["blob"], 16)
        (elem,) = inode.i_security.storage.list.walk_()
        assert elem.address_ == int(known["storage"]["elems"][0]["elem"], 16)
        blob = dumped(kernel, inode)["members"]["i_security"]
        assert blob["target"]["type"] == "struct bpf_storage_blob"
        assert "obj_note" in json.dumps(blob)


def test_an_inode_without_it_leads_nowhere(opened):
    """The place in the blob is there, but what lies there does not lead back."""
    kernel = opened("tagged")
    inode = kernel.task(1).files.fdt.fd[0].f_inode.deref_()
    assert "target" not in dumped(kernel, inode)["members"]["i_security"]
    with pytest.raises(CorruptDataError, match="no struct bpf_storage_blob behind 0x"):
        inode.i_security.storage  # noqa: B018


def test_a_blob_of_another_inode_is_none(patched, poke, truth):
    first, second, *_ = truth("tagged")["inode_storage"]["list"]
    inode = patched.value("struct inode", int(first["inode"], 16))
    poke(inode.i_security.deref_().storage, int(second["storage"]["bpf_local_storage"], 16))
    assert "target" not in dumped(patched, inode)["members"]["i_security"]
    with pytest.raises(CorruptDataError, match="storage->owner is 0x"):
        inode.i_security.deref_()


def test_members_are_reached_through_the_bytes(opened):
    data = opened("tagged").task(1).bpf_storage.list[0].sdata.data
    assert (int(data.pid), int(data.depth)) == (1, 0xFFFF)
    assert str(data.type_) == "u8[0]"
    assert str(data.typed_().type_) == "struct task_links"
    with pytest.raises(MemberNotFoundError, match="struct task_links has no member 'nothing'"):
        data.nothing  # noqa: B018
    with pytest.raises(TypeError, match="says itself what it is"):
        opened("tagged").task(1).comm.typed_()


# Damage


def test_a_map_that_cannot_be_read(patched, poke):
    poke(element_of(patched).sdata.smap, 0xFFFF_F000_0000_1230)
    assert "not mapped" in json.dumps(shown(patched)["notes"])
    with pytest.raises(FaultError):
        element_of(patched).sdata.data.typed_()


def test_a_value_that_cannot_be_read(patched):
    data = element_of(patched).sdata.data
    patched.target.unmap(data.address_, 40)
    assert "not mapped" in json.dumps(shown(patched)["notes"])


@pytest.mark.parametrize("name", DUMPS)
def test_storage_is_what_was_written(name, opened, written):
    kernel = opened(name)
    for map_name in ("ts_stat", "ts_flags", "in_note", "sk_note", "cg_note"):
        if map_name not in written(name):
            continue  # the s390x kernel has no BPF LSM
        found = elements(kernel.bpf.map(map_name))
        values = sorted(record["value"] for record in written(name)[map_name])
        assert sorted(hexes(element.value) for element in found) == values
        if map_name.startswith("ts_"):
            pids = {int(re.match(r"pid=(\d+)", r["note"])[1]) for r in written(name)[map_name]}  # type: ignore[index]
            assert {int(element.owner.pid) for element in found} == pids  # type: ignore[union-attr]


def test_a_local_storage_bucket_that_is_corrupt(patched, poke):
    (elem, *_) = patched.task(1).bpf_storage.list.walk_()
    poke(elem.sdata.smap, int(patched.bpf.map("ts_stat").address_))
    _, notes = items(patched, "ts_links")
    assert "is of the map at" in notes[0]
    poke(patched.bpf.map("ts_links")._inside_("bpf_local_storage_map").bucket_log, 60)
    assert items(patched, "ts_links") == ([], ["bucket_log is 60"])
