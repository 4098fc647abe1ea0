"""`btfdump kfuncs`: list the kernel functions that a BTF marks as callable from BPF programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.options import add_base, add_cache, add_color, add_sources, filters_of

if TYPE_CHECKING:
    import argparse

_EXAMPLES = """\
examples:
  btfdump kfuncs /sys/kernel/btf/vmlinux
  btfdump kfuncs vmlinux 'bpf_task_*' --format json

Who may call a kfunc, and its flags, are registered in a running kernel and are not in BTF:
  btfdump inspect vmcore kfuncs --hook xdp --flag acquire
  sudo btfdump live kfuncs
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    from btfdump._roots import FILTERS

    parser.description = (
        "List the functions that carry the decl tag bpf_kfunc, with their prototypes and the\n"
        "other tags on them and on their parameters."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("file", metavar="BTF_OR_CORE", help="raw BTF, ELF with .BTF, or vmcore")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="these only (* and ? as in the shell)"
    )
    for name in FILTERS:
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar="NAME", help="not in BTF, see below"
        )
    parser.add_argument("--format", choices=("text", "json", "jsonl"), default="text")
    add_color(parser)
    add_cache(parser)
    add_base(add_sources(parser))


@command(configure, help="list the kernel functions that a BTF marks as callable from BPF")
def run(args: argparse.Namespace) -> int:
    """List the kfuncs; return the exit status."""
    from btfdump._cli.tables import open_named_types, write_table
    from btfdump._roots import Query
    from btfdump._roots.kfuncs import tagged_kfunc_table

    query = Query(tuple(args.names), filters_of(args))
    with open_named_types(args) as opened:
        return write_table(tagged_kfunc_table(opened.btfs, query), query, opened, args)
