"""`btfdump btf`: write BTF out of a vmcore into a file: the kernel's, a module's, a program's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.terminal import OK, complain_of, write_file
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    import argparse

    from btfdump._btf.reader import Btf

_EXAMPLES = """\
examples:
  btfdump btf vmcore -o vmlinux.btf                    the kernel's own
  btfdump btf vmcore --module ext4 -o ext4.btf         that of a module, split on the kernel's:
  btfdump types ext4.btf --base vmlinux.btf 'ext4_*'     it needs that as its base
  btfdump btf vmcore --id 117 -o prog.btf              what a BPF program's loader left
  btfdump btf vmcore | bpftool btf dump file /dev/stdin format raw

Ids are those of 'bpftool btf list'; 'btfdump inspect vmcore progs --format json' has that of each
program.

exit status: 0 written, 1 there is no such BTF, or it cannot be written, 2 usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Write the BTF in a vmcore's memory into a file, byte for byte, for other tools: that of\n"
        "the kernel, of a module, or of a BPF program."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("core", metavar="CORE", help="the vmcore")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--module", metavar="NAME", help="that of a module")
    which.add_argument("--id", type=int, metavar="N", help="the one with this id: a program's")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write it (default: stdout, if no terminal)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite a file that is there")


@command(configure, help="write BTF out of a vmcore: the kernel's, a module's, a program's")
def run(args: argparse.Namespace) -> int:
    """Write the BTF; return the exit status."""
    from btfdump._api.types import open_types
    from btfdump._targets.dumpfile import is_core

    to_stdout = args.output in (None, "-")
    if to_stdout and sys.stdout.isatty():
        raise ExpressionError("BTF is binary, and stdout is a terminal: give a file, -o FILE")
    if not is_core(args.core):
        raise ExpressionError(f"{args.core}: is no vmcore: there is nothing to take out of it")
    with open_types(args.core) as opened:
        kernel = opened.kernel
        assert kernel is not None  # it is a vmcore
        btf: Btf = opened.btf
        if args.module is not None:
            btf = opened.module(args.module)
        elif args.id is not None:
            btf = kernel.bpf.btf(args.id)
        complain_of(kernel)
    if to_stdout:
        sys.stdout.flush()
        sys.stdout.buffer.write(btf.data)
        sys.stdout.buffer.flush()
    else:
        write_file(args.output, btf.data, overwrite=args.force)
    return OK
