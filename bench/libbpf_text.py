"""libbpf in C against btfdump: the text of one task_struct's bytes, and loading a vmlinux BTF.

::

    python -m bench.libbpf_text [CORE...] [--runs N] [--pid PID]

bench/libbpf_text.c is built with `cc -O2 -lbpf` (Debian: gcc, libbpf-dev, libelf-dev) in a
temporary directory; without them those lines are left out, with a message. Loading starts with a
file in the page cache and ends with `struct task_struct` found.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import btfdump
from bench.harness import Row, Times, alternate, parser, table
from btfdump._btf import Btf
from btfdump._btf import cache as indexcache
from btfdump._kernel.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SOURCE = Path(__file__).with_suffix(".c")
LOOPS = 100


def build(folder: Path) -> Path | None:
    """Compile the C side; None, with a message, where that cannot be."""
    compiler = shutil.which("cc")
    program = folder / "libbpf_text"
    if compiler is None:
        print("libbpf: skipped, there is no C compiler 'cc'")
        return None
    command = [compiler, "-O2", "-Wall", "-o", str(program), str(SOURCE), "-lbpf"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["?"])[0]
        print(f"libbpf: skipped, not built; is libbpf-dev installed? ({reason})")
        return None
    return program


def c_side(program: Path, *arguments: object) -> dict[str, float]:
    """Run the C side; its figures are the median of its loop's wall times and the mean CPU time."""
    done = subprocess.run(
        [str(program), *map(str, arguments)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    return {"wall": found["wall"] / 1e9, "cpu": found["cpu"] / 1e9, "length": found["length"]}


def loop(job: Callable[[], object], loops: int) -> tuple[float, float]:
    """Do here what the C side does: (median wall time, mean CPU time) of a loop, in seconds."""
    walls = []
    cpu = process_time()
    for _ in range(loops):
        start = perf_counter()
        job()
        walls.append(perf_counter() - start)
    return median(walls), (process_time() - cpu) / loops


def text_rows(
    kernel: btfdump.Kernel, pid: int, blob: Path, program: Path, folder: Path, runs: int
) -> list[Row]:
    """Compare the text of one task's bytes, zeros skipped and shown."""
    task = kernel.task(pid).read_()
    data = task.bytes_()
    raw = folder / "task"
    raw.write_bytes(data)
    rows = []
    for zero, target in ((False, 1.0), (True, 4.0)):

        def ours(zero: bool = zero) -> str:
            return kernel.format(Value(kernel, task.type_, task.address_, data), zero=zero)

        length = [len(ours()) for _ in range(20)][-1]  # compiled by now
        here, there = Times(), Times()
        figures = {"length": 0.0}
        for _ in range(runs):
            here.add(*loop(ours, LOOPS))
            figures = c_side(program, "text", blob, "task_struct", raw, LOOPS, int(zero))
            there.add(figures["wall"], figures["cpu"])
        zeros = "zeros shown" if zero else "zeros skipped"
        what = f"task_struct, {zeros} ({length} characters)"
        against = f"libbpf ({figures['length']:.0f} characters)"
        rows.append(Row(what, here, against, there, target))
    return rows


def find_bpftool() -> str | None:
    return shutil.which("bpftool", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def load_rows(blob: Path, program: Path | None, runs: int) -> list[Row]:
    """Compare loading a BTF and finding one struct."""

    def ours(check: bool) -> object:
        return Btf.from_bytes(blob.read_bytes(), check=check).find("struct", "task_struct")

    def cached() -> object:
        data = blob.read_bytes()
        index = indexcache.load(data)
        assert index is not None
        return Btf.from_bytes(data, check=False, index=index).find("struct", "task_struct")

    os.environ["XDG_CACHE_HOME"] = str(blob.parent)
    indexcache.store(Btf.from_bytes(blob.read_bytes(), check=False))
    sides: dict[str, Callable[[], object]] = {
        "unchecked": lambda: ours(False),
        "cached": cached,
        "checked": lambda: ours(True),
    }
    bpftool = find_bpftool()
    if bpftool is None:
        print("bpftool: skipped, not installed")
    else:
        command = [bpftool, "btf", "dump", "file", str(blob)]
        sides["bpftool"] = lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    libbpf = Times()
    if program is not None:
        for _ in range(runs):
            figures = c_side(program, "load", blob, "task_struct", 5)
            libbpf.add(figures["wall"], figures["cpu"])
    found = alternate(sides, runs)
    rows = []
    titles = {
        "unchecked": "load BTF, find a struct",
        "cached": "the same, index from the cache",
        "checked": "the same, every record checked",
    }
    for side, title in titles.items():
        if bpftool is not None:
            rows.append(Row(title, found[side], "bpftool btf dump file", found["bpftool"], 1))
        if libbpf.wall:
            rows.append(Row(title, found[side], "libbpf btf__parse_raw()", libbpf))
    return rows


def compare(core: str, pid: int, runs: int) -> None:
    with btfdump.open_core(core) as kernel, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blob = folder / "btf"
        blob.write_bytes(kernel.btf.data)
        program = build(folder)
        rows = load_rows(blob, program, runs)
        if program is not None:
            rows = text_rows(kernel, pid, blob, program, folder, runs) + rows
    table(f"{core}: libbpf and bpftool, {len(kernel.btf)} types", rows)


def main(argv: Sequence[str] | None = None) -> None:
    made = parser("libbpf_text", __doc__, 9)
    made.add_argument("--pid", type=int, default=1, help="the task whose bytes are formatted (1)")
    args = made.parse_args(argv)
    for core in args.core:
        compare(core, args.pid, args.runs)


if __name__ == "__main__":
    main()
