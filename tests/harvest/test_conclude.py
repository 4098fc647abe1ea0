"""What the sources agree on, and what they contradict each other in."""

from __future__ import annotations

from btfdump._harvest import harvest
from btfdump._harvest.report import render_overlay
from tests.support.c_source import ONE_HEAD


def test_the_source_is_named(read):
    found = read(ONE_HEAD["an insertion"])
    assert found.entries[0].see == "box.c: f()"
    assert dict(found.links) == {("item", "link"): "box.c: f()"}


def test_a_conflict_is_reported_with_its_sources_and_not_decided(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
void g(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
void h(struct box *b, struct item *i) { list_add(&i->more, &b->items); }
"""
    )
    assert found.entries == []
    (conflict,) = found.conflicts
    assert conflict.spot == ("box", "items")
    assert conflict.candidates == (("item:link", "box.c: f()"), ("item:more", "box.c: h()"))


def test_two_ways_to_name_one_link_are_no_conflict(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->part.node, &b->items); }
void g(struct box *b) { struct part *p; list_for_each_entry(p, &b->items, node) h(p); }
"""
    )
    assert [(e.spot, e.element) for e in found.entries] == [(("box", "items"), ("part", "node"))]


def test_spliced_lists_hold_the_same(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
void g(struct box *b) { list_splice_init(&b->items, &b->others); }
"""
    )
    assert {e.spot: e.element for e in found.entries} == {
        ("box", "items"): ("item", "link"),
        ("box", "others"): ("item", "link"),
    }


def test_another_struct_of_the_same_name_does_not_count(read):
    found = read(
        "",
        drivers__other="""
struct box {
	struct list_head items;
};
void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
""",
    )
    assert found.entries == []


def test_what_does_not_fit_the_btf_does_not_count(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->hash, &b->items); }
void g(struct box *b, struct item *i) { list_add(&i->gone, &b->items); }
void h(struct box *b, struct stranger *i) { list_add(&i->link, &b->items); }
void k(struct box *b, struct item *i) { list_add(&i->link, &b->gone); }
void l(struct box *b, struct item *i) { hlist_add_head(&i->hashes[b->n], &b->table[i->id]); }
"""
    )
    assert found.entries == found.conflicts == []


def test_globals_of_one_name_in_two_files_are_left_out(tmp_path, read, btf):
    source = "static LIST_HEAD(mine);\nvoid f(struct item *i) { list_add(&i->link, &mine); }\n"
    read(source, other=source)
    found, program = harvest(tmp_path / "linux", btf, workers=1)
    assert "mine" not in "".join(render_overlay(found, program, "x"))
