"""Notes: problems in a kernel's data, reported where they were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class Note(NamedTuple):
    """Something that is wrong or missing at this place.

    `text` says what it is; `address` is the virtual address concerned, or None.
    """

    text: str
    address: int | None = None


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
