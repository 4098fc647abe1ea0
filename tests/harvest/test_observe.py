"""What one function says: heads with their elements, heads that hold the same, and where."""

from __future__ import annotations

from tests.support.c_source import ONE_HEAD


def test_the_source_is_named(read):
    found = read(ONE_HEAD["an insertion"])
    assert found.entries[0].see == "box.c: f()"
    assert dict(found.links) == {("item", "link"): "box.c: f()"}


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


def test_rings_and_pointers_are_left_to_the_reader(read):
    found = read(
        """
void f(struct box *b, struct box *c) { list_add(&b->peers, &c->peers); }
void g(struct box *b, struct item *i, int n) { hlist_add_head(&i->hash, &b->far[n]); }
"""
    )
    assert found.entries == []
    assert [e.spot for e in found.rings] == [("box", "peers")]
    (table,) = found.tables
    assert (table.spot, table.entry.element) == (("box", "far"), ("item", "hash"))
    assert table.lengths == ()
