"""`btfdump source`: print the code generated for a type."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from btfdump.cli.options import paths
from btfdump.cli.terminal import OK
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Print the Python source that is compiled for a struct when it is hot: its\n"
        "formatter, or with --members the reader of those members."
    )
    parser.epilog = "example:\n  btfdump source 'struct list_head' --btf /sys/kernel/btf/vmlinux\n"
    parser.add_argument("type", metavar="TYPE", help="a struct or union: 'struct foo'")
    parser.add_argument("--btf", metavar="FILE", required=True, help="raw BTF, or ELF with .BTF")
    parser.add_argument("--base", metavar="FILE", help="the BTF that a module's is split on")
    parser.add_argument("--zero", action="store_true", help="the formatter that shows zeros")
    parser.add_argument("--members", type=paths, action="extend", default=[], metavar="PATH,...")


def run(args: argparse.Namespace) -> int:
    """Print the source; return the exit status."""
    from btfdump.btffile import open_btf
    from btfdump.codegen import compile_reader
    from btfdump.layout import Layouts, StructLayout
    from btfdump.render.compiled import compile_text

    btf = open_btf(args.btf, base=args.base)
    keyword, _, name = args.type.strip().partition(" ")
    if keyword not in ("struct", "union") or not name:
        raise ExpressionError(f"{args.type!r} is not 'struct NAME' or 'union NAME'")
    layouts = Layouts(btf.byteorder, btf.pointer_size or 8)
    layout = layouts.of(btf.find(keyword, name.strip()))
    assert isinstance(layout, StructLayout)
    if args.members:
        function = compile_reader(layouts, layout, args.members)
    else:
        function = compile_text(layouts, layout, zero=args.zero)  # type: ignore[assignment]
    sys.stdout.write(function.source.lstrip("\n"))  # type: ignore[attr-defined]
    return OK
