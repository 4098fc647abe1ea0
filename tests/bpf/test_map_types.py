"""The types of what maps hold, and why there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.program_btf import KernelBtfs
from btfdump._btf import Btf, BtfBuilder, types
from btfdump.errors import CorruptDataError
from tests.support.annotated import dumped
from tests.support.local_storage import element_of, shown

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


def test_a_map_without_btf(patched, poke):
    poke(element_of(patched).sdata.smap.map.btf, 0)
    data = shown(patched)
    assert data["notes"][0]["text"] == "map ts_links: was loaded without BTF"
    assert len(data["value"]) == 40
    with pytest.raises(CorruptDataError, match="map ts_links: was loaded without BTF"):
        element_of(patched).sdata.data.typed_()


def test_a_map_whose_values_are_not_that_long(patched, poke):
    poke(element_of(patched).sdata.smap.map.btf_value_type_id, 30)
    poke(element_of(patched).sdata.smap.map.value_size, 48)
    text = "map ts_links: struct task_stat has 40 bytes, a value 48"
    assert shown(patched)["notes"][0]["text"] == text


def test_a_type_that_is_not_there(patched, poke):
    poke(element_of(patched).sdata.smap.map.btf_value_type_id, 99999)
    assert "no type [99999]" in shown(patched)["notes"][0]["text"]


def test_a_program_btf_that_is_no_btf(patched):
    map_ = element_of(patched).sdata.smap.map
    patched.target.write(int(map_.btf.data), bytes(8))
    assert "malformed BTF" in shown(patched)["notes"][0]["text"]


@pytest.fixture
def tagged_by_a_program(patched, monkeypatch):
    """The sample dump, as if its BPF program had said what the members of its values mean."""
    untagged = KernelBtfs.of
    known: dict[int, Btf] = {}

    def of(self: KernelBtfs, value: Value) -> Btf:
        btf = untagged(self, value)
        found = btf.find_all("struct", "task_stat")
        if not found:
            return btf
        if id(btf) not in known:
            builder = BtfBuilder.from_btf(btf)
            builder.enum("mood", [("GLAD", 1), ("TIRED", 2), ("LATE", 4)])
            (stat,) = found
            assert isinstance(stat, types.Struct)
            index = {member.name: at for at, member in enumerate(stat.members)}
            builder.decl_tag("time:boot", stat.id, index["start_ns"])
            builder.decl_tag("flags:mood", stat.id, index["counter"])
            known[id(btf)] = Btf.from_bytes(builder.build(), name=btf.name)
        return known[id(btf)]

    monkeypatch.setattr(KernelBtfs, "of", of)
    return patched


def test_tags_of_a_program_say_what_values_mean(tagged_by_a_program):
    """In maps as in local storage; the names are those of an enum that only the program has."""
    kernel = tagged_by_a_program
    _, value = next(iter(kernel.bpf.map("ts_stat").items_()))
    assert value.start_ns.meaning_() == "4 s after boot"
    assert value.counter.flags_() == ["GLAD", "TIRED", "LATE", "0x60"]
    text = "".join(kernel.dump(value, "text"))
    assert ".counter = (u32)0x67, /* GLAD|TIRED|LATE|0x60 */" in text
    members = dumped(kernel, kernel.bpf.map("ts_stat"))["elements"][0]["members"]
    assert members["start_ns"] == {"value": 4000000089, "meaning": "4 s after boot"}
    elements = kernel.task(1).bpf_storage.list.walk_()
    stored = [one.sdata.data.typed_() for one in elements]
    (stat,) = [one for one in stored if str(one.type_) == "struct task_stat"]
    assert stat.start_ns.meaning_().endswith(" after boot")
