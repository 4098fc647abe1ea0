"""Listings of a whole kernel: `functions`, `tags`, `types`, `globals`, beside a bare drgn script.

::

    python -m bench.listings [CORE...] [--runs N]

Each is a process of its own, in turn after one run that is not counted, with the indexes of BTF in
a cache of the benchmark's. CPU time is what is compared: of a whole process, Python's start and the
import of drgn included, which `bench/bare.py` needs as well. Beside it stands when the first line
came, in wall time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.harness import duration, parser

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
BARE = "bare drgn script"
LISTINGS = (
    ("functions", "{}"),
    ("functions", "{}", "tcp_*"),
    ("functions", "{}", "--format", "jsonl"),
    ("tags", "{}"),
    ("types", "{}", "tcp_*"),
    ("inspect", "{}", "globals"),
)


@dataclass(frozen=True)
class Run:
    """One process: CPU time and the time until its first output, in seconds."""

    cpu: float
    first: float


def run(command: Sequence[str], cache: str) -> Run:
    """Run a command and read its output to the end; a failure ends the benchmark."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, env=environment | {"XDG_CACHE_HOME": cache}
    )
    assert process.stdout is not None
    output = process.stdout.fileno()
    os.read(output, 1)
    first = time.perf_counter() - started
    while os.read(output, 1 << 20):
        pass
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode}: {' '.join(command)}")
    return Run(usage.ru_utime + usage.ru_stime, first)


def compare(core: str, runs: int) -> None:
    """Measure all listings of one dump and print what came out."""
    commands = {BARE: [sys.executable, str(HERE / "bare.py"), core]}
    for words in LISTINGS:
        given = [word.format(core) for word in words]
        commands[" ".join(words).format("CORE")] = [sys.executable, "-m", "btfdump", *given]
    found: dict[str, list[Run]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as cache:
        for turn in range(runs + 1):
            for name, command in commands.items():
                done = run(command, cache)
                if turn:
                    found[name].append(done)
    print(f"{core}: {runs} runs of each, in turn; ratios: medians of the turns, over the {BARE}")
    for name, ours in found.items():
        ratio = median(a.cpu / b.cpu for a, b in zip(ours, found[BARE], strict=True))
        print(
            f"  {name:<32}  CPU {duration(median(r.cpu for r in ours)):>8}  ratio {ratio:5.2f}"
            f"  first line after {duration(median(r.first for r in ours)):>8}",
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> None:
    args = parser("listings", __doc__, 5).parse_args(argv)
    for core in args.core:
        compare(core, args.runs)


if __name__ == "__main__":
    main()
