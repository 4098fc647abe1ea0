"""What the sources agree on, and what they contradict each other in."""

from __future__ import annotations


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
