"""The types of what maps hold, and why there are none."""

from __future__ import annotations

import pytest

from btfdump.errors import CorruptDataError
from tests.support.local_storage import element_of, shown


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
