"""Each way to say in C what a container holds."""

from __future__ import annotations

import pytest

from tests.support.c_source import ONE_HEAD


@pytest.mark.parametrize("what", ONE_HEAD)
def test_ways_to_say_what_a_list_holds(read, what):
    found = read(ONE_HEAD[what])
    assert [(e.spot, e.element) for e in found.entries] == [(("box", "items"), ("item", "link"))]
    assert found.conflicts == []


OTHER_KINDS = {
    "hlist_add_head(&i->hash, &b->table[3]);": (("box", "table"), ("item", "hash")),
    "hlist_add_head(&i->hashes[n], &b->pair[n]);": (("box", "pair"), ("item", "hashes[]")),
    "hlist_for_each_entry(i, b->table + n, hash) g(i);": (("box", "table"), ("item", "hash")),
    "rb_insert_color(&i->rb, &b->tree);": (("box", "tree"), ("item", "rb")),
    "i = rb_entry(rb_first(&b->tree), struct item, rb);": (("box", "tree"), ("item", "rb")),
    "xa_store(&b->all, 1, i, 0);": (("box", "all"), ("item", "")),
    "i = xa_load(&b->all, 1);": (("box", "all"), ("item", "")),
    "list_add(&i->part.node, &b->items);": (("box", "items"), ("item", "part.node")),
    "list_add(&i->link, n ? &b->items : &b->items);": (("box", "items"), ("item", "link")),
    "list_add(&i->deep_node, &b->items);": (("box", "items"), ("item", "part.node")),
    "list_add(&i->link, &b->inner.node);": (("part", "node"), ("item", "link")),
}


@pytest.mark.parametrize("statement", OTHER_KINDS)
def test_other_containers(read, statement):
    found = read(f"void f(struct box *b, struct item *i, int n) {{ {statement} }}")
    assert [(e.spot, e.element) for e in found.entries] == [OTHER_KINDS[statement]]
