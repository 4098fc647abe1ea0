"""The text of one scalar, in every format for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._decode.fields import LeadingZeros
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.summaries import in_words
from btfdump._kernel.pointers import ELSEWHERE, space_of
from btfdump._meaning.bits import flag_list, flags_text
from btfdump._render.escape import printable, quoted, quoted_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.fields import Field
    from btfdump._decode.layout import Layout
    from btfdump._meaning import Meaning
    from btfdump._render import Options

MAX_ERRNO = 4095
"""Pointers in the last MAX_ERRNO bytes of the address space are errors (include/linux/err.h)."""


_FEW = 64
"""As many zeros as there are elements of an array to be shown by default."""
LARGE = 1 << 48
"""Integers from here on are addresses, masks or random, and read better in hexadecimal."""


class Reading(NamedTuple):
    """How a pointer is shown, by its type and by what annotations state about it.

    `space` is the address space of its target if that is not kernel memory: "user", "percpu",
    "iomem". Of a target in kernel memory, `is_string` says that it is text, and `is_void` that its
    type is not known.
    """

    space: str | None
    is_string: bool
    is_void: bool


def reading(layout: ScalarLayout, facts: MemberFacts | None) -> Reading:
    """Return how a pointer of this type is shown, where `facts` are known about it."""
    space = space_of(layout, facts)
    if space in ELSEWHERE:
        return Reading(space, False, False)
    target = _target(layout)
    is_char = isinstance(target, types.Int) and (target.is_char or target.name == "char")
    is_string = is_char or (target is not None and facts is not None and facts.is_string)
    return Reading(None, is_string, isinstance(target, types.Void))


def meant(layout: Layout, facts: MemberFacts | None, options: Options) -> Meaning | None:
    """Return what a value means: what is said of it, or else of all of its type."""
    if options.raw:
        return None
    stated = facts.meaning if facts is not None and facts.is_meant else None
    return stated if stated is not None else layout.meaning


def meaning_of(field: Field, options: Options) -> str:
    """Return what the bytes of a struct or an array mean as a whole, ready to be shown."""
    if not field.data:
        return ""
    meaning = meant(field.layout, field.facts, options)
    if meaning is None or meaning.of_bytes is None:
        return ""
    return printable(meaning.of_bytes(field.data))


def is_folded(field: Field) -> bool:
    """Whether annotations say that a member, or all of its type, is of interest to few."""
    stated = field.facts.meaning if field.facts is not None else None
    meanings = (stated, field.layout.meaning)
    return any(meaning is not None and meaning.is_folded for meaning in meanings)


def has_whole(layout: Layout, facts: MemberFacts | None, options: Options) -> bool:
    """Whether the bytes of a struct or an array mean something as a whole."""
    meaning = meant(layout, facts, options)
    return meaning is not None and meaning.of_bytes is not None


def is_told(facts: MemberFacts | None) -> bool:
    """Whether annotations say how a scalar, or an array of them, is to be shown."""
    return facts is not None and bool(
        facts.is_meant or facts.is_hex or facts.is_string or facts.space in ELSEWHERE
    )


def is_hex(facts: MemberFacts | None) -> bool:
    """Whether annotations ask for hexadecimal."""
    return facts is not None and facts.is_hex


def field_scalar(field: Field, options: Options) -> tuple[str, str]:
    """Return (value, remark) for a field that is a scalar, as annotations ask for it."""
    assert isinstance(field.layout, ScalarLayout)
    shown, remark = told_scalar(field.layout, field.value, options, field.facts)
    return shown, f"({printable(field.remark)})" if field.remark else remark


def told_scalar(
    layout: ScalarLayout, value: object, options: Options, facts: MemberFacts | None
) -> tuple[str, str]:
    """Return (value, remark) for a scalar of which `facts` are known; see `scalar()`."""
    meaning = meant(layout, facts, options)
    if meaning is not None and meaning.text is not None and isinstance(value, int):
        return meaningful(meaning, layout, value, options, facts)
    if facts is not None and isinstance(value, int) and layout.category is Category.POINTER:
        shown, remark = pointer(layout, value, options, facts)
        if value and facts.space in ELSEWHERE and space_of(layout, None) != facts.space:
            remark = "no address" if facts.space == "none" else f"__{facts.space}"  # by no type
        return shown, remark
    return scalar(layout, value, options, as_hex=is_hex(facts))


def meaningful(
    meaning: Meaning,
    layout: ScalarLayout,
    value: int,
    options: Options,
    facts: MemberFacts | None,
) -> tuple[str, str]:
    """Return (value, remark) for an integer that means something; see `scalar()`."""
    assert meaning.text is not None
    text = printable(meaning.text(value))
    if layout.category is Category.POINTER:
        shown, remark = pointer(layout, value, options, facts)
        return shown, text or remark
    if layout.category is Category.ENUM:
        shown, remark = scalar(layout, value, options)
        return shown, text or remark
    if layout.category is Category.BOOL:
        return scalar(layout, value, options)[0], text
    if is_hex(facts) or (meaning.base == 10 and abs(value) >= LARGE):
        return (f"-{-value:#x}" if value < 0 else f"{value:#x}"), text
    return meaning.number(value), text


def scalar(
    layout: ScalarLayout, value: object, options: Options, *, as_hex: bool = False
) -> tuple[str, str]:
    """Return (the value as C would write it, a remark or "").

    The remark is a pointer's symbol or string, the number of an enumerator or error pointer, or the
    names of an enum's bits.
    """
    if isinstance(value, bytes):
        return (f"/* {len(value)} bytes */ " + value.hex() if value else "{}"), ""
    if isinstance(value, float):
        return repr(value), ""
    if not isinstance(value, int):
        return "?", ""
    category = layout.category
    if category is Category.POINTER:
        return pointer(layout, value, options)
    if category is Category.ENUM and isinstance(layout.base, types.Enum | types.Enum64):
        name = layout.base.names.get(value)
        if name is not None:
            return printable(name), str(value)
        return str(value), flags_text(enum_flags(layout.base, value))
    if category is Category.BOOL and value in (0, 1):
        return "true" if value else "false", ""
    if category is Category.CHAR and 0x20 <= value < 0x7F:
        return "'\\''" if value == 0x27 else f"'{chr(value)}'", ""
    if as_hex or layout.size > 8 or value >= LARGE:
        return (f"-{-value:#x}" if value < 0 else f"{value:#x}"), ""
    return str(value), ""


def enum_flags(enum: types.Enum, value: int) -> list[str]:
    """Return the names of the bits of a value that is no enumerator, escaped.

    It is a set of flags only if enumerators name all of its bits; else it is just new.
    """
    bits = {v: n for v, n in sorted(enum.names.items()) if v > 0 and not v & (v - 1)}
    is_flags = len(bits) > 1 and value > 0 and not value & ~sum(bits)
    return [printable(name) for name in flag_list(value, bits)] if is_flags else []


def _error(number: int) -> str:
    """Return what a pointer says that is no address; -1 is often no error but a mark of its own."""
    from btfdump._meaning.vocabulary import error_name  # few pointers are any

    name = error_name(number) if number != -1 else ""
    return f"error {name or number}" if number != -1 else "-1"


def pointer(
    layout: ScalarLayout, value: int, options: Options, facts: MemberFacts | None = None
) -> tuple[str, str]:
    """Return a pointer's address and what lies there, if a symbol or a string does."""
    if not value:
        return "NULL", ""
    text = f"{value:#x}"
    top = 1 << layout.size * 8
    if value >= top - MAX_ERRNO:
        return text, _error(value - top)
    space, is_string, is_void = reading(layout, facts)
    if space is not None:  # what symbols and slab caches name is kernel memory
        return text, ""
    if is_string:
        string = options.string_at(value)
        if string is not None:
            return text, quoted(string)
    symbol = options.symbolize(value)
    if symbol is None and is_void:
        symbol = options.locate(value)
    return text, printable(symbol) if symbol is not None else ""


