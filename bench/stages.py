"""Stages of a cold start: what the time of one `btfdump inspect CORE task 1` is spent on.

::

    python -m bench.stages [CORE] [--runs N] [--format NAME]

Each run is a fresh process that does, through the library, what the command does, and reports the
time after each step; the medians over all runs are printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from bench.cold_start import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._render import Format


def once(core: str, format_: Format) -> dict[str, float]:
    """Do the job once in this process; return milliseconds by step."""
    marks = [("", time.perf_counter())]

    def done(step: str) -> None:
        marks.append((step, time.perf_counter()))

    import btfdump._cli

    btfdump._cli.build_parser()
    done("command line: argparse")
    import drgn  # noqa: F401 - measured

    done("import drgn")
    from btfdump._api.kernel import Kernel
    from btfdump._btf.reader import Btf
    from btfdump._targets.via_drgn import open_core

    done("import btfdump")
    target = open_core(core)
    done("open the dump")
    target.symbol("__start_BTF")
    done("kallsyms")
    data = target.btf_bytes()
    done("read BTF")
    btf = Btf.from_bytes(data, name="vmlinux", check=False)
    done("index BTF")
    with Kernel(target, btf) as kernel:
        task = kernel.task(1)
        done("find the task")
        pieces = kernel.dump(task, format_)
        first = next(iter(pieces))
        done("first piece of output")
        rest = sum(len(piece) for piece in pieces)
        done("the rest of it")
        assert first
        assert rest
    return {step: (at - before) * 1000 for (_, before), (step, at) in pairwise(marks)}


def empty() -> float:
    """Return how long an interpreter takes that does nothing, in milliseconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", ""], check=True)
    return (time.perf_counter() - started) * 1000


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__[:83])
    parser.add_argument("core", metavar="CORE", nargs="?", default=str(SAMPLE), help="a vmcore")
    parser.add_argument("--runs", type=int, default=11, metavar="N", help="runs (11)")
    parser.add_argument("--format", default="text", metavar="NAME", help="btfdump's format (text)")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.once:
        steps = once(args.core, args.format)
        print(json.dumps(steps | {"end": time.perf_counter()}))
        return
    command = [sys.executable, "-m", "bench.stages", args.core, "--format", args.format, "--once"]
    found = []
    for number in range(args.runs + 1):
        python = empty()
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        ended = time.perf_counter()  # Linux: one clock for all processes
        steps = json.loads(output)
        teardown = (ended - steps.pop("end")) * 1000
        if number:  # the first one warms the page cache
            found.append({"Python itself": python, **steps, "teardown": teardown})
    print(f"{args.core}: median of {args.runs} runs, page cache warm")
    medians = {step: median(run[step] for run in found) for step in found[0]}
    for step, milliseconds in medians.items():
        print(f"  {step:<24} {milliseconds:6.1f} ms")
    print(f"  {'sum':<24} {sum(medians.values()):6.1f} ms")


if __name__ == "__main__":
    main()
