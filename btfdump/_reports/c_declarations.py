"""Declarations of global variables in C, for what finds their types by those: drgn without DWARF.

The form is that of `build_c_declaration_object_finder()` in drgn's pull request 625: a declaration
on each line, of one variable, whose type has a name or is made of such by `*` and `[]`, and
comments behind `//`. What cannot be declared so is a comment that says why.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._annotate.global_types import global_types
from btfdump._btf.type_name import VMLINUX
from btfdump._btf.types import Array
from btfdump._kernel.notes import Note
from btfdump._kernel.spelled import parse, spelling
from btfdump._kernel.variables import without_padding
from btfdump._render.escape import printable
from btfdump._roots import Query
from btfdump._roots.globals import listed_variables
from btfdump.errors import AmbiguousTypeError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.global_types import GlobalTypes
    from btfdump._api.kernel import Kernel
    from btfdump._btf.types import Type
    from btfdump._kernel.context import Context
    from btfdump._kernel.spelled import Spelled

_IDENTIFIER = re.compile(r"(?a:[A-Za-z_]\w*)")
_NAME_OF_TYPE = re.compile(r"(?a:[A-Za-z_]\w*(?: [A-Za-z_]\w*)*)")
_ARRAYS = "an array of arrays, whose lengths are not known"
_FORM = "for build_c_declaration_object_finder() of drgn"


def declarations_of_table(table: GlobalTypes, series: str, machine: str) -> Iterator[str]:
    """Yield the lines that declare what a table has of the kernels of a series and a machine.

    An array has no length. What several types are told of, is a comment with all of them. Raises
    `ExpressionError` if the table has no such kernel.
    """
    sources = {
        number: source
        for number, source in enumerate(table.sources)
        if (source.series, source.machine) == (series, machine)
    }
    if not sources:
        known = sorted({(source.series, source.machine) for source in table.sources})
        raise ExpressionError(
            f"no kernel {series} for {machine} is known; known are "
            + ", ".join(f"{series} for {machine}" for series, machine in known)
        )
    releases = ", ".join(source.release for source in sources.values())
    yield f"// Global variables of Linux {releases}, {_FORM}\n"
    for name in table.names():
        told = [
            (choice.spelling, [sources[n].release for n in choice.sources if n in sources])
            for choice in table.find(name)
        ]
        told = [(spelled, having) for spelled, having in told if having]
        if len(told) == 1:
            yield _declaration(name, parse(told[0][0]))
        elif told:
            choices = ", ".join(f"{spelled} ({', '.join(having)})" for spelled, having in told)
            yield f"// {name}: different types: {choices}\n"


def declarations_of_kernel(kernel: Kernel) -> Iterator[str]:
    """Yield the lines that declare the variables of a kernel's that its BTF does not describe.

    They have the types that fit this kernel, and arrays their lengths. Names that several variables
    have are left out. What the table knows, and nothing decides, is a comment that says why.
    """
    table = global_types()
    yield f"// Global variables of Linux {printable(kernel.release)}, {_FORM}\n"
    for one in listed_variables(kernel, Query()):
        if isinstance(one, Note):
            yield f"// {printable(one.text)}\n"
            continue
        name = one.symbol.name
        if one.symbol.module != VMLINUX or _IDENTIFIER.fullmatch(one.name) is None:
            continue
        told = table.find(name)
        if isinstance(one.known, str):
            if told:
                yield f"// {name}: {printable(one.known)}\n"
            continue
        type_, source, facts = one.known
        if source == "BTF":
            continue
        spelled = parse(spelling(type_))
        if facts.is_flat:
            yield f"// {name}: {_ARRAYS}\n"
        elif doubt := _doubt(kernel, spelled):
            yield f"// {name}: {printable(doubt)}\n"
        else:
            yield _declaration(name, spelled, *_length(type_, facts))


def _length(type_: Type, facts: MemberFacts) -> tuple[int, int]:
    """Return the length of an array, and the greatest that it may have, 0 if that is certain."""
    likely = without_padding(type_, facts)
    if not (isinstance(type_, Array) and isinstance(likely, Array)):
        return 0, 0
    return likely.length, type_.length if facts.may_be_shorter else 0


def _doubt(kernel: Context, spelled: Spelled) -> str:
    """Return what else the name of a type may mean in this kernel, "" for nothing."""
    if spelled.base == "void" or spelled.names is not None:
        return ""
    try:
        kernel.own_type(spelled.base)
    except AmbiguousTypeError as error:
        return str(error)
    return ""


def _declaration(name: str, spelled: Spelled, length: int = 0, at_most: int = 0) -> str:
    why = _against(spelled)
    if why:
        return f"// {name}: {why}\n"
    base = f"{spelled.base} {'*' * spelled.element.suffixes.count('*')}"
    if not spelled.dimensions:
        return f"{base}{name};\n"
    remark = f" // up to {at_most}: the next symbol begins there" if at_most else ""
    return f"{base}{name}[{length or ''}];{remark}\n"


def _against(spelled: Spelled) -> str:
    """Return why a type cannot be declared in that form, "" if it can."""
    if spelled.names is not None:
        return f"{spelled.base} {{{', '.join(spelled.names)}}}, which has no name"
    if any(isinstance(suffix, tuple) for suffix in spelled.suffixes):
        return "a function is in the type"
    if "[]" in spelled.element.suffixes:
        return "a pointer to an array"
    if spelled.dimensions > 1:
        return _ARRAYS
    if _NAME_OF_TYPE.fullmatch(spelled.base) is None:
        return f"no type is called {spelled.base!r} in C"
    return ""
