"""Commands: `python -m sample_dumps.build --help`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import kernels, programs, sample
from .guest import Guest


def main() -> int:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m sample_dumps.build", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    boot = commands.add_parser("boot", help="boot a guest and give a shell in it")
    boot.add_argument("--kernel", choices=sorted(kernels.DEBIAN), default="6.12")
    boot.add_argument("--memory", type=int, default=640, metavar="MIB")
    boot.add_argument("--append", default="", help="words for the kernel's command line")
    boot.set_defaults(run=_boot)
    dump = commands.add_parser("dump", help="build a sample dump with its ground truth")
    dump.add_argument("folder", type=Path, help="where the files go")
    dump.add_argument("--kernel", choices=sorted(kernels.DEBIAN), default="6.12")
    dump.add_argument("--memory", type=int, default=128, metavar="MIB")
    dump.set_defaults(run=_dump)
    packages = commands.add_parser("packages", help="list the Debian packages still to install")
    packages.set_defaults(run=_packages)
    arguments = parser.parse_args()
    status: int = arguments.run(arguments)
    return status


def _boot(arguments: argparse.Namespace) -> int:
    options = {"memory_mib": arguments.memory, "append": arguments.append, "shell": True}
    started = time.monotonic()
    with Guest.boot(arguments.kernel, **options) as guest:
        seconds = time.monotonic() - started
        print(
            f"{guest.kernel.release} is up after {seconds:.1f} s; console {guest.folder}/console,"
            f" QMP {guest.qmp_socket}; `poweroff -f` ends it\r",
            file=sys.stderr,
        )
        guest.wait()
    return 0


def _dump(arguments: argparse.Namespace) -> int:
    kernel = kernels.debian(arguments.kernel)
    vmlinux = kernels.debian_vmlinux(arguments.kernel)
    return sample.build(arguments.folder, kernel, [vmlinux], arguments.memory)


def _packages(_: argparse.Namespace) -> int:
    print(*programs.missing_packages())
    return 0


if __name__ == "__main__":
    sys.exit(main())
