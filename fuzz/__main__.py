"""`python -m fuzz`: run harnesses, or one input again."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz.driver import FAILURES, fuzz, try_one
from fuzz.harnesses import A_MINUTE, HARNESSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fuzz.driver import Tally
    from fuzz.harness import Harness


def load(name: str) -> Harness:
    """Return a harness by its name."""
    module, _, attribute = HARNESSES[name].partition(":")
    harness: Harness = getattr(import_module(f"fuzz.harnesses.{module}"), attribute)()
    return harness


def report(harness: Harness, seed: int, tally: Tally) -> str:
    """Return what came of a run, as a few lines."""
    inputs = max(tally.inputs, 1)
    verdicts = ", ".join(f"{n:,} {verdict}" for verdict, n in tally.verdicts.most_common())
    lines = [
        f"{harness.name}: {tally.inputs:,} inputs (seed {seed}): {verdicts}; "
        f"{tally.cpu / inputs * 1000:.2f} ms of CPU each, peak {tally.peak >> 20} MiB"
    ]
    lines += [f"  {n:,} x known: {key}" for key, n in tally.known.most_common()]
    lines += [f"  {n:,} x FAULT: {key}" for key, n in tally.faults.most_common()]
    lines += [f"  saved: {path}" for path in tally.saved]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line says; return 1 if there were faults that are not known."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Hostile input, on and on.")
    parser.add_argument("harness", metavar="HARNESS", nargs="*", help=", ".join(HARNESSES))
    parser.add_argument("--list", action="store_true", help="print the names of the harnesses")
    parser.add_argument("--seconds", type=float, metavar="N", help="for each harness (60)")
    parser.add_argument("--count", type=int, metavar="N", help="inputs for each harness")
    parser.add_argument(
        "--minutes", type=int, metavar="N", help="inputs that take about N minutes: always as many"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="default: another one each time")
    parser.add_argument("--failures", type=Path, default=FAILURES, metavar="FOLDER")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try one input, and say how")
    args = parser.parse_args(argv)
    if args.list:
        print("\n".join(HARNESSES))
        return 0
    names = args.harness or list(HARNESSES)
    for name in names:
        if name not in HARNESSES:
            parser.error(f"no harness {name!r}: there are {', '.join(HARNESSES)}")
    if args.replay is not None:
        if len(args.harness) != 1:
            parser.error("--replay FILE: of which HARNESS?")
        harness = load(names[0])
        harness.prepare()
        outcome = try_one(harness, args.replay.read_bytes())
        print(f"{outcome.verdict} {outcome.key}\n{outcome.text}".strip())
        return int(outcome.verdict == "fault")
    seed = args.seed if args.seed is not None else int.from_bytes(os.urandom(4), "little")
    is_counted = args.count is not None or args.minutes is not None
    seconds = args.seconds if args.seconds is not None or is_counted else 60.0
    failed = False
    for name in names:
        harness = load(name)
        count = args.count if args.minutes is None else args.minutes * A_MINUTE[name]
        tally = fuzz(harness, seed=seed, seconds=seconds, count=count, failures=args.failures)
        print(report(harness, seed, tally), flush=True)
        failed |= bool(tally.faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
