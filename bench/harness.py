"""How the comparisons measure: the sides take turns in one run, and medians are printed.

A ratio above 1 means that btfdump is faster. Beside wall time there is CPU time of this process (or
of its children), which a busy machine disturbs less. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import gc
import lzma
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sample_dumps" / "tagged-6.12" / "vmcore"


@dataclass
class Times:
    """The runs of one side, in seconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, wall: float, cpu: float) -> None:
        self.wall.append(wall)
        self.cpu.append(cpu)

    def over(self, count: int) -> Times:
        """Return the times for one of the `count` things that each run did."""
        return Times([t / count for t in self.wall], [t / count for t in self.cpu])


def clock() -> tuple[float, float]:
    """Return (wall, CPU) in seconds; CPU is that of this process and of its ended children."""
    used = os.times()
    children = used.children_user + used.children_system
    return time.perf_counter(), time.process_time() + children


def measure(job: Callable[[], object]) -> tuple[float, float]:
    """Run `job` once; return (wall, CPU) in seconds."""
    wall, cpu = clock()
    job()
    after, cpu_after = clock()
    return after - wall, cpu_after - cpu


def alternate(
    sides: Mapping[str, Callable[[], object]], runs: int, warm: int = 1
) -> dict[str, Times]:
    """Run the sides in turn, `warm` rounds uncounted and `runs` counted; return times by side."""
    for _ in range(warm):
        for job in sides.values():
            job()
    found = {name: Times() for name in sides}
    for _ in range(runs):
        for name, job in sides.items():
            gc.collect()
            found[name].add(*measure(job))
    return found


@dataclass(frozen=True)
class Row:
    """One comparison; `target` is how many times faster btfdump should be, None for no aim."""

    what: str
    ours: Times
    against: str
    theirs: Times
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Their wall time over ours: the median of the pairs."""
        return _ratio(self.theirs.wall, self.ours.wall)

    @property
    def cpu_ratio(self) -> float:
        """The same in CPU time."""
        return _ratio(self.theirs.cpu, self.ours.cpu)

    def cells(self) -> tuple[str, ...]:
        wanted = "-" if self.target is None else f">= {self.target:g}x"
        verdict = "" if self.target is None else ("yes" if self.ratio >= self.target else "NO")
        return (
            self.what,
            duration(median(self.ours.wall)),
            self.against,
            duration(median(self.theirs.wall)),
            f"{self.ratio:.2f}x",
            f"{self.cpu_ratio:.2f}x",
            wanted,
            verdict,
        )


_HEADINGS = ("what", "btfdump", "against", "takes", "ratio", "in CPU", "target", "reached")


def _ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    if len(theirs) != len(ours):
        return median(theirs) / (median(ours) or 1e-9)
    return median(t / (o or 1e-9) for t, o in zip(theirs, ours, strict=True))


def duration(seconds: float) -> str:
    """Write a time with three digits that count."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(title: str, rows: Iterable[Row]) -> None:
    """Print comparisons under a title."""
    print(title)
    grid = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    for cells in grid:
        line = "  ".join(
            cell.ljust(width) if i in (0, 2) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        print(f"  {line.rstrip()}", flush=True)


@contextmanager
def unpacked(core: str) -> Iterator[str]:
    """Give a vmcore as a file that can be opened: an .xz is unpacked, and removed afterwards."""
    if not core.endswith(".xz"):
        yield core
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(core).stem
        with lzma.open(core) as packed, path.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        yield str(path)


def parser(name: str, doc: str | None, runs: int) -> argparse.ArgumentParser:
    """Return a parser with what most benchmarks take: CORE... and --runs."""
    made = argparse.ArgumentParser(
        prog=f"python -m bench.{name}", description=(doc or "").partition("\n")[0]
    )
    made.add_argument(
        "core", metavar="CORE", nargs="*", default=[str(SAMPLE)], help="a vmcore, .xz too"
    )
    made.add_argument(
        "--runs", type=int, default=runs, metavar="N", help=f"runs of each side ({runs})"
    )
    return made
