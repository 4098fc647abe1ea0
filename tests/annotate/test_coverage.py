"""Which annotations apply to a BTF, and what of its containers they cover."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump.annotate.coverage import (
    APPLIES,
    LINK,
    MISFIT,
    NO_MEMBER,
    NO_STRUCT,
    PART,
    UNKNOWN,
    Tally,
    annotations_for,
    check,
    coverage,
    tally,
)
from btfdump.annotate.overlay import Overlay
from btfdump.cli import main
from btfdump.render.coverage import render_json, render_text

if TYPE_CHECKING:
    from btfdump.btf import Btf


@pytest.fixture
def btf(world) -> Btf:
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct("rb_root_cached", [("rb_root", "struct rb_root")])
    world.struct(
        "<inside>", [("deep", "struct hlist_head"), ("plain", "int")], {"deep": "item:hash"}
    )
    world.struct(
        "box",
        [
            ("tagged", "struct list_head"),
            ("said", "struct list_head"),
            ("link", "struct list_head"),
            ("open", "struct list_head"),
            ("wrong", "struct list_head"),
            ("table", "struct hlist_head[4]"),
            ("both", "struct list_head"),
            ("", "struct <inside>"),
            ("count", "int"),
        ],
        {"tagged": "item:one", "wrong": "item:none", "both": "item"},
    )
    return world.kernel().btf


OVERLAY = """
[struct.box]
said = { tag = "item:two", see = "box.c: add()" }
link = "role:link"
table = ["gone:hash", "item:hash"]
count = "item:one"
absent = "item:one"
open = ["gone:one", "item:id"]

[struct.nowhere]
x = "item:one"
"""


@pytest.fixture
def overlay() -> Overlay:
    return Overlay(OVERLAY, "overlay mine.toml")


def test_every_container_member_is_classified(btf, overlay):
    found = {
        (m.struct, m.member): (m.head, m.status)
        for m in coverage(btf, annotations_for(btf, (overlay,), None))
    }
    assert found == {
        ("wrap", "inner"): ("list_head", UNKNOWN),
        ("item", "one"): ("list_head", UNKNOWN),
        ("item", "two"): ("list_head", UNKNOWN),
        ("rb_root_cached", "rb_root"): ("rb_root", PART),
        ("box", "tagged"): ("list_head", "tag"),
        ("box", "said"): ("list_head", "overlay mine.toml"),
        ("box", "link"): ("list_head", LINK),
        ("box", "open"): ("list_head", UNKNOWN),
        ("box", "wrong"): ("list_head", UNKNOWN),
        ("box", "table"): ("hlist_head", "overlay mine.toml"),
        ("box", "both"): ("list_head", UNKNOWN),
        ("box", "deep"): ("hlist_head", "tag"),
    }


def test_what_is_known_is_said(btf, overlay):
    details = {
        m.member: m.detail
        for m in coverage(btf, annotations_for(btf, (overlay,), None))
        if m.struct == "box"
    }
    assert details["tagged"] == "item:one"
    assert details["wrong"] == 'tag "item:none": struct item has no member none'
    assert details["both"] == "one of item:one, item:two"


def test_lines_that_apply_and_those_that_do_not(btf, overlay):
    rows = {(row.struct, row.member): (row.status, row.reason) for row in check(btf, overlay)}
    assert rows == {
        ("box", "said"): (APPLIES, ""),
        ("box", "link"): (APPLIES, ""),
        ("box", "table"): (APPLIES, ""),
        ("box", "count"): (MISFIT, '"item:one": the member is not a container'),
        ("box", "absent"): (NO_MEMBER, "struct box has no member absent"),
        ("box", "open"): (
            MISFIT,
            '"item:id": struct item member id is int, expected struct list_head',
        ),
        ("nowhere", "x"): (NO_STRUCT, "no struct nowhere"),
    }
    assert overlay.source == "overlay mine.toml"


def test_tallies():
    counts = Tally({"tag": 3, "library": 2, LINK: 1, UNKNOWN: 4, PART: 7})
    assert (counts.total, counts.known) == (10, 6)
    assert tally([]) == {}


def test_text_and_json_tell_the_same(btf, overlay):
    rows = list(check(btf, overlay))
    members = list(coverage(btf, annotations_for(btf, (overlay,), None)))
    text = "".join(render_text("box.btf", rows, members, every=True))
    assert "overlay mine.toml: 7 entries: 3 apply, 1 name structs that are not here" in text
    assert "contains struct item linked by two (box.c: add())" in text
    assert "11 container members:" in text
    assert "unknown (6):" in text
    (document,) = json.loads("".join(render_json([("box.btf", rows, members)])))
    assert document["coverage"]["list_head"] == {
        "all": 9, "known": 3, "unknown": 6, "tag": 1, "link": 1, "overlay mine.toml": 1,
    }  # fmt: skip
    assert document["coverage"]["rb_root"] == {"all": 0, "known": 0, "part": 1}
    assert len(document["members"]) == len(members)
    assert len(document["entries"]) == len(rows)


def test_the_command(tmp_path, sample, capsys):
    assert main(["annotations", "check", str(sample("tagged"))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("vmlinux:\nlibrary: ")
    assert "\nbtfsample:\n" in out
    assert main(["annotations", "check"]) == 2
    assert "say what to check" in capsys.readouterr().err
