"""Notes: what is wrong with a kernel's data, told where it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Note:
    """Something is wrong or missing here.

    `text` says what; `address` is the virtual address that it is about, if there is one.
    """

    text: str
    address: int | None = None


def without_notes(items: Iterable[T | Note]) -> Iterator[T]:
    """Yield what was found; raise `CorruptDataError` at the end if anything was wrong."""
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
