"""Which annotations apply to a BTF, and what of its containers they cover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.applying import APPLIES, MISFIT, NO_MEMBER, NO_STRUCT
from btfdump._annotate.coverage import (
    LINK,
    PART,
    UNKNOWN,
    Tally,
    annotations_for,
    check,
    coverage,
    tally,
)
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.overlay import Overlay
from btfdump._btf import Btf, BtfBuilder
from tests.support.annotated import small_world
from tests.support.covered import covered_btf, covering_overlay

if TYPE_CHECKING:
    from btfdump._btf import Btf


@pytest.fixture
def btf() -> Btf:
    return covered_btf()


@pytest.fixture
def overlay() -> Overlay:
    return covering_overlay()


def test_every_container_member_is_classified(btf, overlay):
    found = {
        (m.struct, m.member): (m.head, m.status)
        for m in coverage(btf, annotations_for(btf, (overlay,), None))
    }
    assert found == {
        ("wrap", "inner"): ("list_head", UNKNOWN),
        ("item", "one"): ("list_head", LINK),
        ("item", "two"): ("list_head", LINK),
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


def test_a_struct_that_cannot_be_gone_through_is_passed_over_with_a_word() -> None:
    """One such type ended the report on all others."""
    b = BtfBuilder()
    inner = b.int_("u64", 8)
    for level in range(40):
        inner = b.union(f"bomb{level}", 8, [("a", inner, 0), ("b", inner, 0)])
    head = b.struct("list_head", 16)
    b.struct("list_head", 16, [("next", b.ptr(head), 0), ("prev", b.ptr(head), 64)])
    b.struct("box", 16, [("items", head, 0)])
    btf = b.parse()
    problems: list[str] = []
    found = coverage(btf, annotations_for(btf, (), None), problems.append)
    assert [(one.struct, one.member) for one in found] == [("box", "items")]
    assert problems[-1] == (
        "union bomb39 contains itself, or more than its bytes hold: passed over"
    )


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
    rows = {
        (row.struct, row.member): (row.status, row.reason)
        for row in check((btf,), overlay, Lookup(btf))
    }
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


def test_what_links_the_entries_of_a_known_container_is_a_link() -> None:
    """By its struct and path, in a struct inside the entry too; what globals hold counts."""
    world = small_world()
    world.struct("other", [("one", "struct list_head"), ("hash", "struct list_head")])
    world.struct("box", [("items", "struct list_head"), ("inner", "struct list_head")])
    overlay = Overlay(
        '[struct.box]\nitems = "item:one"\ninner = "item:deep.inner"\n'
        '[global]\nall = { type = "struct list_head", tag = "item:two" }\n',
        "overlay mine.toml",
    )
    found = {
        f"{m.struct}.{m.member}": (m.status, m.detail)
        for m in coverage(world.btf(), annotations_for(world.btf(), (overlay,), None))
    }
    assert found == {
        "wrap.inner": (LINK, "of box.inner"),
        "item.one": (LINK, "of box.items"),
        "item.two": (LINK, "of all"),
        "other.one": (UNKNOWN, ""),
        "other.hash": (UNKNOWN, ""),
        "box.items": ("overlay mine.toml", "item:one"),
        "box.inner": ("overlay mine.toml", "item:deep.inner"),
    }


def test_what_a_path_from_outside_says_of_a_head_counts() -> None:
    world = small_world()
    world.struct("bucket", [("chain", "struct list_head"), ("other", "struct list_head")])
    world.struct("table", [("size", "int"), ("buckets", "struct bucket *")])
    overlay = Overlay(
        '[struct.table]\n"buckets.chain" = "item:one"\n'
        '[global]\none = { type = "struct bucket *", members = { other = "item:two" } }\n',
        "overlay mine.toml",
    )
    found = {
        f"{m.struct}.{m.member}": (m.status, m.detail)
        for m in coverage(world.btf(), annotations_for(world.btf(), (overlay,), None))
    }
    assert found["bucket.chain"] == ("overlay mine.toml", "by the path table.buckets.chain")
    assert found["bucket.other"] == ("overlay mine.toml", "by the path one.other")
    assert found["item.two"] == (LINK, "of one.other")


def test_tallies():
    counts = Tally({"tag": 3, "library": 2, LINK: 1, UNKNOWN: 4, PART: 7})
    assert (counts.total, counts.known) == (10, 6)
    assert tally([]) == {}


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
