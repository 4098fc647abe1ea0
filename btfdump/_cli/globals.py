"""`btfdump globals`: write down what types the global variables of kernels have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.options import add_cache, add_sources, opened
from btfdump._cli.terminal import OK, complain_of, write
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    import argparse

_EXAMPLES = """\
examples:
  btfdump globals --c-declarations --series 6.12 --machine x86_64
  btfdump globals --c-declarations vmcore

`btfdump inspect CORE globals` lists a dump's variables with addresses, and who tells the types.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Declare global variables in C, one on a line: those of the kernels that btfdump's\n"
        "table is made of, or those that a vmcore has and its BTF does not describe, with the\n"
        "types that fit it. drgn's build_c_declaration_object_finder() takes them."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("core", metavar="CORE", nargs="?", help="vmcore: what it has")
    parser.add_argument(
        "--c-declarations", action="store_true", required=True, help="in C: TYPE NAME;"
    )
    parser.add_argument("--series", metavar="N.N", help="of these kernels: 6.12")
    parser.add_argument(
        "--machine", metavar="NAME", help="for this machine: x86_64, aarch64, s390x"
    )
    add_cache(parser)
    add_sources(parser)


@command(configure, help="declare in C what types the global variables of kernels have")
def run(args: argparse.Namespace) -> int:
    """Write the declarations; return the exit status."""
    from btfdump._reports.c_declarations import declarations_of_kernel, declarations_of_table

    if bool(args.core) == bool(args.series or args.machine):
        raise ExpressionError("expected either a vmcore, or --series and --machine")
    if args.core is None:
        from btfdump._annotate.global_types import global_types

        if not (args.series and args.machine):
            raise ExpressionError("--series and --machine go together: say both")
        for line in declarations_of_table(global_types(), args.series, args.machine):
            write(line)
        return OK
    with opened(args.core, args) as kernel:
        for line in declarations_of_kernel(kernel):
            write(line)
        complain_of(kernel)
    return OK
