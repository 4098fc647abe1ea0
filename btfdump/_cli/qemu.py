"""`btfdump qemu`: print objects of a QEMU guest's kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.inspection import add_arguments, root_help
from btfdump._cli.options import add_watch
from btfdump._cli.watch import inspect_or_watch

if TYPE_CHECKING:
    import argparse

    from btfdump._cli.commands import CommandParser

_EXAMPLES = """
QEMU must have been started with
  -qmp unix:PATH,server=on,wait=off -device vmcoreinfo
and the guest must have loaded qemu_fw_cfg. A QMP socket serves one client at a time: where libvirt
or another tool uses one, start QEMU with a second -qmp for btfdump.

examples:
  btfdump qemu guest.qmp task                       one line for each task
  btfdump qemu guest.qmp task 1                     a task, with what hangs off it
  btfdump qemu localhost:4444 task --all --format jsonl

exit status: 0 all shown, 1 something could not be shown (--strict: any note), 2 usage,
130 interrupted
"""


def configure(parser: CommandParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Print objects of the kernel in a QEMU guest, which goes on running after a moment; no\n"
        "debuginfo is needed, and no help of the guest's but its VMCOREINFO."
    )
    parser.explain = lambda: root_help() + _EXAMPLES
    parser.add_argument("socket", metavar="SOCKET", help="QMP socket: a path, or HOST:PORT")
    add_arguments(parser)
    add_watch(parser)


@command(configure, help="print objects of a QEMU guest's kernel")
def run(args: argparse.Namespace) -> int:
    """Attach to the guest and print what was asked for; return the exit status."""
    from btfdump._api.opening import open_qemu

    with open_qemu(
        args.socket,
        btf=args.btf,
        vmlinux=args.vmlinux,
        overlays=args.overlay,
        cache=not args.no_cache,
    ) as kernel:
        return inspect_or_watch(kernel, args)
