"""Types of DWARF's as the table of globals spells them: see btfdump/_annotate/type_spelling.py."""

from __future__ import annotations

from drgn import Type, TypeKind

_KEYWORDS = {TypeKind.STRUCT: "struct", TypeKind.UNION: "union", TypeKind.CLASS: "struct"}


def spell(type_: Type) -> str:
    """Return a type without its qualifiers and the lengths of arrays, suffixes last to first.

    `int *[]` is an array of pointers, `int(u8,...)*` a pointer to a function. What has no name is
    told by what it has: `struct{seq,timekeeper}`, `enum{EMULATE,XONLY}`.
    """
    kind = type_.kind
    if kind == TypeKind.POINTER:
        return f"{spell(type_.type)}*"
    if kind == TypeKind.ARRAY:
        return f"{spell(type_.type)}[]"
    if kind == TypeKind.FUNCTION:
        params = [spell(p.type) for p in type_.parameters] + ["..."] * type_.is_variadic
        return f"{spell(type_.type)}({','.join(params)})"
    if kind in _KEYWORDS:
        keyword = _KEYWORDS[kind]
        if type_.tag:
            return f"{keyword} {type_.tag}"
        return f"{keyword}{{{','.join(m.name or '' for m in type_.members or ())}}}"
    if kind == TypeKind.ENUM:
        if type_.tag:
            return f"enum {type_.tag}"
        return f"enum{{{','.join(e.name for e in type_.enumerators or ())}}}"
    if kind == TypeKind.VOID:
        return "void"
    return str(type_.name)


def flat_length(type_: Type) -> int | None:
    """Return the number of elements of an array, of all dimensions; None for what is none."""
    if type_.kind != TypeKind.ARRAY:
        return None
    length = 1
    while type_.kind == TypeKind.ARRAY:
        length *= type_.length or 0
        type_ = type_.type
    return length
