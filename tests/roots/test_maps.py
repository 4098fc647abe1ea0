"""The table of maps: each with who uses it and who holds it."""

from __future__ import annotations

import pytest

from tests.support.registered import rows

DUMPS = ("tagged", "stock", "s390x")


@pytest.mark.parametrize("name", DUMPS)
def test_table(name, opened, truth):
    found, notes = rows(opened(name))
    assert not notes
    known = truth(name)["maps"]
    assert [(r["id"], r["name"], r["address"]) for r in found] == [
        (m["id"], m["name"], m["addr"]) for m in known
    ]
    for row, map_ in zip(found, known, strict=True):
        assert f"BPF_MAP_TYPE_{row['type'].upper()}" == map_["type_name"]
        assert (row["max"] or 0, row["key_size"]) == (map_["max_entries"], map_["key_size"])
        assert (row["btf_id"] or 0) == map_["btf_id"]
        if "elems" in map_:
            assert row["entries"] == len(map_["elems"])


@pytest.mark.parametrize("name", DUMPS)
def test_who_uses_a_map_and_who_holds_it(name, opened, truth):
    expected: dict[int, set[str]] = {}
    for prog in truth(name)["progs"]:
        for number in prog["used_maps"]:
            expected.setdefault(number, set()).add(f"{prog['id']} {prog['name']}")
    for row in rows(opened(name))[0]:
        assert set(row["programs"]) == expected.get(row["id"], set())
        (owner,) = row["owner"]
        assert owner.startswith("btfs_load(")


def test_rows_are_chosen(opened):
    assert [row["id"] for row in rows(opened("tagged"), "ts_*", "11")[0]] == [6, 7, 8, 11]


def test_no_maps_at_all(patched, poke):
    """A kernel without BPF programs has an empty idr."""
    poke(patched.value("struct idr", patched.symbol("map_idr")).idr_rt.xa_head, 0)
    assert rows(patched) == ([], [])
    assert list(patched.bpf.maps()) == []


def test_a_map_of_the_table_that_is_corrupt(patched, poke):
    poke(patched.bpf.map("queue")._inside_("bpf_queue_stack").head, 100)
    poke(patched.bpf.map("h_plain").btf, 0xFFFF_F000_0000_1230)
    found, notes = rows(patched)
    assert len(found) == 27
    assert [note.split(": ", 1)[1] for note in notes] == ["head 100 and tail 0 of 9 slots"]
    (plain_one,) = [row for row in found if row["name"] == "h_plain"]
    assert plain_one["key"] == "4 bytes"
