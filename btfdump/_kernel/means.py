"""What a value means, as annotations state it of the member that it is, or of all of its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.scalars import ScalarLayout

if TYPE_CHECKING:
    from btfdump._kernel.typed import TypedAddress
    from btfdump._meaning import Meaning


def meaning_of(value: TypedAddress) -> Meaning | None:
    """Return what turns a value into words, None if nothing is stated of it."""
    facts = value.facts_
    stated = facts.meaning if facts is not None and facts.is_meant else None
    return stated if stated is not None else value._layout_.meaning


def text_of(value: TypedAddress) -> str:
    """Return what a value means in words, "" if nothing; raises `FaultError`."""
    meaning = meaning_of(value)
    if meaning is None:
        return ""
    if not isinstance(value._layout_, ScalarLayout):
        return meaning.of_bytes(value.bytes_()) if meaning.of_bytes is not None else ""
    number = value.value_()
    is_number = meaning.text is not None and isinstance(number, int)
    return meaning.text(number) if is_number and meaning.text is not None else ""


def flags_of(value: TypedAddress) -> list[str]:
    """Return the names of the bits of flags, [] if a value is no flags; raises `FaultError`."""
    meaning = meaning_of(value)
    if meaning is None or meaning.names is None:
        return []
    if isinstance(value._layout_, ScalarLayout):
        return meaning.names(int(value))
    byteorder = value._context_.target.platform.byteorder  # a struct of one scalar
    return meaning.names(int.from_bytes(value.bytes_(), byteorder))
