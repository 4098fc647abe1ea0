"""C as the harvest sees it: what of an expression leads to a member, and what is passed over."""

from __future__ import annotations

import pytest

from btfdump._harvest.syntax import (
    OTHER,
    AddressOf,
    Call,
    Cast,
    Choice,
    CType,
    Deref,
    Index,
    Member,
    Name,
    Var,
    declarators,
    expression,
    text_of,
    type_of_text,
)

tree_sitter = pytest.importorskip("tree_sitter")
tree_sitter_c = pytest.importorskip("tree_sitter_c")


def parse(text: str):
    language = tree_sitter.Language(tree_sitter_c.language())
    return tree_sitter.Parser(language).parse(text.encode()).root_node


def expression_of(text: str):
    """Read an expression in which `a` is the first local variable and `b` the second."""
    (statement,) = parse(f"void f(void) {{ {text}; }}").children[0].children[-1].named_children
    return expression(statement.named_children[0], {"a": 0, "b": 1}.get)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", Var(0)),
        ("other", Name("other")),
        ("a->list", Member(Var(0), "list", True)),
        ("a->se.node", Member(Member(Var(0), "se", True), "node", False)),
        ("&a->list", AddressOf(Member(Var(0), "list", True))),
        ("*b", Deref(Var(1))),
        ("a->table[hash(b)]", Index(Member(Var(0), "table", True))),
        ("a->table + 3", Index(Member(Var(0), "table", True), is_sum=True)),
        ("(a)", Var(0)),
        ("(struct item *)b", Cast(CType("struct item", 1), Var(1))),
        ("n ? a : b", Choice(Var(0), Var(1))),
        ("f(a, &b)", Call("f", (Var(0), AddressOf(Var(1))), ("a", "&b"))),
        ("rcu_dereference(a->next)", Member(Var(0), "next", True)),
        ("READ_ONCE(a)", Var(0)),
        ("other = b", Var(1)),
        ("a - 1", OTHER),
        ("a + 1 + 2", OTHER),
        ("3", OTHER),
        ("a->ops->call(b)", OTHER),
    ],
)
def test_expressions(text, expected):
    assert expression_of(text) == expected


def test_arguments_that_are_types():
    call = expression_of("container_of(a, struct item, link)")
    assert isinstance(call, Call)
    assert call.texts == ("a", "struct item", "link")
    assert call.args[1] is OTHER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("struct foo", CType("struct foo")),
        ("struct__foo", CType("struct foo")),
        ("union__u *", CType("union u", 1)),
        ("const struct foo **", CType("struct foo", 2)),
        ("foo_t * *", CType("foo_t", 2)),
        ("struct foo const *", CType("struct foo", 1)),
        ("typeof(x)", None),
        ("", None),
        ("3", None),
    ],
)
def test_types_written_as_arguments(text, expected):
    assert type_of_text(text) == expected


def test_declarators():
    (node,) = parse("struct list_head *a, b[3], (*c), d = 1, f(void);").children
    found = [(text_of(name), stars, value is not None) for name, stars, value in declarators(node)]
    assert found == [("a", 1, False), ("b", 1, False), ("c", 1, False), ("d", 0, True)]
