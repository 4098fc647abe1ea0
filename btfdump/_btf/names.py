"""Types to C: the spelling of a type, of a declaration, and names with a flavor.

A declarator is built from the inside out, as C reads. Spelling ends on any BTF: loops and oversized
declarators are cut short with `...`.
"""

from __future__ import annotations

import re

from . import types as t
from .wire import Kind

_MAX_STEPS = 250  # types visited for one spelling: a kernel's longest needs 41
_MAX_DECLARATOR = 200  # pointers, arrays and qualifiers around one name
_MAX_NESTING = 8  # prototypes within parameters of prototypes
_QUALIFIERS: dict[type[t.Type], str] = {
    t.Const: "const",
    t.Volatile: "volatile",
    t.Restrict: "restrict",
}
WORDS: dict[int, str] = {
    Kind.INT: "",
    Kind.FLOAT: "",
    Kind.TYPEDEF: "",
    Kind.STRUCT: "struct ",
    Kind.UNION: "union ",
    Kind.ENUM: "enum ",
    Kind.ENUM64: "enum ",
}
"""By the kind of a type that goes by its name, what stands before that."""
_FLAVOR = re.compile(r"(?<=[^_])___(?=[^_])")
_MAX_NAME = 511  # KSYM_NAME_LEN - 1: longer ones are nonsense, or mischief
ELLIPSIS = "..."


def essential_name(name: str) -> str:
    """Return a name without its flavor: "task_struct___old" gives "task_struct".

    Mirrors `bpf_core_essential_name_len()` in tools/lib/bpf/libbpf.c: the flavor begins at the last
    `___` that has other characters than `_` on both sides.
    """
    separators = list(_FLAVOR.finditer(name))
    return name[: separators[-1].start()] if separators else name


def spell(type_: t.Type) -> str:
    """Return the C spelling of a type: "const char *", "struct foo __rcu *", "int (*)(char[16])".

    A function or variable (`Func`, `Var`) is spelled as its declaration. Raises `BtfFormatError` if
    a record that had not been checked before turns out to be malformed.
    """
    return Spelling().declare(type_, "")


def declare(type_: t.Type, name: str, bit_size: int = 0) -> str:
    """Return the C declaration of `name` as a `type_`: "int (*open)(struct inode *)", "u32 lo:3".

    `bit_size` is the width of a bit field in bits, 0 for an ordinary member. Raises what `spell()`
    raises.
    """
    return Spelling().declare(type_, f"{name}:{bit_size}" if bit_size else name)


def prototype(func: t.Func) -> str:
    """Return the C declaration of a function, with the names of its parameters.

    An example is "struct task_struct *bpf_task_acquire(struct task_struct *p)". Raises what
    `spell()` raises.
    """
    ((before, behind),) = func.btf.around_names((func.type_id,))
    return f"{before}{clip(func.name)}{behind}"


