"""`task --all --format jsonl` against the same tasks through drgn's value_() and json.dumps().

::

    python -m bench.jsonl [CORE...] [--runs N]

In one process with everything opened once, and as whole processes. btfdump's lines hold more: names
of enumerators and symbols, strings behind pointers, the entries of containers. drgn's hold all
members, zeros too, and are measured reading each object at once (its faster way) and member by
member.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drgn import Object

import btfdump
from bench.drgn_types import BtfTypes, program_of
from bench.harness import ROOT, Row, alternate, parser, table
from btfdump._graph.limits import Limits
from btfdump._graph.traverse import traverse
from btfdump._kernel.value import Value
from btfdump._render import Root, get, reader_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def drgn_lines(kernel: btfdump.Kernel, addresses: Sequence[int], *, read: bool) -> int:
    """Make drgn's lines; return their length. `read` reads each object as a whole first."""
    prog = program_of(kernel)
    type_ = prog.type("struct task_struct")
    length = 0
    for address in addresses:
        task = Object(prog, type_, address=address)
        value = (task.read_() if read else task).value_()
        length += len(json.dumps(value, default=list)) + 1
    return length


def in_process(kernel: btfdump.Kernel, runs: int) -> tuple[list[Row], int]:
    BtfTypes(program_of(kernel), kernel.btf).register()
    addresses = [task.address_ for task in kernel.tasks()]
    count = len(addresses)
    type_ = kernel.type("struct task_struct")
    limits = Limits()

    options = kernel.options(limits=limits)
    reader = reader_for("jsonl", kernel, limits, options)

    def ours() -> int:
        """Do what the command line does with `--format jsonl`, but for writing it.

        Code stays compiled from one run to the next, as it does within a run of many tasks; what
        was read of the tasks does not stay.
        """
        reader.forget()
        roots = (
            Root(traverse(Value(kernel, type_, at), limits, reader=reader)) for at in addresses
        )
        return sum(map(len, get("jsonl")(roots, options)))

    sides: dict[str, Callable[[], object]] = {
        "ours": ours,
        "read": lambda: drgn_lines(kernel, addresses, read=True),
        "lazy": lambda: drgn_lines(kernel, addresses, read=False),
    }
    ours()  # compiles
    sizes = f"{ours() // count}", f"{drgn_lines(kernel, addresses, read=True) // count}"
    found = {name: times.over(count) for name, times in alternate(sides, runs).items()}
    what = f"one task ({sizes[0]} characters)"
    against = f"({sizes[1]} characters)"
    return [
        Row(what, found["ours"], f"drgn read_().value_() {against}", found["read"], 1),
        Row(what, found["ours"], f"drgn value_() {against}", found["lazy"]),
    ], count


def processes(core: str, runs: int) -> list[Row]:
    """Compare whole processes; drgn's opens the dump and finds the tasks with btfdump's help."""
    ours = [sys.executable, "-m", "btfdump", "inspect", core, "task", "--all", "--format", "jsonl"]
    theirs = [sys.executable, "-m", "bench.jsonl", "--drgn", core]

    def run(command: list[str]) -> None:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, cwd=ROOT)

    found = alternate({"ours": lambda: run(ours), "drgn": lambda: run(theirs)}, runs)
    return [Row("whole process, all tasks", found["ours"], "drgn script", found["drgn"])]


def drgn_script(core: str) -> None:
    """Print drgn's line of every task."""
    with btfdump.open_core(core) as kernel:
        prog = program_of(kernel)
        BtfTypes(prog, kernel.btf).register()
        for task in kernel.tasks():
            value = Object(prog, "struct task_struct", address=task.address_).read_().value_()
            print(json.dumps(value, default=list))


def compare(core: str, runs: int) -> None:
    with btfdump.open_core(core) as kernel:
        rows, count = in_process(kernel, runs)
    rows += processes(str(Path(core).resolve()), max(3, runs // 2))
    table(f"{core}: {count} tasks as JSON lines, in process: times for one", rows)


def main(argv: Sequence[str] | None = None) -> None:
    made = parser("jsonl", __doc__, 5)
    made.add_argument("--drgn", action="store_true", help="print drgn's lines, measure nothing")
    args = made.parse_args(argv)
    for core in args.core:
        if args.drgn:
            drgn_script(core)
        else:
            compare(core, args.runs)


if __name__ == "__main__":
    main()
