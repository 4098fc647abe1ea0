"""C as the harvest sees it: declared types and expressions, reduced to what leads to a member.

This is made from tree-sitter's nodes, which only `syntax.py` and `scan.py` know. What has no
bearing on where a list is or what it holds becomes `Other`.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tree_sitter import Node

    Lookup: TypeAlias = "Callable[[str], int | None]"
    Conversion: TypeAlias = "Callable[[Node, Lookup, int], Expression]"


@dataclass(frozen=True, slots=True)
class CType:
    """A declared type: `base` as written ("struct foo", "foo_t") behind `stars` pointers.

    The dimensions of an array count as pointers; `is_array` says that all of them are that.
    """

    base: str
    stars: int = 0
    is_array: bool = False


@dataclass(frozen=True, slots=True)
class Var:
    """A parameter or local variable: its number in the function."""

    number: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name that is not a local variable: a global, an enumerator, a macro's parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`base.field`, or `base->field`."""

    base: Expression
    field: str
    arrow: bool


@dataclass(frozen=True, slots=True)
class Index:
    """`base[...]`, or `base + ...` (`is_sum`), which is another spelling of `&base[...]`."""

    base: Expression
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class AddressOf:
    """`&operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Deref:
    """`*operand`."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function or macro: its arguments, and their texts for those that are types."""

    name: str
    args: tuple[Expression, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """`(type)operand`."""

    type: CType
    operand: Expression


@dataclass(frozen=True, slots=True)
class Choice:
    """`... ? one : other`."""

    one: Expression
    other: Expression


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written in the source."""

    value: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left operator right`, where a number of elements is computed."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Other:
    """Anything else."""


Expression: TypeAlias = (
    Var
    | Name
    | Member
    | Index
    | AddressOf
    | Deref
    | Call
    | Cast
    | Choice
    | Number
    | Arithmetic
    | Other
)

OTHER = Other()
MAX_DEPTH = 50
"""The deepest nesting of an expression that is followed."""
_MAX_TEXT = 2000
_SPACES = re.compile(r"\s+")
_TYPE_TEXT = re.compile(r"(?:const )?((?:struct |union )?[A-Za-z_]\w*)(?: const)? ?((?:\* ?)*)")
_ONE_WORD = re.compile(r"^(struct|union)__")
_ARITHMETIC = frozenset(("+", "-", "*", "/", "%", "&", "|", "<<", ">>"))
_SUFFIX = re.compile(r"[uUlL]+$")
_OCTAL = re.compile(r"0[0-7]+[uUlL]*$")
_WRAPPERS = frozenset(
    ("READ_ONCE", "rcu_dereference", "rcu_access_pointer", "smp_load_acquire", "runtime_const_ptr")
)


def text_of(node: Node) -> str:
    """Return the source of a node in one line, "" for one that is too long to be a name or type."""
    text = node.text if node.end_byte - node.start_byte <= _MAX_TEXT else None
    if not text:
        return ""
    name = text.decode("utf-8", "replace")
    if not name.isidentifier():
        name = _SPACES.sub(" ", name).strip()
    return sys.intern(name)  # what travels between processes, and stays, has each of them once


def type_of_text(text: str) -> CType | None:
    """Read a type written as an argument: `struct__foo` (see `scan._pieces()`), `foo_t *`."""
    text = _ONE_WORD.sub(r"\1 ", text)
    match = _TYPE_TEXT.fullmatch(text.strip())
    return CType(match[1], match[2].count("*")) if match else None


def declared_base(node: Node) -> str | None:
    """Return the type that a declaration begins with, without what its declarators add."""
    type_ = node.child_by_field_name("type")
    if type_ is None:
        return None
    if type_.type in ("struct_specifier", "union_specifier"):
        name = type_.child_by_field_name("name")
        keyword = type_.type.removesuffix("_specifier")
        return f"{keyword} {text_of(name)}" if name is not None else None
    if type_.type in ("type_identifier", "primitive_type", "sized_type_specifier"):
        return text_of(type_)
    return None


def is_array(declarator: Node | None) -> bool:
    """Whether what declares a variable makes it an array, and not a pointer as well."""
    found = False
    while declarator is not None and declarator.type in ("init_declarator", "array_declarator"):
        found = found or declarator.type == "array_declarator"
        declarator = declarator.child_by_field_name("declarator")
    return found and declarator is not None and declarator.type == "identifier"


def declarators(node: Node) -> Iterator[tuple[Node, int, Node | None]]:
    """Yield (identifier, pointers and array dimensions, initial value) of a declaration."""
    for child in node.children_by_field_name("declarator"):
        value = None
        if child.type == "init_declarator":
            value = child.child_by_field_name("value")
            inner = child.child_by_field_name("declarator")
            if inner is None:
                continue
            child = inner
        found = _innermost(child)
        if found is not None:
            yield found[0], found[1], value


def _innermost(node: Node) -> tuple[Node, int] | None:
    stars = 0
    for _ in range(16):
        if node.type == "identifier":
            return node, stars
        if node.type in ("pointer_declarator", "array_declarator"):
            stars += 1
        elif node.type not in ("parenthesized_declarator", "attributed_declarator"):
            return None
        inner = node.child_by_field_name("declarator")
        if inner is None:
            inner = next((c for c in node.named_children if c.type.endswith("declarator")), None)
            inner = inner or next((c for c in node.named_children if c.type == "identifier"), None)
        if inner is None:
            return None
        node = inner
    return None


def function_name(node: Node) -> tuple[Node, Node, int] | None:
    """Return (name, parameter list, pointers in the return type) of a function definition."""
    declarator = node.child_by_field_name("declarator")
    stars = 0
    while declarator is not None and declarator.type == "pointer_declarator":
        stars += 1
        declarator = declarator.child_by_field_name("declarator")
    if declarator is None or declarator.type != "function_declarator":
        return None
    name = declarator.child_by_field_name("declarator")
    params = declarator.child_by_field_name("parameters")
    if name is None or params is None or name.type != "identifier":
        return None
    return name, params, stars


def expression(node: Node, lookup: Lookup, depth: int = 0) -> Expression:
    """Turn a node into an expression; `lookup` gives the number of a local variable.

    What is nested deeper than people write is `Other`; `depth` is that of the node.
    """
    convert = _CONVERSIONS.get(node.type) if depth < MAX_DEPTH else None
    return convert(node, lookup, depth) if convert is not None else OTHER


def arguments(
    node: Node, lookup: Lookup, depth: int = 0, convert: Conversion = expression
) -> Call | None:
    """Turn a call expression into a `Call`; None if what is called is not a plain name."""
    name, args = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if name is None or args is None or name.type != "identifier":
        return None
    found: list[Expression] = []
    texts: list[str] = []
    for parts in _split(args):
        texts.append(" ".join(text_of(part) for part in parts))
        found.append(convert(parts[0], lookup, depth + 1) if len(parts) == 1 else OTHER)
    return Call(text_of(name), tuple(found), tuple(texts))


def _split(args: Node) -> Iterator[list[Node]]:
    """Cut a list of arguments at its commas: a type (`struct foo`) is several nodes, in error."""
    parts: list[Node] = []
    for child in args.children[1:-1]:
        if child.type == ",":
            if parts:
                yield parts
            parts = []
        elif child.type != "comment":
            parts.append(child)
    if parts:
        yield parts


def _identifier(node: Node, lookup: Lookup, depth: int) -> Expression:
    name = text_of(node)
    number = lookup(name)
    return _name(name) if number is None else _var(number)


@lru_cache(maxsize=4096)
def plain_type(base: str, stars: int) -> CType:
    """Return the type of a variable: one and the same for all that have it."""
    return CType(base, stars)


@lru_cache(maxsize=4096)
def _var(number: int) -> Var:
    return Var(number)


@lru_cache(maxsize=4096)
def _name(name: str) -> Name:
    return Name(name)


def _field(node: Node, lookup: Lookup, depth: int) -> Expression:
    base, field = node.child_by_field_name("argument"), node.child_by_field_name("field")
    if base is None or field is None:
        return OTHER
    return Member(expression(base, lookup, depth + 1), text_of(field), b"->" in _operator(node))


def _operator(node: Node) -> bytes:
    operator = node.child_by_field_name("operator")
    return (operator.text or b"") if operator is not None else b""


def _subscript(node: Node, lookup: Lookup, depth: int) -> Expression:
    base = node.child_by_field_name("argument")
    return OTHER if base is None else Index(expression(base, lookup, depth + 1))


def _pointer(node: Node, lookup: Lookup, depth: int) -> Expression:
    operand = node.child_by_field_name("argument")
    if operand is None:
        return OTHER
    inner = expression(operand, lookup, depth + 1)
    return AddressOf(inner) if _operator(node) == b"&" else Deref(inner)


def _call(node: Node, lookup: Lookup, depth: int) -> Expression:
    call = arguments(node, lookup, depth)
    if call is None:
        return OTHER
    if call.args and call.name.startswith(tuple(_WRAPPERS)):
        return call.args[0]
    return call


def _cast(node: Node, lookup: Lookup, depth: int) -> Expression:
    type_, value = node.child_by_field_name("type"), node.child_by_field_name("value")
    if type_ is None or value is None:
        return OTHER
    known = type_of_text(text_of(type_))
    inner = expression(value, lookup, depth + 1)
    return inner if known is None else Cast(known, inner)


def _parenthesized(node: Node, lookup: Lookup, depth: int) -> Expression:
    inner = node.named_children
    return expression(inner[0], lookup, depth + 1) if len(inner) == 1 else OTHER


def _conditional(node: Node, lookup: Lookup, depth: int) -> Expression:
    one, other = (node.child_by_field_name(n) for n in ("consequence", "alternative"))
    if one is None or other is None:
        return OTHER
    return Choice(expression(one, lookup, depth + 1), expression(other, lookup, depth + 1))


def _assignment(node: Node, lookup: Lookup, depth: int) -> Expression:
    value = node.child_by_field_name("right")
    return OTHER if value is None else expression(value, lookup, depth + 1)


def _binary(node: Node, lookup: Lookup, depth: int) -> Expression:
    left = node.child_by_field_name("left")
    if left is None or left.type == "binary_expression" or _operator(node) != b"+":
        return OTHER
    return Index(expression(left, lookup, depth + 1), is_sum=True)


def arithmetic(node: Node, lookup: Lookup, depth: int = 0) -> Expression:
    """Turn a node into an expression of numbers: what a subscript is, or the end of a loop."""
    if depth >= MAX_DEPTH:
        return OTHER
    if node.type == "number_literal":
        return _number(text_of(node))
    if node.type == "parenthesized_expression":
        inner = node.named_children
        return arithmetic(inner[0], lookup, depth + 1) if len(inner) == 1 else OTHER
    if node.type == "cast_expression":
        value = node.child_by_field_name("value")
        return arithmetic(value, lookup, depth + 1) if value is not None else OTHER
    if node.type == "binary_expression":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = _operator(node).decode("ascii", "replace")
        if left is None or right is None or operator not in _ARITHMETIC:
            return OTHER
        one, other = (arithmetic(side, lookup, depth + 1) for side in (left, right))
        return Arithmetic(operator, one, other)
    if node.type == "call_expression":
        call = arguments(node, lookup, depth, arithmetic)
        if call is None:
            return OTHER
        is_wrapper = call.args and call.name.startswith(tuple(_WRAPPERS))
        return call.args[0] if is_wrapper else call
    return expression(node, lookup, depth)


def _number(text: str) -> Expression:
    try:
        return Number(int(_SUFFIX.sub("", text), 8 if _OCTAL.match(text) else 0))
    except ValueError:
        return OTHER


_CONVERSIONS: dict[str, Conversion] = {
    "identifier": _identifier,
    "field_expression": _field,
    "subscript_expression": _subscript,
    "pointer_expression": _pointer,
    "call_expression": _call,
    "cast_expression": _cast,
    "parenthesized_expression": _parenthesized,
    "conditional_expression": _conditional,
    "assignment_expression": _assignment,
    "binary_expression": _binary,
}
