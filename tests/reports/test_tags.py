"""Every tag in a BTF: where it is, and how it was understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.type_tags import TypeTagged
from btfdump._api.types import open_types
from btfdump._btf import Btf, BtfBuilder
from btfdump._reports.tags import render_tags, rows_of, tags_of

if TYPE_CHECKING:
    from pathlib import Path

    from btfdump._reports.tags import TagRow


@pytest.fixture
def found(tmp_path: Path) -> list[TagRow]:
    """The tags of a BTF file with one tag on each thing that can have one."""
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    head = b.next_id
    b.struct("list_head", 16, [("next", head + 1, 0), ("prev", head + 1, 64)])
    b.ptr(head)
    item = b.struct("item", 32, [("link", head, 0), ("other", head, 128)])
    user = b.ptr(b.type_tag("user", int_))
    inner = b.struct("", 32, [("deep", head, 0), ("plain", int_, 128)])
    box = b.struct("box", 64, [("items", head, 0), ("in", inner, 128), ("to", user, 384)])
    proto = b.func_proto(user, [("n", int_), ("", user)])
    func = b.func("f", proto)
    b.decl_tag("item:link", box, 0)
    b.decl_tag("item:gone", inner, 0)
    b.decl_tag("item", inner, 0)
    b.decl_tag("item:link", inner, 1)
    b.decl_tag("just words", box)
    b.decl_tag("anything", item, 1, attribute=True)
    b.decl_tag("about f", func)
    b.decl_tag("about n", func, 0)
    b.decl_tag("about no. 1", func, 1)
    b.decl_tag("a typedef", b.typedef("box_t", box))
    b.decl_tag("item:link", b.var("boxes", head))
    path = tmp_path / "tags.btf"
    path.write_bytes(b.build())
    with open_types(str(path)) as opened:
        return list(rows_of(opened))


def test_places(found):
    assert [(row.on, row.place, row.tag) for row in found if not row.is_type_tag] == [
        ("member", "struct box.items", "item:link"),
        ("member", "struct box.in.deep", "item:gone"),
        ("member", "struct box.in.deep", "item"),
        ("member", "struct box.in.plain", "item:link"),
        ("type", "struct box", "just words"),
        ("member", "struct item.other", "anything"),
        ("function", "f()", "about f"),
        ("parameter", "f(n)", "about n"),
        ("parameter", "f(#1)", "about no. 1"),
        ("typedef", "box_t", "a typedef"),
        ("variable", "boxes", "item:link"),
    ]
    assert {(row.on, row.place) for row in found if row.is_type_tag} == {
        ("member", "struct box.to"), ("return value", "f()"), ("parameter", "f(#1)"),
    }  # fmt: skip


def test_what_values_mean() -> None:
    """On members, variables, typedefs and structs; what cannot be said of one is told as such."""
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    b.enum("color", [("RED", 1), ("BLUE", 2)])
    long_ = b.int_("long", 8)
    box = b.struct("box", 24, [("n", int_, 0), ("mode", int_, 32), ("t", long_, 64)])
    b.decl_tag("flags:color", box, 0)
    b.decl_tag("enum:color", box, 0)
    b.decl_tag("mode", box, 1)
    b.decl_tag("flags:nothing", box, 1)
    b.decl_tag("ipv6", box, 1)
    b.decl_tag("unit:ns", box, 2)
    b.decl_tag("time:jiffies", b.var("due", long_))
    b.decl_tag("dev", b.typedef("dev_t", int_))
    b.decl_tag("uuid", b.typedef("no_t", int_))
    b.decl_tag("flags:nothing", b.typedef("nor_t", int_))
    b.decl_tag("uuid", b.struct("id", 16, [("b", long_, 0), ("c", long_, 64)]))
    btf = b.parse()
    assert [(row.place, row.meaning) for row in tags_of(btf, annotations_for(btf, (), None))] == [
        ("struct box.n", "flags of enum color: RED, BLUE"),
        ("struct box.n", "one of enum color: RED, BLUE"),
        ("struct box.mode", "the type and permissions of a file"),
        ("struct box.mode", "not understood: no such enum or prefix"),
        ("struct box.mode", "not understood: expected 16 bytes, not 4"),
        ("struct box.t", "in nanoseconds"),
        ("due", "a moment in jiffies"),
        ("dev_t", "a device number"),
        ("no_t", "not understood: expected 16 bytes, not 4"),
        ("nor_t", "not understood: no such enum or prefix"),
        ("struct id", "a UUID"),
    ]


def test_meanings(found):
    by_tag = [(row.tag, row.meaning) for row in found if not row.is_type_tag]
    assert by_tag[0] == ("item:link", "list_head contains struct item linked by link")
    assert "struct item has no member gone" in by_tag[1][1]
    assert by_tag[2][1].endswith("ambiguous, the link may be link, other")
    assert by_tag[3][1] == "not understood: the member is not a container"
    assert by_tag[4][1] == "not understood"
    assert by_tag[5][1] == "attribute, verbatim"
    assert by_tag[-1][1].startswith("list_head of ")
    assert all(row.meaning.startswith("pointer into user space") for row in found[-3:])


def test_text_and_json_tell_the_same(found):
    text = "".join(render_tags(found, "text"))
    assert text.count("\n") == len(found) + 1
    assert "  member struct box.items " in text
    rows = json.loads("".join(render_tags(found, "json")))
    assert [(row["place"], row["tag"]) for row in rows] == [(r.place, r.tag) for r in found]
    assert "".join(render_tags([], "text")) == "no tags\n"
    assert json.loads("".join(render_tags([], "json"))) == []


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_tag_is_told_as_it_is_found(found, format_):
    rows = iter(found)
    pieces = render_tags(rows, format_)
    assert found[0].tag in next(pieces) + next(pieces)
    assert len(list(rows)) >= len(found) - 2


def test_only_what_has_tags_is_looked_at(opened):
    btf = Btf.from_bytes(opened("stock").btf.data, check=False)
    assert list(tags_of(btf, annotations_for(btf, (), None))) == []
    assert len(btf._types) < 100


def test_a_base_is_looked_through_once_for_all_that_are_split_from_it(monkeypatch) -> None:
    """A kernel has hundreds of BTFs; what has type tags in vmlinux was found out for each."""
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    pointer = b.ptr(b.type_tag("user", int_))
    proto = b.func_proto(0, [("p", pointer)])
    base = b.parse("vmlinux")
    splits = []
    for number in range(5):
        split = BtfBuilder(base=base)
        split.func(f"f{number}", proto)
        split.struct(f"s{number}", 8, [("p", pointer, 0)])
        splits.append(split.parse(f"m{number}"))
    asked = []
    search = type(base).leading_to

    def leading_to(btf, kinds, ids):
        asked.append(btf is base)
        return search(btf, kinds, ids)

    monkeypatch.setattr(type(base), "leading_to", leading_to)
    known = TypeTagged()
    places = [
        row.place
        for btf in splits
        for row in tags_of(btf, annotations_for(base, (), None), None, known)
    ]
    assert places == [place for n in range(5) for place in (f"f{n}(p)", f"struct s{n}.p")]
    assert asked.count(True) == 1
