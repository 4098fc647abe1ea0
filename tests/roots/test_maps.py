"""The table of maps: each with who uses it and who holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import Query
from tests.support.registered import known_table

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


DUMPS = ("tagged", "stock", "s390x")


def rows(kernel: Kernel, *patterns: str) -> tuple[list[dict[str, Any]], list[str]]:
    found = list(known_table("maps").table(kernel, Query(patterns)).rows)
    notes = [row.text for row in found if isinstance(row, Note)]
    return [dict(row) for row in found if not isinstance(row, Note)], notes


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


def test_memory_as_the_kernel_sums_it(opened):
    """By hand, from `map_mem_usage` of each type and the sizes of this kernel's structs."""
    by_name = {row["name"]: row["memory"] for row in rows(opened("tagged"))[0]}
    assert by_name["in0"] == 264 + 2 * 8
    assert by_name["pcpu"] == 264 + 3 * 8 + 3 * 24 * 2
    assert by_name["btfs.data"] == 4096 + 4096
    assert by_name["queue"] == 264 + 9 * 16
    assert by_name["ts_stat"] == 432 + 2 * 16
    assert by_name["h_plain"] == 896 + 32 * 16 + 4 * 2 * 8 + 7 * (64 + 8)


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
