"""The table of programs: what they are, what they use, what they are attached to, whose."""

from __future__ import annotations

import pytest

from tests.support.registered import rows

SAMPLES = ("tagged", "stock", "s390x")


@pytest.mark.parametrize("name", SAMPLES)
def test_table(name, opened, truth):
    found, notes = rows(opened(name), table="progs")
    known = truth(name)["progs"]
    assert not notes
    assert [(r["id"], r["name"], r["tag"], r["address"]) for r in found] == [
        (p["id"], p["name"], p["tag"], p["addr"]) for p in known
    ]
    for row, prog in zip(found, known, strict=True):
        assert f"BPF_PROG_TYPE_{row['type'].upper()}" == prog["type"]
        assert list(row["maps"]) == prog["used_maps"]
        assert row["btf_id"] == (prog["btf_id"] or None)
        assert row["bytes_xlated"] == prog["len"] * 8


def test_whose_they_are(opened):
    """The loader of the guest's programs is still there, and holds them all."""
    for row in rows(opened("tagged"), table="progs")[0]:
        assert any(owner.startswith("btfs_load(") for owner in row["owner"]), row["name"]
        assert row["uid"] == 0


def test_rows_are_chosen_by_id_and_by_name(opened):
    kernel = opened("tagged")
    every = rows(kernel, table="progs")[0]
    assert rows(kernel, "on_*", table="progs")[0] == [
        row for row in every if row["name"].startswith("on_")
    ]
    number = str(every[0]["id"])
    assert [row["id"] for row in rows(kernel, number, table="progs")[0]] == [every[0]["id"]]
    assert rows(kernel, "nonsense", table="progs")[0] == []
