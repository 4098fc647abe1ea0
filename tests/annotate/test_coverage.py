"""Which annotations apply to a BTF, and what of its containers they cover."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.coverage import (
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
from btfdump._annotate.overlay import Overlay
from btfdump._cli import main
from btfdump._render.coverage import render_json, render_text

if TYPE_CHECKING:
    from btfdump._btf import Btf


@pytest.fixture
def btf(world) -> Btf:
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct("rb_node", [("left", "void *")])
    world.struct("leaf", [("branch", "struct rb_node"), ("branch_link", "struct list_head")])
    world.struct("klist", [("k_list", "struct list_head")])
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
            ("depends", "struct list_head"),
            ("tree", "struct rb_root"),
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
depends = [["cond:count", "item:one"], ["cond:!count", "item:two"]]
table = ["gone:hash", "item:hash"]
count = "item:one"
absent = "item:one"
open = ["gone:one", "item:id"]

[container]
rb_root = "leaf:branch"

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
        ("klist", "k_list"): ("list_head", PART),
        ("box", "tagged"): ("list_head", "tag"),
        ("box", "said"): ("list_head", "overlay mine.toml"),
        ("box", "link"): ("list_head", LINK),
        ("box", "open"): ("list_head", UNKNOWN),
        ("box", "wrong"): ("list_head", UNKNOWN),
        ("box", "table"): ("hlist_head", "overlay mine.toml"),
        ("box", "both"): ("list_head", UNKNOWN),
        ("box", "deep"): ("hlist_head", "tag"),
        ("box", "depends"): ("list_head", "overlay mine.toml"),
        ("box", "tree"): ("rb_root", "overlay mine.toml"),
        ("leaf", "branch_link"): ("list_head", UNKNOWN),
    }


def test_what_is_known_is_said(btf, overlay):
    details = {
        m.member: m.detail
        for m in coverage(btf, annotations_for(btf, (overlay,), None))
        if m.struct == "box"
    }
    assert details["tagged"] == "item:one"
    assert details["depends"] == "item:one if (count) or item:two if (!count)"
    assert details["tree"] == "leaf:branch"
    assert details["wrong"] == 'tag "item:none": struct item has no member none'
    assert details["both"] == "one of item:one, item:two"


def test_lines_that_apply_and_those_that_do_not(btf, overlay):
    rows = {(row.struct, row.member): (row.status, row.reason) for row in check(btf, overlay)}
    assert rows == {
        ("box", "said"): (APPLIES, ""),
        ("box", "link"): (APPLIES, ""),
        ("box", "depends"): (APPLIES, ""),
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
    assert "overlay mine.toml: 8 entries: 4 apply, 1 name structs that are not here" in text
    assert "contains struct item linked by two (box.c: add())" in text
    assert "14 container members:" in text
    assert "unknown (7):" in text
    assert "no struct:\n    nowhere\n  no member:\n    box.absent\n" in text
    assert "".join(render_text("dummy", [], [], every=False)) == "dummy:\nno containers\n"
    (document,) = json.loads("".join(render_json([("box.btf", rows, members)])))
    assert document["coverage"]["list_head"] == {
        "all": 11, "known": 4, "unknown": 7, "part": 1, "tag": 1, "link": 1, "overlay mine.toml": 2,
    }  # fmt: skip
    assert document["coverage"]["rb_root"] == {"all": 1, "known": 1, "overlay mine.toml": 1}
    assert len(document["members"]) == len(members)
    assert len(document["entries"]) == len(rows)


TREES_AND_TABLES = (
    "hlist_head",
    "rb_root",
    "rb_root_cached",
    "hlist_nulls_head",
    "llist_head",
    "xarray",
    "idr",
    "maple_tree",
    "plist_head",
    "klist",
)


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_coverage_of_real_kernels(opened, name):
    """Of lists, 60 % are typed or known to be links; of most other containers, 80 % are typed."""
    tallies = tally(coverage(opened(name).btf, opened(name).annotations))
    lists = tallies["list_head"]
    assert lists.known / lists.total >= 0.6
    others = [tallies[head] for head in TREES_AND_TABLES if head in tallies]
    assert sum(t.known for t in others) / sum(t.total for t in others) >= 0.8
    assert not any(t.by_status.get(LINK) for t in others)


def test_the_command(tmp_path, sample, capsys):
    assert main(["annotations", "check", str(sample("tagged"))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("vmlinux:\nlibrary: ")
    assert "\nbtfsample:\n" in out
    assert main(["annotations", "check"]) == 2
    assert "say what to check" in capsys.readouterr().err
