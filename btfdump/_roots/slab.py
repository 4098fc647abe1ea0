"""Slab: the objects of slab caches that are in use, each told in a line."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from btfdump._graph.summaries import Summaries, in_words
from btfdump._kernel.freelists import Freelists
from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.slab import SlabFinder
from btfdump._kernel.variables import find_global
from btfdump._places.place import Places
from btfdump._places.slab_pages import SlabPages
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.slab import Slab
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_LIMIT = 256
"""Bytes of a string in a summary."""
_MOST_CACHES = 1 << 16


@table_root(argument="CACHE")
def list_slab_objects(kernel: Context, query: Query) -> Table:
    """Objects of slab caches that are in use: address, type, what each is."""
    if not query.patterns:
        raise ExpressionError("slab: which cache? Say 'slab NAME'; 'slabs' lists them")
    return Table("slab", ("cache", "object", "type", "summary"), _rows(kernel, query))


def _rows(kernel: Context, query: Query) -> Iterator[Row | Note]:
    finder = SlabFinder(kernel)
    freelists, pages, told = Freelists(finder), SlabPages(finder), _Told(kernel)
    for cache in islice(find_global(kernel, "slab_caches").walk_(), _MOST_CACHES):
        name = cache.member_("name").string_()
        if not query.wants(name, hex(cache.address_)):
            continue
        try:
            for slab in pages.of(cache.address_):
                yield from _of_slab(slab, freelists, told)
        except BtfdumpError as error:
            yield note_of(error, name)
    if pages.missing:
        yield Note(f"slab: of {pages.missing} pages it cannot be read whether they are slabs")


def _of_slab(slab: Slab, freelists: Freelists, told: _Told) -> Iterator[Row | Note]:
    """Yield the objects of a slab that are on no freelist."""
    try:
        free = freelists.free(slab)
    except BtfdumpError as error:
        free = {}
        yield Note(f"slab {slab.cache.name}: some objects may be free: {error}", slab.address)
    for number in range(slab.objects):
        address = slab.start + number * slab.cache.size
        if address not in free:
            yield {"cache": slab.cache.name, "object": hex(address), **told.of(address)}


class _Told:
    """Tells the objects of one kernel."""

    def __init__(self, kernel: Context) -> None:
        self._places = Places(kernel, lambda: ())
        self._summaries = Summaries(kernel, _LIMIT)

    def of(self, address: int) -> dict[str, str | None]:
        """Return the type of the object at a virtual address, and what it is.

        Of objects of kmalloc() nothing is known. Those of a cache that was merged with others may
        be of any of them: what they are said to be has a question mark.
        """
        place = self._places.of(address)
        if place.value is None:
            return {"type": None, "summary": None}
        name = str(place.value.type_)
        if not place.is_sure:
            return {"type": f"{name}?", "summary": None}
        return {"type": name, "summary": in_words(self._summaries.of(place.value)) or None}
