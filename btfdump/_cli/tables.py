"""Tables of types: what `functions` and `kfuncs` print about a BTF."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from btfdump._cli.terminal import is_colorful

if TYPE_CHECKING:
    import argparse

    from btfdump._api.types import Opened
    from btfdump._roots.table import Table


def write_table(table: Table, opened: Opened, args: argparse.Namespace) -> None:
    """Write a table to stdout, in the format and colour that were asked for."""
    from btfdump._render import Options
    from btfdump._render.table import render_table

    kernel = opened.kernel
    options = Options(
        color=is_colorful(args.color),
        source=kernel.target.description if kernel is not None else args.file,
        release=kernel.release if kernel is not None else "",
    )
    for piece in render_table(table, args.format, options):
        sys.stdout.write(piece)
