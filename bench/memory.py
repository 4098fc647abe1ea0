"""Peak memory of a cold `inspect CORE task 1` beside the bare script's, and what it is made of.

::

    python -m bench.memory [CORE...] [--runs N]

Each run is a fresh process that takes the command's steps, or the bare script's, and reports the
peak of its resident memory after each: a step's share is what it raised the peak by. The large
things that the process holds in the end are listed with their sizes.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.cold_start import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Sequence

_MIB = 1 << 20
_STEPS = (
    "Python itself",
    "imports",
    "open the dump",
    "kallsyms",
    "read the BTF",
    "index the BTF",
    "find the task, print it",
)


def peak() -> int:
    """Return the peak of this process's resident memory, in bytes."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def ours(core: str) -> dict[str, Any]:
    """Take the command's steps."""
    marks = [peak()]
    import btfdump._cli.inspect
    import btfdump._render.text  # noqa: F401 - measured
    from btfdump._api.kernel import Kernel
    from btfdump._btf.reader import Btf
    from btfdump._targets.via_drgn import open_core

    marks.append(peak())
    target = open_core(core)
    marks.append(peak())
    target.symbol("__start_BTF")
    marks.append(peak())
    data = target.btf_bytes()
    marks.append(peak())
    btf = Btf.from_bytes(data, name="vmlinux", check=False)
    marks.append(peak())
    with Kernel(target, btf) as kernel:
        out = io.StringIO()
        for piece in kernel.dump(kernel.task(1)):
            out.write(piece)
        marks.append(peak())
        held = {"BTF, as bytes": len(data), **sizes(btf), **sizes(target.symbols.table)}
    return {"marks": marks, "held": held}


def bare(core: str) -> dict[str, Any]:
    """Take the bare script's steps."""
    marks = [peak()]
    from drgn import Program
    from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms

    marks.append(peak())
    prog = Program()
    prog.set_core_dump(core)
    marks.append(peak())
    prog.register_symbol_finder("kallsyms", load_vmlinux_kallsyms(prog), enable_index=0)
    start = prog.symbol("__start_BTF").address
    marks.append(peak())
    data = prog.read(start, prog.symbol("__stop_BTF").address - start)
    marks.append(peak())
    return {"marks": marks, "held": {"BTF, as bytes": len(data)}}


def sizes(thing: object, least: int = 100_000) -> dict[str, int]:
    """Return the large attributes of an object, and of those of its parts, with their sizes."""
    found = {}
    for name in dir(type(thing)) + list(getattr(thing, "__dict__", ())):
        if name.startswith("__") or callable(getattr(type(thing), name, None)):
            continue
        value = getattr(thing, "__dict__", {}).get(name)
        size = deep_size(value)
        if size >= least and not isinstance(value, bytes):
            found[f"{type(thing).__name__}.{name}"] = size
    return found


def deep_size(value: object, depth: int = 3) -> int:
    """Return the size of a container with its items, of an object with its attributes."""
    size = sys.getsizeof(value, 0)
    if depth and isinstance(value, list | tuple):
        return size + sum(deep_size(item, depth - 1) for item in value)
    if depth and isinstance(value, dict):
        pairs = (deep_size(k, 0) + deep_size(v, depth - 1) for k, v in value.items())
        return size + sum(pairs)
    slots = getattr(type(value), "__slots__", ())
    names = [*getattr(value, "__dict__", ()), *([slots] if isinstance(slots, str) else slots)]
    is_own = type(value).__module__.startswith("btfdump._btf.")
    if depth and is_own and type(value).__name__ != "Btf":
        parts = (getattr(value, name, None) for name in names)
        size += sum(deep_size(p, depth - 1) for p in parts if not isinstance(p, bytes))
    return size


def measure(core: str, runs: int) -> None:
    found = {"ours": [], "bare": []}  # type: dict[str, list[dict[str, Any]]]
    for _ in range(runs):
        for side in found:
            command = [sys.executable, "-m", "bench.memory", "--once", side, core]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
            found[side].append(json.loads(output))
    shares = {side: medians(runs_) for side, runs_ in found.items()}
    print(f"{core}: peak memory by step, median of {runs} runs, MiB")
    print(f"  {'':<26} {'btfdump':>8} {'bare':>8}")
    for i, step in enumerate(_STEPS):
        cells = [shares[side][i] if i < len(shares[side]) else 0.0 for side in ("ours", "bare")]
        print(f"  {step:<26} {cells[0]:8.1f} {cells[1]:8.1f}")
    totals = [sum(shares[side]) for side in ("ours", "bare")]
    print(f"  {'peak':<26} {totals[0]:8.1f} {totals[1]:8.1f}   ({totals[0] / totals[1]:.2f}x)")
    print("  held at the end:")
    for name, size in sorted(found["ours"][0]["held"].items(), key=lambda item: -item[1]):
        print(f"    {name:<32} {size / _MIB:6.1f}")


def medians(runs: Sequence[dict[str, Any]]) -> list[float]:
    """Return each step's share in MiB."""
    rows = [[0, *run["marks"]] for run in runs]
    steps = [[after - before for before, after in pairwise(marks)] for marks in rows]
    return [median(column) / _MIB for column in zip(*steps, strict=True)]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__[:93])
    parser.add_argument("core", metavar="CORE", nargs="*", default=[str(SAMPLE)], help="a vmcore")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each side (5)")
    parser.add_argument("--once", choices=("ours", "bare"), help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    for core in args.core:
        if args.once:
            print(json.dumps({"ours": ours, "bare": bare}[args.once](core)))
        else:
            measure(core, args.runs)


if __name__ == "__main__":
    main()
