"""Many objects: the compiled formatter and reader beside the plain ones, on the tasks of a dump.

::

    python -m bench.bulk [CORE]

Prints the time of one object, plain and compiled, what compiling costs, and from how many objects
on it has paid. Times are the least of several repetitions.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from bench.cold_start import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def least(call: Callable[[], Any], times: int = 7) -> float:
    """Return the least time that `call` takes, in microseconds."""
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best * 1e6


def measure_text(kernel: Any, type_: str, objects: list[bytes]) -> None:
    from btfdump._decode.layout import Layouts, StructLayout
    from btfdump._render.compiled_text import compile_text
    from btfdump._render.plain import reference_text

    layout = kernel.layouts.of(kernel.type(type_))
    assert isinstance(layout, StructLayout)
    plain = least(lambda: [reference_text(kernel.layouts, layout, data) for data in objects])

    def compile_afresh() -> None:
        platform = kernel.target.platform
        layouts = Layouts(platform.byteorder, platform.pointer_size)
        afresh = layouts.of(kernel.type(type_))
        assert isinstance(afresh, StructLayout)
        compile_text(layouts, afresh, zero=False)

    cost = least(compile_afresh, 3)
    compiled_text = compile_text(kernel.layouts, layout, zero=False)
    compiled = least(lambda: [compiled_text(data) for data in objects])
    row(f"text of {type_}", plain / len(objects), compiled / len(objects), cost)


def measure_members(kernel: Any, paths: tuple[str, ...]) -> None:
    tasks = kernel["init_task"].tasks
    count = sum(1 for _ in tasks.walk_())
    plain = least(lambda: [[e[p].value_() for p in paths] for e in tasks.walk_()])
    compiled = least(lambda: list(tasks.project_(*paths)))
    row(f"{', '.join(paths)} of tasks", plain / count, compiled / count, None)


def row(what: str, plain: float, compiled: float, cost: float | None) -> None:
    line = f"  {what:<28} {plain:8.1f} us {compiled:8.1f} us   {plain / compiled:5.1f}x"
    if cost is not None:
        line += f"  {cost / 1000:6.1f} ms  from {cost / (plain - compiled):.0f} objects on"
    print(line)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description=__doc__[:93])
    parser.add_argument("core", metavar="CORE", nargs="?", default=str(SAMPLE), help="a vmcore")
    args = parser.parse_args(argv)
    import btfdump

    with btfdump.open_core(args.core) as kernel:
        tasks = list(kernel.tasks())
        print(f"{args.core}: one of {len(tasks)} objects")
        print(f"  {'':<28} {'plain':>11} {'compiled':>11}   {'gain':>6}  {'compiling':>9}")
        measure_text(kernel, "struct task_struct", [task.bytes_() for task in tasks])
        creds = [task.cred.deref_().bytes_() for task in tasks]
        measure_text(kernel, "struct cred", creds)
        measure_members(kernel, ("pid", "comm"))


if __name__ == "__main__":
    main()
