"""Virtual addresses of the kernel to physical ones, and the pages there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._roots import VERBS, table_root
from btfdump._roots.addresses import address_meant, mapped_places
from btfdump._roots.table import Table
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._places.place import Places
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_COLUMNS = ("address", "physical", "mapping", "page", "flags", "what")


@table_root(argument="ADDRESS", registry=VERBS)
def list_pages(kernel: Context, query: Query) -> Table:
    """Physical addresses of the kernel's virtual ones: by which mapping, struct page, its flags."""
    if not query.patterns:
        raise ExpressionError("vtop: say of what, as in `vtop 0xffff888003c5e900`")
    places = mapped_places(kernel, "vtop")
    wanted = [address_meant(kernel, text) for text in query.patterns]
    query.asked.update(dict.fromkeys(query.patterns, True))
    return Table("vtop", _COLUMNS, _rows(kernel, places, wanted))


def _rows(kernel: Context, places: Places, wanted: list[int]) -> Iterator[Row | Note]:
    direct = places.direct
    assert direct is not None
    for address in wanted:
        at, mapping = _in_direct_map(places, address)
        number = direct.page_number(at) if at is not None else None
        if at is None or number is None:
            yield Note(f"vtop: {address:#x} is in no mapping of the kernel's that is known")
            continue
        page = direct.pages + number * kernel.struct("page").size
        yield {
            "address": f"{address:#x}",
            "physical": f"{at - direct.base + direct.physical:#x}",
            "mapping": mapping,
            "page": f"{page:#x}",
            "flags": _flags(kernel, page),
            "what": places.of(address).told,
        }
    yield from (Note(problem) for problem in places.problems)


def _in_direct_map(places: Places, address: int) -> tuple[int | None, str]:
    """Return where in the direct map a virtual address is, and by which mapping; None if nowhere.

    The image and vmalloc areas are mapped a second time; on s390x before 6.10 the image is not.
    """
    direct, image = places.direct, places.image
    assert direct is not None
    if image is not None and (at := image.to_direct(address)) is not None:
        return at, "image"
    if direct.page_number(address) is not None:
        return address, "direct map"
    at = places.areas.direct(address) if places.areas is not None else None
    return at, "vmalloc"


def _flags(kernel: Context, page: int) -> str | None:
    try:
        flags = value_at(kernel, "struct page", page).flags
        return flags.meaning_() or f"{int(flags):#x}"
    except (BtfdumpError, TypeError):  # not in the dump; or a struct, of which there is no meaning
        return None
