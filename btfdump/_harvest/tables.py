"""Tables of heads behind a pointer, and what the source computes an index into them from.

`struct hlist_head *table` does not say how many heads there are; a loop over them does, and so does
what is done to a hash before it is used as an index. Of each function those expressions are kept
that may lead to the length: `lengths` resolves them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._harvest.containers import LINK_OF, LINK_TYPES, leads_to_container
from btfdump._harvest.syntax import (
    OTHER,
    Arithmetic,
    Call,
    Cast,
    Expression,
    Member,
    Name,
    Number,
    Other,
    Var,
    arithmetic,
    expression,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tree_sitter import Node

    from btfdump._btf.reader import Btf
    from btfdump._harvest.syntax import CType, Lookup

_SMALL = 64
"""Bytes of a struct that is a bucket and not an object, if all that it has is a `list_head`."""
_LENGTH = re.compile(
    r"size|bits|mask|shift|num|nr|cnt|count|max|len|bucket|hash|log|order|entries|slots|idx|index|key",
    re.I,
)
_DEFINE = re.compile(
    rb"^[ \t]*#[ \t]*define[ \t]+(\w*(?:SIZE|BITS|NUM|NR|MAX|MASK|SHIFT|HASH|BUCKETS|SLOTS|ENTRIES"
    rb"|LEN|COUNT|ORDER|SZ|BKT|TABLE|TBL)\w*)[ \t]+(\(?[\w()<+\-*/ \t]{1,80}\)?)[ \t]*"
    rb"(?:/[*/][^\n]*)?$",
    re.M,
)
_BASES = frozenset(("field_expression", "identifier", "call_expression"))
_WRAPPER = re.compile(rb"READ_ONCE|rcu_\w+|smp_load_acquire|runtime_const_ptr")
_VALUE = b"int x = %s;\n"


class IndexedTable(NamedTuple):
    """One place in the source where a table is indexed: `base[at]`."""

    base: Expression
    at: Expression


def table_names(btf: Btf) -> frozenset[str]:
    """Name the members of structs that point to heads, or to structs with heads in them."""
    found: set[str] = set(table_names(btf.base)) if btf.base is not None else set()
    for struct in btf.composites():
        found.update(m.name for m in struct.members if m.name and _is_table(btf, m.type_id))
    return frozenset(found)


def _is_table(btf: Btf, type_id: int) -> bool:
    pointer = btf.skip_modifiers(type_id)
    return isinstance(pointer, types.Ptr) and is_bucket(btf.skip_modifiers(pointer.type_id))


def is_bucket(type_: types.Type) -> bool:
    """Whether a type is the head of a container, or a struct with a head that is no object."""
    if not isinstance(type_, types.Composite):
        return False
    if type_.name in LINK_OF:
        return True
    inner = {type_.btf.skip_modifiers(member.type_id) for member in type_.members}
    names = {t.name for t in inner if isinstance(t, types.Composite) and t.name in LINK_OF}
    return bool(names - LINK_TYPES) or (bool(names) and type_.size <= _SMALL)


def constants(source: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the macros that may be the length of something, and their texts."""
    for match in _DEFINE.finditer(source):
        yield match[1].decode(), _VALUE % match[2]


def value_of(root: Node) -> Expression:
    """Turn the parsed text of a constant into an expression."""
    for node in root.children:
        for child in node.named_children:
            value = child.child_by_field_name("value")
            if value is not None:
                return arithmetic(value, lambda name: None)
    return OTHER


def bound_of(node: Node, lookup: Lookup) -> tuple[str, Expression] | None:
    """Return of `for (...; i < end; ...)` the name of `i`, and the end."""
    condition = node.child_by_field_name("condition")
    if condition is None or condition.type != "binary_expression":
        return None
    left, right = (condition.child_by_field_name(side) for side in ("left", "right"))
    operator = condition.child_by_field_name("operator")
    if left is None or right is None or operator is None or left.type != "identifier":
        return None
    name = (left.text or b"").decode("utf-8", "replace")
    end = arithmetic(right, lookup)
    if end == OTHER or operator.text not in (b"<", b"<=", b"!="):
        return None
    return name, Arithmetic("+", end, Number(1)) if operator.text == b"<=" else end


def table(
    node: Node, lookup: Lookup, names: Collection[str], locals_: Sequence[CType | None]
) -> IndexedTable | None:
    """Return what a subscript, or a sum, says of a table: a member of `names`, or a global of them.

    `locals_` are the types of the variables: one may hold the pointer to the table.
    """
    is_sum = node.type == "binary_expression"
    operator = node.child_by_field_name("operator")
    if is_sum and (operator is None or operator.text != b"+"):
        return None
    base = node.child_by_field_name("left" if is_sum else "argument")
    at = node.child_by_field_name("right" if is_sum else "index")
    if base is None or at is None or base.type not in _BASES:
        return None
    if base.type == "call_expression" and not _WRAPPER.match(base.text or b""):
        return None
    where = expression(base, lookup)
    if isinstance(where, Var):
        is_table = leads_to_container(locals_[where.number])
    else:
        is_table = isinstance(where, Member | Name) and _last(where) in names
    if not is_table:
        return None
    index = arithmetic(at, lookup)
    is_plain = isinstance(index, Number | Name | Other) or (is_sum and isinstance(index, Member))
    return None if is_plain else IndexedTable(where, index)


def _last(where: Expression) -> str:
    return where.field if isinstance(where, Member) else getattr(where, "name", "")


def may_be_length(value: Expression) -> bool:
    """Whether a number that is assigned or returned may tell the length of something."""
    while isinstance(value, Cast):
        value = value.operand
    if isinstance(value, Arithmetic):
        return True
    if isinstance(value, Call | Name):
        return bool(_LENGTH.search(value.name))
    return isinstance(value, Member) and bool(_LENGTH.search(value.field))


def is_index(function: str) -> bool:
    """Whether a function's name says that what it returns may be an index, or a length."""
    return bool(_LENGTH.search(function))
