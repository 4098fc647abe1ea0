"""Cold start: the wall time of one whole `btfdump inspect CORE task 1`, beside a bare drgn script.

::

    python -m bench.cold_start [CORE...] [--runs N] [--format NAME] [--imports]

The commands run as processes of their own, in turn, after one run of each that is not counted, and
that leaves the dump in the page cache and the BTF's index in btfdump's cache: that is a folder of
the benchmark's, empty at first. btfdump runs with that cache and without. `bench/bare.py` is the
bare script; bench/memory.py tells what the difference in memory is made of.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parent / "sample_dumps" / "tagged-6.12" / "vmcore"
TARGET = 1.5
"""The aim: btfdump takes at most this many times the wall time of the bare script."""
_IMPORT = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|( +)(\S+)")


@dataclass(frozen=True)
class Run:
    """One process: wall time in seconds, peak resident memory in MiB."""

    wall: float
    peak: float


def run(command: Sequence[str], cache: str) -> Run:
    """Run a command to its end; its output goes nowhere. A failure ends the benchmark."""
    environment = os.environ | {"XDG_CACHE_HOME": cache}
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode}: {' '.join(command)}")
    return Run(wall, usage.ru_maxrss / 1024)


def commands(core: str, format_: str) -> tuple[list[str], list[str]]:
    """Return (btfdump's command line, the bare script's)."""
    inspect = ["-m", "btfdump", "inspect", core, "task", "1", "--format", format_]
    return [sys.executable, *inspect], [sys.executable, str(HERE / "bare.py"), core]


def compare(core: str, runs: int, format_: str) -> None:
    """Measure both commands on one dump and print what came out."""
    inspect, bare = commands(core, format_)
    sides = {
        "btfdump inspect CORE task 1": inspect,
        "the same, --no-cache": [*inspect, "--no-cache"],
        "bare drgn script": bare,
    }
    found: dict[str, list[Run]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as cache:
        for turn in range(runs + 1):
            for name, command in sides.items():
                done = run(command, cache)
                if turn:
                    found[name].append(done)
    print(f"{core}: {runs} runs of each, in turn, page cache warm; ratios: medians of the turns")
    theirs = found["bare drgn script"]
    for name, done_ in found.items():
        row(name, done_, theirs)
    print(f"  aim: at most {TARGET:g} times the bare script")


def row(name: str, runs: list[Run], theirs: list[Run]) -> None:
    """Print one command's figures, and what they are of the bare script's."""
    walls = [r.wall * 1000 for r in runs]
    wall = median(a.wall / b.wall for a, b in zip(runs, theirs, strict=True))
    peak = median(a.peak / b.peak for a, b in zip(runs, theirs, strict=True))
    print(
        f"  {name:<30}  {median(walls):5.0f} ms  (min {min(walls):.0f}, max {max(walls):.0f})"
        f"  ratio {wall:.2f}  peak {median(r.peak for r in runs):.0f} MiB ({peak:.2f})"
    )


def imports(core: str, format_: str, most: int = 12) -> None:
    """Print the modules whose import costs most, by `-X importtime`, both commands' side by side.

    The costs are those of one run, in which measuring itself slows every import down.
    """
    for title, command in zip(("btfdump", "bare"), commands(core, format_), strict=True):
        done = subprocess.run(
            [command[0], "-X", "importtime", *command[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
        found = [
            (int(m[1]), int(m[2]), m[4], len(m[3]) // 2)
            for m in map(_IMPORT.match, done.stderr.splitlines())
            if m is not None
        ]
        total = sum(own for own, _, _, _ in found)
        print(f"imports of {title}: {len(found)} modules, {total / 1000:.0f} ms")
        print("    self  with its own imports")
        for own, cumulative, name, _ in sorted(found, reverse=True)[:most]:
            print(f"  {own / 1000:4.1f} ms  {cumulative / 1000:5.1f} ms  {name}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cold_start", description=__doc__[:97])
    parser.add_argument("core", metavar="CORE", nargs="*", default=[str(SAMPLE)], help="a vmcore")
    parser.add_argument("--runs", type=int, default=11, metavar="N", help="pairs of runs (11)")
    parser.add_argument("--format", default="text", metavar="NAME", help="btfdump's format (text)")
    parser.add_argument("--imports", action="store_true", help="what importing costs, by module")
    args = parser.parse_args(argv)
    for core in args.core:
        compare(core, args.runs, args.format)
        if args.imports:
            imports(core, args.format)


if __name__ == "__main__":
    main()
