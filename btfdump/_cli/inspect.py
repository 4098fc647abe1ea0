"""`btfdump inspect`: print objects out of a vmcore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.inspection import add_arguments, inspect, root_help
from btfdump._cli.options import opened

if TYPE_CHECKING:
    import argparse

    from btfdump._cli.commands import CommandParser

_EXAMPLES = """
examples:
  btfdump inspect vmcore task                       one line for each task
  btfdump inspect vmcore task 1                     a task, with what hangs off it
  btfdump inspect vmcore task 'kworker*' sshd       tasks by name
  btfdump inspect vmcore task --all --format jsonl  every task, a JSON object a line
  btfdump inspect vmcore 'task(1).signal->thread_head'
  btfdump inspect vmcore init_task.children[0].comm
  btfdump inspect vmcore map h_conf                 what a BPF map holds
  btfdump inspect vmcore 'struct file' 0xffff9caa83317f00
  btfdump inspect vmcore task 1 --members comm,mm.pgd,children.comm
  btfdump inspect vmcore task 1 --follow mm,signal --depth 1

exit status: 0 all shown, 1 something could not be shown (--strict: any note), 2 usage
"""


def configure(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.description = "Print objects out of a vmcore; no debuginfo is needed."
    parser.explain = lambda: root_help() + _EXAMPLES
    parser.add_argument("core", metavar="CORE", help="vmcore: ELF or kdump-compressed")
    add_arguments(parser)


@command(configure, help="print objects out of a vmcore")
def run(args: argparse.Namespace) -> int:
    """Open the vmcore and print what was asked for; return the exit status."""
    with opened(args.core, args) as kernel:
        return inspect(kernel, args)
