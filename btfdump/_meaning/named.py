"""Integers that are one of several names, or consist of bits that have some.

The names are enumerators of the kernel, or macros, of which there are tables (`names.py`); where
the kernel has a table of its own in memory, that comes first.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._meaning import names
from btfdump._meaning.bits import flag_list, flags_text
from btfdump._meaning.site import scalar
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from btfdump._meaning import Meaning
    from btfdump._meaning.site import Site


def flags(name: str, word: str, argument: str, site: Site) -> Meaning:
    """Bits by the enumerators of the kernel, or by a table of macros."""
    if word == "gfp":
        word, argument = "flags", "table gfp"
    table_name = _table_in(argument)
    bits = site.size * 8
    if table_name is None:
        found = site.masks(argument, word == "bits")
        # What is a number of several bits comes before these bits themselves.
        masks = {m: found[m] for m in sorted(found, key=lambda m: (-m.bit_count(), m))}
        if not masks:
            raise AnnotationError("no such enum or prefix")

        def list_names(value: int) -> list[str]:
            return flag_list(_unsigned(value, bits, masks), masks)

        def known() -> Iterable[str]:
            return masks.values()
    else:
        load = partial(_masks_of, table_name, site)

        def list_names(value: int) -> list[str]:
            table, own = load()
            masked = _unsigned(value, bits, own)
            found = flag_list(masked, own, table.fields)
            return found or ([table.zero] if table.zero and not masked else [])

        def known() -> Iterable[str]:
            table, own = load()
            return (*own.values(), *(one for field in table.fields for one in field.names.values()))

    def text(value: int) -> str:
        return flags_text(list_names(value))

    return scalar(name, text, site, base=16, names_of=list_names, known=known)


def _unsigned(value: int, bits: int, masks: Mapping[int, str]) -> int:
    """Return a value of so many bits as flags.

    A macro such as SB_NOUSER, 1 << 31, is a negative int in C: an unsigned long has its upper half
    set with it. Where no flag is up there, that is no flag either.
    """
    value &= (1 << bits) - 1
    is_extended = bits == 64 and value >> 31 == (1 << 33) - 1
    return value & 0xFFFFFFFF if is_extended and all(mask >> 32 == 0 for mask in masks) else value


def _masks_of(name: str, site: Site) -> tuple[names.Names, Mapping[int, str]]:
    """Return a table, and its masks: those of the kernel's own table first, where there is one.

    What the kernel does not name is named by ours unless another name of ours is there already.
    """
    surroundings = site.surroundings
    table = names.table(name, surroundings.machine if surroundings is not None else "")
    if not table.kernel or surroundings is None:
        return table, table.names
    if table.letters:
        return table, _with_letters(table, surroundings.state_letters(table.kernel))
    own = surroundings.flag_names(table.kernel)
    known = {mask: _confirmed(one, table.names.get(mask)) for mask, one in own.items()}
    taken = set(known.values())
    ours = {mask: one for mask, one in table.names.items() if mask not in own and one not in taken}
    return table, known | ours


def _with_letters(table: names.Names, letters: str) -> Mapping[int, str]:
    """Return the masks of a table without the bits that the kernel calls something else."""
    theirs = letters[: len(table.letters)]
    both = enumerate(zip(theirs, table.letters, strict=False))
    moved = {1 << place >> 1 for place, (own, ours) in both if own != ours}
    return {mask: name for mask, name in table.names.items() if mask not in moved}


def _confirmed(own: str, macro: str | None) -> str:
    """Return a flag's macro if what the kernel calls it says the same: `seqread`, VM_SEQ_READ."""
    if macro is None or not own.islower():
        return own
    is_same = macro.lower().replace("_", "").endswith(own.replace("_", ""))
    return macro if is_same else own


def _table_in(argument: str) -> str | None:
    """Return the name in `table NAME`, None for anything else; raises `AnnotationError`."""
    if not argument.startswith("table "):
        return None
    name = argument[len("table ") :].strip()
    if not names.has_table(name):
        raise AnnotationError(f"no table {name}; there are {', '.join(names.table_names())}")
    return name


def enumeration(name: str, argument: str, site: Site) -> Meaning:
    """One of several names: enumerators, or those of a table, or a table for what is no enumerator.

    That is `enum:NAME`, `enum:table NAME` and `enum:NAME,table NAME`.
    """
    argument, _, besides = argument.partition(",")
    table_name = _table_in(argument)
    if table_name is None:
        values = dict(site.values(argument))
        if not values:
            raise AnnotationError("no such enum, enumerator or prefix")
        further = _table_in(besides.strip())
        if besides and further is None:
            raise AnnotationError(f"expected 'table NAME' after the comma, not {besides.strip()!r}")
        if further is not None:
            values = {**names.table(further).names, **values}
        return scalar(name, lambda value: values.get(value, ""), site, known=values.values)
    if besides:
        raise AnnotationError("expected nothing after a table")

    def text(value: int) -> str:
        return _value_name(table_name, value)

    return scalar(name, text, site, known=lambda: names.table(table_name).names.values())


def _value_name(table: str, value: int) -> str:
    known = names.table(table)
    return known.names.get(value, known.zero if not value else "")
