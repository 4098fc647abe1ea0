"""From expressions to members: through what is nested, and no further than the source goes."""

from __future__ import annotations


def test_structs_without_a_name_are_passed_over(read):
    found = read(
        "void f(anon_t *a, struct item *i) { list_add(&i->link, &a->l); list_add(&a->l, &b); }"
    )
    assert found.entries == []
    assert dict(found.links) == {("item", "link"): "box.c: f()"}


def test_recursion_in_the_source_ends(read):
    found = read(
        """
static struct list_head *a(struct box *b) { return c(b); }
static struct list_head *c(struct box *b) { return a(b); }
void f(struct box *b, struct item *i) { struct list_head *p = p; list_add(&i->link, a(b)); p = p; }
void g(struct list_head *h, struct item *i) { list_add(&i->link, h); g(h, i); }
#define loop(x) loop(x)
void h(struct box *b, struct item *i) { list_add(&i->link, loop(b)); loop(i); }
"""
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


def test_two_ways_to_name_one_link_are_no_conflict(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->part.node, &b->items); }
void g(struct box *b) { struct part *p; list_for_each_entry(p, &b->items, node) h(p); }
"""
    )
    assert [(e.spot, e.element) for e in found.entries] == [(("box", "items"), ("part", "node"))]


def test_variables_that_are_assigned_to_each_other_end(read):
    chain = " = ".join(["b"] * 24)
    found = read(
        f"""
static void f(struct list_head *b)
{{
    b = {chain};
    list_for_each_entry(i, b, link);
    llist_for_each();
}}
"""
    )
    assert found.entries == found.conflicts == []
