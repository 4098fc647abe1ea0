"""Tables of types: what `functions` and `kfuncs` print about a BTF."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from btfdump._cli.terminal import FAILED, OK, complain, complain_of, is_colorful, write

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from btfdump._api.types import Opened
    from btfdump._roots import Query
    from btfdump._roots.table import Table

T = TypeVar("T")


class Counted(Generic[T]):
    """Things that are counted as they pass by; `count` is how many have."""

    def __init__(self, things: Iterable[T]) -> None:
        self._things = things
        self.count = 0

    def __iter__(self) -> Iterator[T]:
        for thing in self._things:
            self.count += 1
            yield thing


def unmatched(table: Table, query: Query, rows: int) -> list[str]:
    """Return what to say of patterns that match none of the `rows` of a table that were shown."""
    is_known, why = ("known to be ", f": {table.lack}") if table.lack else ("", "")
    return [
        f"{table.name}: nothing is {is_known}called {name!r}{why}" for name in query.unmatched(rows)
    ]


@contextmanager
def open_named_types(args: argparse.Namespace) -> Iterator[Opened]:
    """Open the types in the file that a command was given; say at last what is wrong with it."""
    from btfdump._api.types import open_types

    with open_types(
        args.file,
        base=args.base,
        btf=args.btf,
        vmlinux=args.vmlinux,
        overlays=args.overlay,
        cache=not args.no_cache,
    ) as opened:
        yield opened
        if opened.kernel is not None:
            complain_of(opened.kernel)


def write_table(table: Table, query: Query, opened: Opened, args: argparse.Namespace) -> int:
    """Write a table to stdout, in the format and colour that were asked for.

    Returns the exit status: it failed if one of the names in `query` is none of the table's.
    """
    from btfdump._render import Options
    from btfdump._render.table import render_table

    kernel = opened.kernel
    options = Options(
        color=is_colorful(args.color),
        source=kernel.target.description if kernel is not None else args.file,
        release=kernel.release if kernel is not None else "",
    )
    counted = Counted(table.rows)
    for piece in render_table(replace(table, rows=counted), args.format, options):
        write(piece)
    missing = unmatched(table, query, counted.count)
    for text in missing:
        complain(text)
    return FAILED if missing else OK
