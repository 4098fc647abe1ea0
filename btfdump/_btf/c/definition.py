"""The definition of one type in C."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._btf import types as t
from btfdump._btf.names import Spelling

from .words import KEYWORDS_SINCE_C23, comment, identifier, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names
    from .packing import Gap, Packing, Packings

_NOTHING = "void *"
"""What stands for a type that no C program can name where it is asked for."""
_MODES = {1: "QI", 2: "HI", 8: "DI"}
_WORDS = frozenset(["char", "signed", "unsigned", "short", "int", "long", "_Bool", "__int128"])
_FLOATS = {"float": 4, "double": 8, "long double": 16, "_Float16": 2}
_BY_SIZE = {1: "char", 2: "short", 4: "int", 8: "long long", 16: "__int128"}
_ATTRIBUTE = re.compile(r'[A-Za-z_]\w*(\((\w+|"[\w .:-]*")\))?', re.ASCII)
_OLD_C = "#if !defined(__STDC_VERSION__) || __STDC_VERSION__ < 202311L"
_INT_MAX, _U32_MAX = (1 << 31) - 1, (1 << 32) - 1
BUILT_IN = frozenset(("__builtin_va_list",))
"""Typedefs that compilers have, each its own."""


class Definitions:
    """Writes definitions, one after the other, of types whose needs have been written before.

    `tag_macro` is a macro for type tags: it takes the text of one.
    """

    def __init__(self, names: Names, packings: Packings, tag_macro: str) -> None:
        self.names = names
        self.packings = packings
        self.tag_macro = tag_macro
        self.declared: set[int] = set()
        """Typedefs that have been written."""
        self.inlined: set[int] = set()
        """Enums without a name that have been written within others."""

    def write(self, type_: t.Type) -> Iterator[str]:
        """Yield the lines of a definition; none for what compilers define themselves."""
        if isinstance(type_, t.Typedef):
            yield from self._typedef(type_)
        elif isinstance(type_, t.Enum):
            if type_.enumerators:
                yield from f"{self.enum(type_)};".split("\n")
        elif isinstance(type_, t.Composite):
            writing = _Writing(self)
            yield from f"{writing.composite(type_, self._known_as(type_))};".split("\n")
        elif isinstance(type_, t.Fwd):
            yield f"{type_.keyword} {self._known_as(type_)};"

    def declaration(self, type_: t.Type) -> str:
        """Return the declaration of a struct or union without its members."""
        assert isinstance(type_, t.Composite | t.Fwd)
        return f"{type_.keyword} {self.names.of(type_)};"

    def enum(self, enum: t.Enum, indent: str = "") -> str:
        """Return an enum with all its enumerators."""
        lines = [f"enum {self._known_as(enum)} {{" if enum.name else "enum {"]
        for enumerator in enum.enumerators:
            name = self.names.enumerator(enumerator.name)
            note = f" {comment(enumerator.name)}" if enumerator.name != name else ""
            line = f"{indent}\t{name} = {_number(enumerator.value)},{note}"
            is_new = name in KEYWORDS_SINCE_C23
            lines += [_OLD_C, line, "#endif"] if is_new else [line]
        fits = all(-_INT_MAX - 1 <= e.value <= _U32_MAX for e in enum.enumerators)
        mode = _MODES.get(enum.size, "") if enum.size < 8 or fits else ""
        attribute = f" __attribute__((mode({mode})))" if mode else ""
        return "\n".join([*lines, f"{indent}}}{attribute}"])

    def _known_as(self, type_: t.Type) -> str:
        """Return the name of a type, and what it really is called if that is no name in C."""
        if not type_.name:
            return ""
        name = self.names.of(type_)
        return name if identifier(type_.name) == type_.name else f"{name} {comment(type_.name)}"

    def _typedef(self, typedef: t.Typedef) -> Iterator[str]:
        name = self.names.of(typedef)
        if name in BUILT_IN:
            self.declared.add(typedef.id)
            return
        text = _Writing(self).declare(typedef.target, name)
        self.declared.add(typedef.id)
        note = "" if identifier(typedef.name) == typedef.name else f" {comment(typedef.name)}"
        lines = f"typedef {text};{note}".split("\n")
        yield from [_OLD_C, *lines, "#endif"] if name in KEYWORDS_SINCE_C23 else lines


class _Writing(Spelling):
    """One definition under way, with what is nested in it."""

    cut = _NOTHING
    cut_parameters = ""

    def __init__(self, to: Definitions) -> None:
        super().__init__()
        self._to = to
        self._indent = ""
        self._params = 0
        self._taken: set[str] = set()
        self._open: set[int] = set()

    def base(self, type_: t.Type) -> str:
        """Return the name of a type, or all of it if it has none."""
        original = self._to.names.original(type_)
        if isinstance(original, t.Typedef):
            is_known = original.id in self._to.declared
            return self._to.names.of(original) if is_known else _NOTHING
        if isinstance(original, t.Void):
            return "void"
        if isinstance(original, t.Int | t.Float):
            return number_type(original)
        if isinstance(original, t.Enum):
            return self._enum(original)
        if isinstance(original, t.Composite | t.Fwd):
            if original.name:
                return f"{original.keyword} {self._to.names.of(original)}"
            if self._params or not isinstance(original, t.Composite):
                return "char"
            return _NOTHING if original.id in self._open else self.composite(original, "")
        return "char"

    def tag(self, tag: t.TypeTag) -> str:
        """Return a type tag as a macro, or as the attribute that it is."""
        if not tag.is_attribute:
            return f"{self._to.tag_macro}({literal(tag.name)})"
        if _ATTRIBUTE.fullmatch(tag.name):
            return f"__attribute__(({tag.name}))"
        return comment(f"attribute {tag.name}")

    def params(self, proto: t.FuncProto) -> str:
        """Return parameters; what is defined among them would be known nowhere else."""
        self._params += 1
        text = super().params(proto)
        self._params -= 1
        return text

    def _enum(self, enum: t.Enum) -> str:
        if enum.enumerators and enum.name:
            return f"enum {self._to.names.of(enum)}"
        if enum.enumerators and not self._params and enum.id not in self._to.inlined:
            self._to.inlined.add(enum.id)
            return self._to.enum(enum, self._indent)
        return _integer(enum.size, enum.is_signed)

    def composite(self, composite: t.Composite, name: str) -> str:
        """Return a struct or union with all its members."""
        self._open.add(composite.id)
        outer = self._indent
        inner = self._indent = f"{outer}\t"
        packing = self._to.packings.of(composite)
        head = f"{composite.keyword} {name} {{" if name else f"{composite.keyword} {{"
        if isinstance(packing, str):
            lines = [f"{inner}{comment(packing)}"]
            lines += [f"{inner}unsigned char __opaque[{composite.size}];"] * bool(composite.size)
            attributes = ""
        else:
            lines = list(self._members(composite, packing, inner))
            attributes = " __attribute__((packed))" * packing.is_packed
            if packing.force:
                attributes += f" __attribute__((aligned({packing.force})))"
        self._open.discard(composite.id)
        self._indent = outer
        if not lines:
            return f"{head}}}{attributes}"
        return "\n".join([head, *lines, f"{outer}}}{attributes}"])

    def _members(self, composite: t.Composite, packing: Packing, inner: str) -> Iterator[str]:
        for number, member in enumerate(composite.members):
            yield from self._gaps(packing.gaps[number], inner)
            yield f"{inner}{self._member(member, number)}"
        yield from self._gaps(packing.gaps[-1], inner)

    def _member(self, member: t.Member, number: int) -> str:
        base = member.type
        if not member.name and not member.bit_size:
            found = base.btf.skip_modifiers(base)
            if isinstance(found, t.Composite) and found.id not in self._open:
                # One that has a name, as -fms-extensions allows it, is spelled out like others.
                return f"{self.composite(found, '')};"
        note = ""
        name = identifier(member.name) if member.name else ""
        if not name and not member.bit_size:
            name, note = f"__anonymous_{number}", " /* it has no name */"
        elif name != member.name:
            note = f" {comment(member.name)}"
        taken = self._taken
        if name:
            name = self._unique(name)
            self._taken = set()
        width = f": {member.bit_size}" if member.bit_size else ""
        text = self.declare(base, f"{name}{width}")
        self._taken = taken
        return f"{text};{note}"

    def _unique(self, name: str) -> str:
        number, found = 1, name
        while found in self._taken:
            number += 1
            found = f"{name}___{number}"
        self._taken.add(found)
        return found

    def _gaps(self, gaps: tuple[Gap, ...], inner: str) -> Iterator[str]:
        for gap in gaps:
            if gap.type_:
                yield f"{inner}{gap.type_}: {gap.bits};"
            else:
                yield f"{inner}unsigned char {self._unique('__padding')}[{gap.bits // 8}];"


def number_type(type_: t.Int | t.Float) -> str:
    """Return what a number is called in C: by its own name, if that has its size there."""
    pointer_size = type_.btf.pointer_size or 8
    if isinstance(type_, t.Float):
        if _FLOATS.get(type_.name) == type_.size:
            return type_.name
        return _integer(type_.size, False)
    words = type_.name.split()
    if words and _WORDS.issuperset(words) and _size(words, pointer_size) == type_.size:
        return type_.name
    return "_Bool" if type_.is_bool and type_.size == 1 else _integer(type_.size, type_.is_signed)


def _size(words: list[str], pointer_size: int) -> int:
    sizes = {"char": 1, "_Bool": 1, "short": 2, "__int128": 16}
    for word, size in sizes.items():
        if word in words:
            return size
    longs = words.count("long")
    return 8 if longs == 2 else pointer_size if longs else 4


def _integer(size: int, is_signed: bool) -> str:
    return f"{'signed' if is_signed else 'unsigned'} {_BY_SIZE.get(size, 'char')}"


def _number(value: int) -> str:
    """Return an enumerator's value as C reads it."""
    if value < -_INT_MAX - 1:
        return f"({value + 1}LL - 1)"
    if value == -_INT_MAX - 1:
        return f"({value + 1} - 1)"
    if value <= _INT_MAX:
        return str(value)
    return f"{value}U" if value <= _U32_MAX else f"{value}ULL" if value >> 63 else f"{value}LL"
