"""A cold `inspect CORE task 1` against drgn with DWARF: whole processes.

::

    python -m bench.debuginfo VMLINUX [CORE] [--runs N]

VMLINUX has the debug information of the kernel that CORE is a dump of. Debian's, without installing
anything::

    apt-get download linux-image-$(uname -r)-dbg
    dpkg-deb --fsys-tarfile linux-image-*-dbg_*.deb | tar x ./usr/lib/debug/boot/

drgn's side loads it, finds the task by its id and prints it. btfdump's side is measured with its
cache of BTF indexes, and without; both with all files in the page cache, and with CORE and VMLINUX
dropped from it before each run: debug information is large, and seldom in memory when it is wanted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harness import ROOT, SAMPLE, Row, alternate, table

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT = """
import sys
from drgn import Program
from drgn.helpers.linux.pid import find_task
prog = Program()
prog.set_core_dump(sys.argv[1])
prog.load_debug_info([sys.argv[2]])
print(find_task(prog, 1))
"""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.debuginfo", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("vmlinux", metavar="VMLINUX", help="vmlinux with DWARF")
    parser.add_argument("core", metavar="CORE", nargs="?", default=str(SAMPLE), help="a vmcore")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="runs of each side (7)")
    args = parser.parse_args(argv)
    core = str(Path(args.core).resolve())
    inspect = [sys.executable, "-m", "btfdump", "inspect", core, "task", "1"]

    rows = []
    for is_cold in (False, True):

        def run(command: list[str], is_cold: bool = is_cold) -> None:
            if is_cold:
                drop(core)
                drop(args.vmlinux)
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)

        sides = {
            "cached": lambda run=run: run(inspect),
            "plain": lambda run=run: run([*inspect, "--no-cache"]),
            "drgn": lambda run=run: run([sys.executable, "-c", _SCRIPT, core, args.vmlinux]),
        }
        found = alternate(sides, args.runs)
        against = "drgn + DWARF, find_task(prog, 1) printed"
        pages = "files not in memory" if is_cold else "files in memory"
        rows += [
            Row(f"inspect CORE task 1, {pages}", found["cached"], against, found["drgn"], 8),
            Row("the same, --no-cache", found["plain"], against, found["drgn"]),
        ]
    table(f"{args.core}: whole processes", rows)


def drop(path: str) -> None:
    """Drop a file from the page cache."""
    with Path(path).open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


if __name__ == "__main__":
    main()
