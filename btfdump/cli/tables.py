"""Tables of types: what `functions` and `kfuncs` print about a BTF."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from btfdump.cli.terminal import is_colorful

if TYPE_CHECKING:
    import argparse

    from btfdump.api.types import Opened
    from btfdump.roots.table import Table


def write_table(table: Table, opened: Opened, args: argparse.Namespace) -> None:
    """Write a table to stdout, in the format and colour that were asked for."""
    from btfdump.render import Options
    from btfdump.render.table import render_table

    kernel = opened.kernel
    options = Options(
        color=is_colorful(args.color),
        source=kernel.target.description if kernel is not None else args.file,
        release=kernel.release if kernel is not None else "",
    )
    for piece in render_table(table, args.format, options):
        sys.stdout.write(piece)
