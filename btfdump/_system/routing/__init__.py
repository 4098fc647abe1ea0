"""Routes: the tables of IPv4 and IPv6 of all network namespaces."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from btfdump._system.routing import ipv4, ipv6
from btfdump._system.sockets.finding import namespaces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles
    from btfdump._kernel.notes import Note
    from btfdump._system.routing.route import Route


def every_route(kernel: Context, troubles: Troubles) -> Iterator[Route | Note]:
    """Yield each route, one for each next hop that it has, and what is wrong with a table.

    What cannot be read of a route is counted in `troubles`. Raises what
    `Context.own_variable()` raises if there are no network namespaces.
    """
    found = namespaces(kernel)
    yield from found.notes
    for net in found.each:
        yield from chain(ipv4.routes(net, troubles), ipv6.routes(net, troubles))
