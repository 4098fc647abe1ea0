"""`btfdump live`: print objects of the running kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.inspection import add_arguments, root_help
from btfdump._cli.options import add_watch
from btfdump._cli.watch import inspect_or_watch
from btfdump._targets.sources import SOURCES

if TYPE_CHECKING:
    import argparse

    from btfdump._cli.commands import CommandParser

_EXAMPLES = """
examples:
  sudo btfdump live task                        one line for each task
  sudo btfdump live task 1                      a task, with what hangs off it
  sudo btfdump live task --all --format jsonl   every task, a JSON object a line
  sudo btfdump live 'task(1).signal->thread_head'
  sudo btfdump live runqueues[0].curr --members comm,pid --watch 1
  sudo btfdump live task --via bpf              without /proc/kcore

exit status: 0 all shown, 1 something could not be shown (--strict: any note), 2 usage,
130 interrupted
"""


def configure(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Print objects of the running kernel, which goes on running: what changes while it is\n"
        "read is noticed, and read again. Needs root, or with --via bpf CAP_BPF, CAP_PERFMON and\n"
        "CAP_SYSLOG; no debuginfo is needed."
    )
    parser.explain = lambda: root_help() + _EXAMPLES
    add_arguments(parser)
    add_watch(parser)
    parser.add_argument(
        "--via",
        choices=tuple(SOURCES),
        help="how to read the kernel's memory (default: the first of these that can)",
    )


@command(configure, help="print objects of the running kernel")
def run(args: argparse.Namespace) -> int:
    """Open the running kernel and print what was asked for; return the exit status."""
    from btfdump._api.opening import open_live

    with open_live(
        args.via,
        btf=args.btf,
        vmlinux=args.vmlinux,
        overlays=args.overlay,
        cache=not args.no_cache,
    ) as kernel:
        drop_privileges = getattr(kernel.target, "drop_privileges", None)
        if drop_privileges is not None:  # what is open goes on without them
            drop_privileges()
        return inspect_or_watch(kernel, args)
