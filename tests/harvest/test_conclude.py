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


SORTED = """
void f(struct box *b, struct item *i, struct item *before)
{
	list_add(&i->link, &b->items);
	list_add_tail(&i->link, &before->link);
}
"""


def test_a_link_beside_which_another_is_added_is_a_link(read):
    """Lists that are kept sorted were rings: their links' own lists."""
    found = read(SORTED)
    assert [e.spot for e in found.entries] == [("box", "items")]
    assert [link.spot for link in found.links] == [("item", "link")]
    assert found.rings == []


def test_a_link_that_is_walked_as_a_head_is_none(read):
    found = read(
        SORTED + "void g(struct item *i, struct item *leader)\n"
        "{\n\tlist_for_each_entry(i, &leader->link, link)\n\t\th(i);\n}\n"
    )
    assert [e.spot for e in found.rings] == [("item", "link")]
    assert found.links == []
