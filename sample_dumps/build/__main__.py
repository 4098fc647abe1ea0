"""Commands: `python -m sample_dumps.build --help`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from . import kernels, macros, programs, sample, tagged_kernel
from .guest import Guest
from .machines import MACHINES


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
    tagged = commands.add_parser("tagged", help="build the tagged kernel and a sample dump of it")
    tagged.add_argument("folder", type=Path, help="where the files go")
    tagged.add_argument("--memory", type=int, default=64, metavar="MIB")
    tagged.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="of make")
    tagged.set_defaults(run=_tagged)
    matrix = commands.add_parser("kernels", help="read the kernels of docs/kernels.md again")
    matrix.add_argument("name", nargs="*", help="which: 6.12, 6.12-generic, ...; all by default")
    matrix.add_argument("--update", action="store_true", help="fetch apt's lists of them again")
    matrix.add_argument("--list", action="store_true", help="list names and packages, run none")
    keep = "leave the dumps in FOLDER; do not boot, but read again, what is there already"
    matrix.add_argument("--keep", type=Path, metavar="FOLDER", help=keep)
    matrix.set_defaults(run=_kernels)
    table = commands.add_parser("globals", help="make the table of the types of globals again")
    table.add_argument("--output", type=Path, metavar="FILE", help="instead of the one that ships")
    table.add_argument("--measure", action="store_true", help="measure it on kernels held out")
    more = "and each of its sources, by a table that is made of the others"
    table.add_argument("--leave-out", action="store_true", help=more)
    table.add_argument("--list", action="store_true", help="list the packages, fetch none")
    table.set_defaults(run=_globals)
    coverage = commands.add_parser("coverage", help="count how many containers are typed")
    which = "of the matrix, folders of unpacked packages, vmcores, files of BTF; by default three"
    coverage.add_argument("kernel", nargs="*", help=which)
    coverage.add_argument("--unknown", action="store_true", help="list those that are not")
    coverage.set_defaults(run=_coverage)
    containers = commands.add_parser("containers", help="make the BTF of modules for the tests")
    containers.add_argument("folder", nargs="+", type=Path, help="BTF, as in /sys/kernel/btf")
    containers.add_argument("-o", "--output", type=Path, metavar="FILE", required=True)
    containers.set_defaults(run=_containers)
    values = commands.add_parser("macros", help="read again what the kernel's macros are worth")
    of = "of the source of a kernel, or of its headers (linux-headers-*-common): several releases"
    values.add_argument("source", nargs="+", type=Path, help=of)
    values.add_argument("-o", "--output", type=Path, metavar="FILE", default=macros.DATA)
    values.set_defaults(run=_macros)
    packages = commands.add_parser("packages", help="list the Debian packages still to install")
    packages.add_argument("--tagged", action="store_true", help="and those for `tagged`")
    packages.add_argument("--kernels", action="store_true", help="and those for `kernels`")
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


def _tagged(arguments: argparse.Namespace) -> int:
    kernel, debug_files = tagged_kernel.build(arguments.jobs)
    return sample.build(arguments.folder, kernel, debug_files, arguments.memory)


def _kernels(arguments: argparse.Namespace) -> int:
    from .matrix import command  # btfdump is needed for nothing else here

    return command.run(
        arguments.name,
        update=arguments.update,
        only_list=arguments.list,
        keep=arguments.keep,
    )


def _globals(arguments: argparse.Namespace) -> int:
    if os.environ.get("OMP_NUM_THREADS") != "1":
        # Which of several variables of one name drgn finds depends on its threads. How many there
        # are is settled when it is imported, as it is by now.
        command_line = [sys.executable, "-m", "sample_dumps.build", *sys.argv[1:]]
        os.execve(sys.executable, command_line, os.environ | {"OMP_NUM_THREADS": "1"})
    from .globals import command  # btfdump and drgn are needed for nothing else here

    return command.run(
        arguments.output or command.TABLE,
        measures=arguments.measure or arguments.leave_out,
        leave_out=arguments.leave_out,
        only_list=arguments.list,
    )


def _coverage(arguments: argparse.Namespace) -> int:
    from . import kernel_btf  # btfdump is needed for nothing else here

    return kernel_btf.run(arguments.kernel, unknown=arguments.unknown)


def _containers(arguments: argparse.Namespace) -> int:
    from . import container_btf  # btfdump is needed for nothing else here

    return container_btf.run(arguments.folder, arguments.output)


def _macros(arguments: argparse.Namespace) -> int:
    return macros.run(arguments.source, arguments.output)


def _packages(arguments: argparse.Namespace) -> int:
    missing = programs.missing_packages()
    if arguments.tagged:
        missing += tagged_kernel.missing_packages()
    if arguments.kernels:
        missing += programs.missing_for(MACHINES.values())
    print(*dict.fromkeys(missing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
