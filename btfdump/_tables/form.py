"""How the cells of a column are told: to people, to programs, and in conditions.

Rows hold values as they are: numbers in base units, addresses as integers. What they mean is made
of them where they are written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from btfdump._annotate.enumerators import bit_names, value_names
from btfdump._annotate.grammar import Means, as_meaning, parse
from btfdump._btf import types
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._kernel.pointers import ELSEWHERE, space_of, target_of
from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._meaning.site import Site
from btfdump._meaning.vocabulary import meaning_of
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import PathEnd
    from btfdump._meaning import Meaning

_NS = 1_000_000_000
_BYTES = {"bytes": 1, "KiB": 1024, "sectors": 512}
_TIMES = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": _NS, "ktime": 1, "clock_t": _NS // 100}


@dataclass(frozen=True)
class Form:
    """How a column is told.

    `text(cell)` is what people read, None for the cell itself, and `names(cell)` what programs get
    beside a number: the names of its bits, or of its value. `unit` is "bytes" or "ns" if cells are
    amounts, `scale` of those each. `spare` and `is_summed` are as in the definition.
    """

    text: Callable[[Any], str] | None = None
    names: Callable[[Any], str | list[str]] | None = None
    is_address: bool = False
    is_number: bool = False
    unit: str = ""
    scale: int = 1
    is_summed: bool = False
    spare: int = 0

    def told(self, cell: Any) -> Any:
        """Return a cell for people: its text, or the cell itself."""
        if cell is None or self.text is None:
            return cell
        return self.text(cell) or cell

    def document(self, cell: Any) -> Any:
        """Return a cell for JSON, in which addresses are texts."""
        return hex(cell) if self.is_address and isinstance(cell, int) else cell


def form_of(context: Context, place: PathEnd) -> Form:
    """Return how a member is told: by what annotations say of it, or of all its type."""
    facts, layout = place.facts, place.layout
    stated = facts.meaning if facts is not None and facts.is_meant else None
    meaning = stated if stated is not None else layout.meaning
    if meaning is not None:
        return of_meaning(context, meaning)
    if not isinstance(layout, ScalarLayout):
        return Form()
    if layout.category is Category.POINTER:
        return Form(text=hex, is_address=True)
    base = layout.base
    if isinstance(base, types.Enum | types.Enum64):
        name = base.names.get
        return Form(text=lambda cell: name(cell) or "", names=lambda cell: name(cell) or "")
    if layout.category is Category.BOOL:
        return Form()
    return Form(text=hex) if facts is not None and facts.is_hex else Form(is_number=True)


def is_string(context: Context, place: PathEnd) -> bool:
    """Whether a member is a pointer to a C string of the kernel, which tables read."""
    layout, facts = place.layout, place.facts
    if not isinstance(layout, ScalarLayout) or layout.category is not Category.POINTER:
        return False
    if space_of(layout, facts) in ELSEWHERE:
        return False
    target = target_of(context, layout, facts, is_followed=True)
    is_char = isinstance(target, types.Int) and (target.is_char or target.name == "char")
    return is_char or (facts is not None and facts.is_string)


def of_words(context: Context, words: str) -> Form:
    """Return how values of 64 bits are told of which a table says what they mean: "unit:ns".

    "address" is a word of tables. Raises `AnnotationError`.
    """
    if words == "address":
        return Form(text=hex, is_address=True)
    if words == "hex":
        return Form(text=hex)
    if words == "number":
        return Form(is_number=True)
    if words == "text":
        return Form()
    stated = as_meaning(parse(words))
    if not isinstance(stated, Means):
        raise AnnotationError(f"{words!r} is none of the words for what values mean")
    platform = context.target.platform
    site = Site(
        8,
        platform.byteorder,
        platform.pointer_size,
        is_network=False,
        is_pointer=False,
        is_bytes=False,
        masks=lambda text, is_bits: bit_names(text, context.btf, context.lookup, is_bits=is_bits),
        values=lambda text: value_names(text, context.btf, context.lookup),
        surroundings=KernelSurroundings(context),
    )
    return of_meaning(context, meaning_of(stated.word, stated.argument, site))


def of_meaning(context: Context, meaning: Meaning) -> Form:
    """Return how values with a meaning are told."""
    word, _, argument = meaning.name.partition(":")
    if word in ("unit", "time"):
        unit, scale = _unit(context, argument) if word == "unit" else ("ns", 1)
        return Form(text=meaning.text, is_number=True, unit=unit, scale=scale)
    if meaning.names is not None:
        return Form(text=meaning.text, names=meaning.names)
    if meaning.text is None:
        return Form(text=meaning.number if meaning.base != 10 else None)
    text, number = meaning.text, meaning.number
    if meaning.base != 10 and word == "show":
        return Form(text=number)
    return Form(text=lambda cell: text(cell) or number(cell), names=text)


def _unit(context: Context, argument: str) -> tuple[str, int]:
    """Return what a unit of annotations measures, and how many bytes or ns one of it is."""
    if argument in _BYTES:
        return "bytes", _BYTES[argument]
    if argument in _TIMES:
        return "ns", _TIMES[argument]
    if argument == "pages":
        return "bytes", KernelSurroundings(context).page_size
    if argument == "jiffies":
        hz = KernelSurroundings(context).hz()
        return ("ns", _NS // hz) if hz else ("", 1)
    return "", 1


def with_wishes(form: Form, *, is_summed: bool, spare: int, without: str) -> Form:
    """Return a form with what its column says of the layout, and of a prefix of names."""
    if without:
        form = replace(
            form,
            text=_shortened(form.text, without),
            names=_shortened(form.names, without),
        )
    return replace(form, is_summed=is_summed, spare=spare)


def _shortened(tell: Callable[[Any], Any] | None, prefix: str) -> Callable[[Any], Any] | None:
    """Return what tells names without their prefix: one, several in a list, or between bars."""
    if tell is None:
        return None

    def told(cell: Any) -> Any:
        names = tell(cell)
        if isinstance(names, list):
            return [name.removeprefix(prefix) for name in names]
        return "|".join(name.removeprefix(prefix) for name in names.split("|"))

    return told
