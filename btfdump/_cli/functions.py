"""`btfdump functions`: list functions, and what is tagged on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.options import add_base, add_cache, add_color, add_sources
from btfdump._cli.terminal import FAILED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from btfdump._reports.functions import FunctionTag

_EXAMPLES = """\
examples:
  btfdump functions /sys/kernel/btf/vmlinux 'tcp_v4_*'
  btfdump functions vmcore --tagged
  btfdump functions vmcore '*inode_hash*' --tagged --format json

exit status: 0 all shown, 1 something could not be shown (--strict: or an annotation does not fit),
2 usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "List the functions that a BTF describes, with their prototypes; or the tags on them and\n"
        "on their parameters, with what they were understood as. An annotation that names a lock,\n"
        "such as spin_lock:&param1->i_lock, is checked against the prototype (param1 is the first\n"
        "parameter), and in a vmcore against the symbols."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("file", metavar="BTF_OR_CORE", help="raw BTF, ELF with .BTF, or vmcore")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="these only (* and ? as in the shell)"
    )
    parser.add_argument("--tagged", action="store_true", help="the tags, one line for each")
    parser.add_argument("--format", choices=("text", "json", "jsonl"), default="text")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if an annotation does not fit"
    )
    add_color(parser)
    add_cache(parser)
    add_base(add_sources(parser))


@command(configure, help="list functions, and what is tagged on them: locks, pointers")
def run(args: argparse.Namespace) -> int:
    """List the functions; return the exit status."""
    from btfdump._cli.tables import open_named_types, write_table
    from btfdump._kernel.variables import globals_of
    from btfdump._reports.functions import function_table, tagged_functions, tagged_table
    from btfdump._roots import Query

    query = Query(tuple(args.names))
    with open_named_types(args) as opened:
        if not args.tagged:
            return write_table(function_table(opened.each(), query), query, opened, args)
        find_global = globals_of(opened.kernel) if opened.kernel is not None else None
        misfits = 0

        def told() -> Iterator[FunctionTag]:
            nonlocal misfits
            for tag in tagged_functions(opened.btfs, query, find_global):
                misfits += bool(tag.problem)
                yield tag

        status = write_table(tagged_table(told()), query, opened, args)
    return FAILED if args.strict and misfits else status