def _target(layout: ScalarLayout) -> types.Type | None:
    base = layout.base
    return base.btf.skip_modifiers(base.type_id) if isinstance(base, types.Ptr) else None


def array(field: Field, element: ScalarLayout, options: Options) -> str:
    """Return a field that is an array of scalars as a C initialiser on one line."""
    values = field.value if isinstance(field.value, list) else []
    return array_text(values, max(field.elided, 0), element, options, as_hex=is_hex(field.facts))


def array_text(
    values: Sequence[object],
    elided: int,
    element: ScalarLayout,
    options: Options,
    *,
    as_hex: bool = False,
) -> str:
    """Return an array of scalars as a C initialiser; `elided` further elements are not given.

    In a long array with few nonzero elements, zeros are left out and the others have designators;
    so they are in one that begins with many zeros. If there is nothing else, their number is told.
    """
    if isinstance(values, LeadingZeros):
        return _zeros(values.zeros, len(values) + elided)
    more = f" /* {elided} more */" if elided else ""
    is_late = len(values) > _FEW and any(values) and not any(values[:_FEW])
    is_bytes = element.size == 1 and element.category is Category.INT and len(values) > 4
    if is_bytes and not is_late:
        text = " ".join(f"{v & 0xFF:02x}" for v in values if isinstance(v, int))
        return f"{{ {text} }}{more}"
    shown: Iterable[str]
    set_ = [i for i, v in enumerate(values) if v]
    if len(values) > 8 and not set_:
        return _zeros(len(values), len(values) + elided)
    if is_late or (len(values) > 8 and len(set_) * 2 < len(values)):
        shown = (f"[{i}] = {_one(element, values[i], options, as_hex)}" for i in set_)
    else:
        shown = (_one(element, v, options, as_hex) for v in values)
    return f"{{ {', '.join(shown)} }}{more}"


def _zeros(count: int, length: int) -> str:
    """Return an array of `length` elements that begins with `count` zeros, none of them shown."""
    if count == length:
        return f"{{ /* all {count} are zero */ }}"
    return f"{{ /* the first {count} are zero */ }} /* {length - count} more */"


def _one(element: ScalarLayout, value: object, options: Options, as_hex: bool) -> str:
    text, remark = scalar(element, value, options, as_hex=as_hex)
    return f"{text} <{remark}>" if remark and element.category is Category.POINTER else text


def summary(pairs: Iterable[tuple[str, str | int]]) -> str:
    """Return an object's summary on one line, safe to print: `"init" pid 1`."""
    return printable(in_words(pairs))


def text(data: bytes, options: Options) -> str:
    """Return a char array as a C string literal."""
    return quoted_bytes(data, options.string)
