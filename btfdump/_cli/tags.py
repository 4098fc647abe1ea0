"""`btfdump tags`: list decl tags and type tags."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.options import add_base, add_cache, add_sources
from btfdump._cli.terminal import OK

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "List every decl tag (on structs, members, variables, functions, parameters)\n"
        "with what it was understood as, and every type tag with where it stands."
    )
    parser.epilog = (
        "examples:\n  btfdump tags vmcore\n  btfdump tags /sys/kernel/btf/vmlinux --decl\n"
        "  btfdump tags prog.bpf.o --format json\n"
    )
    parser.add_argument("file", metavar="BTF_OR_CORE", help="raw BTF, ELF with .BTF, or vmcore")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--decl", action="store_true", help="decl tags only")
    kind.add_argument("--type", action="store_true", help="type tags only")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_cache(parser)
    add_base(add_sources(parser))


@command(configure, help="list the decl tags and type tags in a BTF or vmcore")
def run(args: argparse.Namespace) -> int:
    """List the tags; return the exit status."""
    from btfdump._cli.tables import open_named_types
    from btfdump._reports.tags import render_tags, rows_of

    with open_named_types(args) as opened:
        rows = rows_of(opened)
        if args.decl or args.type:
            rows = (row for row in rows if row.is_type_tag == bool(args.type))
        for piece in render_tags(rows, args.format):
            sys.stdout.write(piece)
    return OK
