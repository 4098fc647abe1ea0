"""Notes: problems in a kernel's data, reported where they were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


_HEAD, _TAIL = 480, 120
"""Characters that are kept of a text that is cut: what it is about, and why."""


class _Note(NamedTuple):
    text: str
    address: int | None = None


class Note(_Note):
    """Something that is wrong or missing at this place.

    `text` says what it is; `address` is the virtual address concerned, or None. A text may quote a
    tag, or a name, of any length: what is too long for a note is cut.
    """

    __slots__ = ()

    def __new__(cls, text: str, address: int | None = None) -> Note:
        """Make a note of a text, or of as much of it as a note may have."""
        return super().__new__(cls, shortened(text), address)


def note_of(error: BtfdumpError, where: str) -> Note:
    """Return a note of an error, behind what it is about: the address is the error's."""
    address = error.address if isinstance(error, FaultError | CorruptDataError) else None
    return Note(f"{where}: {error}", address)


def shortened(text: str, head: int = _HEAD, tail: int = _TAIL) -> str:
    """Return a text as it is, or if it is too long, so many characters of its beginning and end."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}... ({len(text) - head - tail} characters) ...{text[-tail:]}"


def without_notes(items: Iterable[T | Note]) -> Iterator[T]:
    """Yield the items that are not notes, then raise `CorruptDataError` if there were notes."""
    notes = []
    for item in items:
        if isinstance(item, Note):
            notes.append(item)
        else:
            yield item
    if notes:
        more = f"; and {len(notes) - 3} more" if len(notes) > 3 else ""
        texts = "; ".join(note.text for note in notes[:3])
        raise CorruptDataError(texts + more, notes[0].address)
