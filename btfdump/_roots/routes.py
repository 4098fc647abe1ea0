"""Routes: those of all tables and namespaces, as ip(8) lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._decode.layout import StructLayout
from btfdump._kernel.following import Following, Troubles
from btfdump._kernel.notes import Note, note_of
from btfdump._meaning.names import table as names_of
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump._system.routing import every_route
from btfdump._system.routing.route import Route
from btfdump._tables.form import Form, form_of, of_words, with_wishes
from btfdump.errors import BtfdumpError, MissingDataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._kernel.context import Context
    from btfdump._roots import Query
    from btfdump._roots.table import Row

_TABLES = {252: "compat", 253: "default", 254: "main", 255: "local"}
"""include/uapi/linux/rtnetlink.h: RT_TABLE_MAIN."""
_SPARE = {"family": 1, "scope": 1, "protocol": 2, "src": 1, "weight": 3, "netns": 3, "route": 4}
_MEANT = {"type": "fa_type", "scope": "fa_info.fib_scope", "protocol": "fa_info.fib_protocol"}
_PREFIXES = {"type": "RTN_", "scope": "RT_SCOPE_", "protocol": "RTPROT_"}


@table_root(argument="PREFIX or DEVICE")
def list_routes(kernel: Context, query: Query) -> Table:
    """Routes of IPv4 and IPv6, of all tables and namespaces: gateway, device, metric, type."""
    try:
        forms = _forms(kernel)
    except BtfdumpError as error:
        remedy = "it was built without networking"
        raise MissingDataError(f"routes: this kernel has none: {error}", remedy) from error
    return Table("routes", Route._fields, _rows(kernel, query), forms=forms)


def _rows(kernel: Context, query: Query) -> Iterator[Row | Note]:
    troubles = Troubles()
    try:
        for item in every_route(kernel, troubles):
            if isinstance(item, Note):
                yield item
            elif query.wants(item.dst, item.dev or ""):
                yield item._asdict()
    except BtfdumpError as error:
        yield note_of(error, "routes")
    for trouble in troubles.taken():
        yield Note(str(trouble), trouble.address)


def _forms(kernel: Context) -> dict[str, Form]:
    alias = kernel.layouts.of(kernel.own_type("struct fib_alias"))
    assert isinstance(alias, StructLayout)
    places = Following(kernel, alias, list(_MEANT.values())).places
    meant = {
        name: _shortened(form_of(kernel, place), _PREFIXES[name])
        for name, place in zip(_MEANT, places, strict=True)
    }
    number = Form(is_number=True)
    forms = {
        "family": _named(names_of("address_family").names, "AF_"),
        "rt_table": _named(_TABLES, ""),
        "metric": number,
        "weight": number,
        "netns": number,
        "route": of_words(kernel, "address"),
    } | meant
    return {
        name: with_wishes(
            forms.get(name, Form()), is_summed=False, spare=_SPARE.get(name, 0), without=""
        )
        for name in Route._fields
    }


def _shortened(form: Form, prefix: str) -> Form:
    return with_wishes(form, is_summed=False, spare=0, without=prefix)


def _named(names: Mapping[int, str], prefix: str) -> Form:
    def text(cell: Any) -> str:
        return names.get(cell, "").removeprefix(prefix)

    return Form(text=text, names=text)
