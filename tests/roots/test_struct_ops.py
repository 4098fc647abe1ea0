"""The tables of struct_ops and of TCP congestion controls."""

from __future__ import annotations

import pytest

from tests.support.registered import known_table, rows

X86 = ("tagged", "stock")


@pytest.mark.parametrize("name", X86)
def test_each_slot_and_what_fills_it(name, opened, truth):
    """`btfs_cc` fills four slots of tcp_congestion_ops with programs."""
    kernel = opened(name)
    found, notes = rows(kernel, table="struct-ops")
    ids = {prog["name"]: prog["id"] for prog in truth(name)["progs"]}
    (map_,) = (m for m in truth(name)["maps"] if m["type_name"].endswith("STRUCT_OPS"))
    assert not notes
    assert {row["map_id"] for row in found} == {map_["id"]}
    assert {(row["type"], row["name"], row["state"]) for row in found} == {
        ("tcp_congestion_ops", "btfs_cc", "inuse")
    }
    filled = {row["slot"]: row["prog_id"] for row in found if row["prog_id"]}
    assert filled == {
        slot: ids[f"cc_{slot}"] for slot in ("init", "ssthresh", "cong_avoid", "undo_cwnd")
    }
    assert all(row["code"] for row in found)


@pytest.mark.parametrize("name", X86)
def test_what_programs_can_implement_is_said(name, opened):
    from btfdump._roots import Query

    table = known_table("struct-ops").table(opened(name), Query())
    assert "tcp_congestion_ops" in table.remark


def test_rows_are_chosen(opened):
    kernel = opened("tagged")
    every = rows(kernel, table="struct-ops")[0]
    for pattern in ("btfs_cc", "tcp_*", str(every[0]["map_id"])):
        assert rows(kernel, pattern, table="struct-ops")[0] == every
    assert rows(kernel, "nonsense", table="struct-ops")[0] == []


@pytest.mark.parametrize("name", X86)
def test_congestion_controls(name, opened):
    kernel = opened(name)
    found = {row["name"]: row for row in rows(kernel, table="tcp-cc")[0]}
    assert {"cubic", "reno", "btfs_cc"} <= set(found)
    assert [n for n, row in found.items() if row["default"]] == ["cubic"]
    (map_id,) = {row["map_id"] for row in rows(kernel, table="struct-ops")[0]}
    assert found["btfs_cc"]["map_id"] == map_id
    assert found["reno"]["map_id"] is None
    assert rows(kernel, "c*", table="tcp-cc")[0] == [found["cubic"]]
