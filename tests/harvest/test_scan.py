"""Sources that the parser does not understand, or that never end."""

from __future__ import annotations

import pytest

from btfdump._harvest import source_files
from btfdump.errors import AnnotationError
from tests.support.c_source import ONE_HEAD


def test_what_the_parser_does_not_understand_costs_one_function(read):
    found = read(
        "void broken( { ((( ;\n}\n" + ONE_HEAD["an insertion"] + "\nint deep(void) { return "
        + "(" * 3000 + "1" + ")" * 3000 + " + 1" * 3000 + ";\n}\n"
    )  # fmt: skip
    assert [e.spot for e in found.entries] == [("box", "items")]


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


def test_trees_without_source(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "a.c").write_text("")
    with pytest.raises(AnnotationError, match="no C source"):
        source_files(tmp_path)
