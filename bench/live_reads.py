"""What a read of the running kernel's memory costs: bpf(2) against /proc/kcore. Run as root.

    python -m bench.live_reads

Microseconds per call, best of several rounds; the kernel goes on running meanwhile.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from btfdump._api.kernel import Kernel
from btfdump._btf.reader import Btf
from btfdump._targets.memory import read_many
from btfdump._targets.sources import open_live
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._targets.memory import Target

ROUNDS, CALLS = 5, 50


def best(call: Callable[[], object]) -> float:
    """Return the microseconds of one call, in the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(CALLS):
            call()
        times.append(time.perf_counter() - start)
    return min(times) / CALLS * 1e6


def measure(target: Target) -> dict[str, float]:
    """Measure one source, on tasks."""
    kernel = Kernel(target, Btf.from_bytes(target.btf_bytes(), name="vmlinux", check=False))
    tasks = list(kernel.tasks())
    task = tasks[0]
    address, size = task.address_, task.size_
    ram = address & ~0xFFFF
    words = [(task.address_, 8) for task in tasks]
    tasks_head = kernel["init_task"].tasks

    def processes() -> int:
        return sum(1 for _ in kernel.tasks())

    found = {f"read {n} bytes": best(partial(target.read, ram, n)) for n in (8, 4096, 65536)}
    found[f"read a task_struct ({size} bytes)"] = best(lambda: target.read(address, size))
    for count in (64, 512):
        requests = (words * count)[:count]
        found[f"gather {count} words"] = best(partial(read_many, target, requests))
    found[f"walk {len(tasks)} tasks"] = best(processes)
    copy_chain = getattr(target, "copy_chain", None)
    if copy_chain is not None:
        head = tasks_head.address_
        offset = head - kernel["init_task"].address_
        chain = copy_chain(head, head, size, link_offset=offset)
        found[f"copy {len(chain)} task_structs in the kernel"] = best(
            lambda: copy_chain(head, head, size, link_offset=offset)
        )
    kernel.close()
    return found


def main() -> None:
    """Measure the sources that can be opened, and print a table."""
    columns = {}
    for name in ("bpf", "kcore"):
        start = time.perf_counter()
        try:
            target = open_live(name)
        except TargetError as error:
            print(f"{name}: {error}")
            continue
        opened = (time.perf_counter() - start) * 1e6
        columns[name] = {"open": opened, **measure(target)}
    rows = dict.fromkeys(row for column in columns.values() for row in column)
    print(f"{'microseconds':44}", *(f"{name:>10}" for name in columns))
    for row in rows:
        cells = (column.get(row) for column in columns.values())
        print(
            f"{row:44}", *(f"{'-' if cell is None else format(cell, '.1f'):>10}" for cell in cells)
        )


if __name__ == "__main__":
    main()