class Spelling:
    """One spelling under way; counts what it may still visit before parameters are left out.

    What a type with a name is called, and how a tag is written, are for others to say differently.
    """

    cut = ELLIPSIS
    """What stands for a type that leads nowhere, or too far."""
    cut_parameters = ELLIPSIS

    def __init__(self) -> None:
        self.steps = _MAX_STEPS
        self.nesting = _MAX_NESTING

    def base(self, type_: t.Type) -> str:
        """Return the name that a type goes by."""
        return _base_name(type_)

    def tag(self, tag: t.TypeTag) -> str:
        """Return what stands for a type tag."""
        return _attribute(tag)

    def declare(self, type_: t.Type, declarator: str) -> str:
        """Wrap `declarator` in each type on the way to one that has a name."""
        qualifiers: list[str] = []
        tags: list[str] = []
        seen: set[int] = set()
        while True:
            self.steps -= 1
            if type_.id in seen or len(seen) > _MAX_DECLARATOR:
                return _join(qualifiers, self.cut, tags, declarator)
            if type_.id:  # void, or made by a caller: neither leads back to itself
                seen.add(type_.id)
            if type(type_) in _QUALIFIERS:
                qualifier = _QUALIFIERS[type(type_)]
                if qualifier not in qualifiers:
                    qualifiers.append(qualifier)
            elif isinstance(type_, t.TypeTag):
                tag = self.tag(type_)
                tags += [tag] if tag else []
            elif isinstance(type_, t.Ptr):
                declarator = _pointer([*qualifiers, *tags], declarator)
                qualifiers, tags = [], []
            elif isinstance(type_, t.Array):
                of = f" of {type_.declared}" if isinstance(type_, t.ShortArray) else ""
                declarator = f"{_parenthesize(declarator)}[{type_.length}{of}]"
            elif isinstance(type_, t.FuncProto):
                declarator = f"{_parenthesize(declarator)}({self.params(type_)})"
            elif isinstance(type_, (t.Func, t.Var)):
                declarator = declarator or type_.name
            else:
                return _join(qualifiers, self.base(type_), tags, declarator)
            type_ = _next(type_)

    def params(self, proto: t.FuncProto) -> str:
        """Return the parameter list of a prototype, by types alone."""
        if not proto.params:
            return "void"
        if not self.nesting or self.steps < 0:
            return self.cut_parameters
        self.nesting -= 1
        texts: list[str] = []
        for number, param in enumerate(proto.params, 1):
            if self.steps < 0 or (number == len(proto.params) and proto.is_variadic):
                texts.append(ELLIPSIS)
                break
            texts.append(self.declare(param.type, ""))
        self.nesting += 1
        return ", ".join(texts)


def _next(type_: t.Type) -> t.Type:
    """Return the type that a declarator goes on with."""
    if isinstance(type_, t.Array):
        return type_.element
    if isinstance(type_, t.FuncProto):
        return type_.return_type
    assert isinstance(type_, t.Reference)
    return type_.target


def _pointer(qualifiers: list[str], declarator: str) -> str:
    """Put a pointer before a declarator: "*p", "* const p"."""
    if not qualifiers:
        return f"*{declarator}"
    return f"* {' '.join(qualifiers)}{' ' * bool(declarator)}{declarator}"


def _parenthesize(declarator: str) -> str:
    """Guard a pointer against what binds tighter: "*p" -> "(*p)"."""
    return f"({declarator})" if declarator.startswith("*") else declarator


def _join(qualifiers: list[str], base: str, tags: list[str], declarator: str) -> str:
    """Put the declarator after the base type: "const char *p", "char[16]", "int (void)"."""
    text = " ".join((*qualifiers, base, *tags))
    return f"{text}{' ' * (declarator[:1] not in ('', '[', ':'))}{declarator}"


def _base_name(type_: t.Type) -> str:
    """Return the name that a type goes by in C, or a stand-in."""
    if isinstance(type_, t.Void):
        return "void"
    word = f"{type_.keyword} " if isinstance(type_, t.Fwd) else WORDS.get(type_.kind, "")
    if word:
        return f"{word}{clip(type_.name) or '{...}'}"
    if isinstance(type_, t.DeclTag):
        return _attribute(type_)
    if isinstance(type_, t.Unknown):
        return f"<kind {type_.kind_number}{' ' * bool(type_.name)}{clip(type_.name)}>"
    return clip(type_.name) or f"<anonymous {type_.kind.name.lower()}>"


def _attribute(tag: t.TypeTag | t.DeclTag) -> str:
    """Return a tag as the kernel's sources write it: "__rcu"; or as an attribute."""
    text = clip(tag.name)
    if tag.is_attribute:
        return f"__attribute__(({text}))"
    if isinstance(tag, t.TypeTag):
        return f"__{text}"
    return f'__attribute__((btf_decl_tag("{text}")))'


def clip(name: str) -> str:
    """Cut a name that no compiler made."""
    return name if len(name) <= _MAX_NAME else name[:_MAX_NAME] + ELLIPSIS
