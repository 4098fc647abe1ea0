"""Types as the table of globals spells them: `struct kmem_cache*[]`, `int(u8,...)*`, `struct{a,b}`.

What is derived from a type follows it, the last first: `int*[]` is an array of pointers, `int[]*` a
pointer to an array, `int(u8)*` one to a function. Qualifiers and the lengths of arrays are left
out: of an array that is a variable, how much room it has tells (btfdump/_kernel/tabulated.py). A
type without a name is told by the names of what it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._btf.derived import Derivation
from btfdump._btf.type_name import VMLINUX, c_name
from btfdump._btf.wire import Kind
from btfdump.errors import AmbiguousTypeError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._btf.reader import Btf
    from btfdump._kernel.type_names import TypeNames

_UNNAMED = {
    "struct": (Kind.STRUCT,),
    "union": (Kind.UNION,),
    "enum": (Kind.ENUM, Kind.ENUM64),
}
_MAX_DERIVED = 64
VARIADIC = "..."


class Spelled(NamedTuple):
    """A spelling taken apart; nothing is looked up.

    `base` is the name of a type, or that of a keyword whose members or enumerators are `names`.
    `suffixes` are "*", "[]", or the parameters of a function, the innermost first.
    """

    base: str
    names: tuple[str, ...] | None
    suffixes: tuple[str | tuple[Spelled, ...], ...]

    @property
    def dimensions(self) -> int:
        """How many arrays there are around the elements of this one; 0 if it is no array."""
        count = 0
        while count < len(self.suffixes) and self.suffixes[-1 - count] == "[]":
            count += 1
        return count

    @property
    def element(self) -> Spelled:
        """The elements of an array of any number of dimensions; itself if it is no array."""
        return self._replace(suffixes=self.suffixes[: len(self.suffixes) - self.dimensions])


def parse(text: str) -> Spelled:
    """Parse the spelling of a type; raises `ValueError` if the text is not one."""
    spelled, at = _parse(text, 0)
    if at != len(text):
        raise ValueError(f"{text!r}: {text[at:]!r} is no part of a type")
    return spelled


def _parse(text: str, at: int) -> tuple[Spelled, int]:
    end = at
    while end < len(text) and text[end] not in "*[({,)":
        end += 1
    base = text[at:end]
    names: tuple[str, ...] | None = None
    if text[end : end + 1] == "{":
        closing = text.index("}", end)
        inner = text[end + 1 : closing]
        names = tuple(inner.split(",")) if inner else ()
        end = closing + 1
    suffixes: list[str | tuple[Spelled, ...]] = []
    while end < len(text) and text[end] not in ",)" and len(suffixes) < _MAX_DERIVED:
        if text[end] == "*":
            suffixes.append("*")
            end += 1
        elif text[end : end + 2] == "[]":
            suffixes.append("[]")
            end += 2
        elif text[end] == "(":
            params, end = _parse_params(text, end + 1)
            suffixes.append(params)
        else:
            break
    return Spelled(base, names, tuple(suffixes)), end


def _parse_params(text: str, at: int) -> tuple[tuple[Spelled, ...], int]:
    params: list[Spelled] = []
    while text[at : at + 1] != ")":
        param, at = _parse(text, at)
        params.append(param)
        if text[at : at + 1] not in (",", ")"):
            raise ValueError(f"{text!r}: expected , or ) at {text[at:]!r}")
        at += text[at] == ","
    return tuple(params), at + 1


def find_spelled(names: TypeNames, btf: Btf, spelled: Spelled) -> types.Type:
    """Return the type of a spelling; arrays in it have no length.

    `names` are the types of the kernel, `btf` is that of vmlinux: types of modules do not count.
    Raises `TypeNotFoundError`, and `AmbiguousTypeError` where the BTF has several.
    """
    base = _find_base(names, btf, spelled)
    if not spelled.suffixes:
        return base
    derivation = Derivation(btf)
    return derivation.type(_derive(names, btf, spelled, base, derivation))


def _derive(
    names: TypeNames, btf: Btf, spelled: Spelled, base: types.Type, derivation: Derivation
) -> int:
    found = base.id
    for suffix in spelled.suffixes:
        if suffix == "*":
            found = derivation.pointer(found)
        elif suffix == "[]":
            found = derivation.array(found, 0)
        else:
            params = []
            for param in suffix:
                assert isinstance(param, Spelled)
                if param.base == VARIADIC:
                    params.append(0)
                else:
                    inner = _find_base(names, btf, param)
                    params.append(_derive(names, btf, param, inner, derivation))
            found = derivation.function(found, params)
    return found


def _find_base(names: TypeNames, btf: Btf, spelled: Spelled) -> types.Type:
    if spelled.base == "void":
        return btf.type(0)
    if spelled.names is None:
        return names.find(f"{VMLINUX}:{spelled.base}", own=True)
    found = find_unnamed(btf, spelled.base, spelled.names)
    if len(found) > 1:
        from btfdump._btf.alike import distinct

        found = distinct(found)
    told = f"{spelled.base} {{{', '.join(spelled.names)}}}"
    if not found:
        raise TypeNotFoundError(f"no {told} in the BTF of {VMLINUX}")
    if len(found) > 1:
        ids = tuple(type_.id for type_ in found)
        raise AmbiguousTypeError(
            f"{len(found)} different types are a {told}: {', '.join(f'[{i}]' for i in ids)}", ids
        )
    return found[0]


def find_unnamed(btf: Btf, keyword: str, names: Sequence[str]) -> list[types.Type]:
    """Return every type without a name that has members, or enumerators, of just these names.

    `keyword` is "struct", "union" or "enum". The order of the names matters; "" stands for a member
    without a name.
    """
    return [
        type_
        for kind in _UNNAMED[keyword]
        for type_ in btf.unnamed(kind, len(names))
        if _names_in(type_) == [*names]
    ]


def _names_in(type_: types.Type) -> list[str]:
    if isinstance(type_, types.Composite):
        return [member.name for member in type_.members]
    return [e.name for e in type_.enumerators] if isinstance(type_, types.Enum) else []


def spelling(type_: types.Type) -> str:
    """Return the spelling of a type: what `find_spelled()` finds again, but for qualifiers.

    Types that are derived from each other in a circle end in `...`.
    """
    return _spelling(type_, _MAX_DERIVED)


def _spelling(type_: types.Type, depth: int) -> str:
    suffixes: list[str] = []
    while depth > 0:
        depth -= 1
        if isinstance(type_, types.Const | types.Volatile | types.Restrict | types.TypeTag):
            type_ = type_.target
        elif isinstance(type_, types.Ptr):
            suffixes.append("*")
            type_ = type_.target
        elif isinstance(type_, types.Array):
            suffixes.append("[]")
            type_ = type_.element
        elif isinstance(type_, types.FuncProto):
            params = [_spelling(param.type, depth - 1) for param in type_.params]
            if type_.is_variadic:
                params[-1] = VARIADIC
            suffixes.append(f"({','.join(params)})")
            type_ = type_.return_type
        else:
            return _base(type_) + "".join(reversed(suffixes))
    return VARIADIC


def _base(type_: types.Type) -> str:
    if isinstance(type_, types.Void):
        return "void"
    if isinstance(type_, types.Composite | types.Fwd | types.Enum):
        keyword = "enum" if isinstance(type_, types.Enum) else type_.keyword
        return (
            f"{keyword} {type_.name}"
            if type_.name
            else (f"{keyword}{{{','.join(_names_in(type_))}}}")
        )
    return c_name(type_.name)
