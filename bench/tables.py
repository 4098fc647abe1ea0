"""Rows of a declared table against the same members as chains of Values.

::

    python -m bench.tables [--core FILE] [--runs N]

Fifteen columns of every task, behind up to three pointers. Both sides are warm: what is compiled
has been. The list of tasks is part of each run.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from bench.harness import ROOT, Row, alternate, table
from btfdump._api.opening import open_core
from btfdump._roots.every_task import every_task
from btfdump._tables.definition import define
from btfdump._tables.rows import Asked, TableReading
from btfdump.errors import BtfdumpError

if TYPE_CHECKING:
    from btfdump._kernel.value import Value

CORE = ROOT / "sample_dumps" / "stock-6.12" / "vmcore"
PATHS = (
    *("pid", "tgid", "comm", "__state", "exit_state", "prio", "on_cpu", "se.sum_exec_runtime"),
    *("mm.total_vm", "mm.map_count", "parent.pid", "signal.nr_threads", "cred.uid.val"),
    *("files.fdt.max_fds", "nsproxy.pid_ns_for_children.ns.inum"),
)


def by_values(task: Value) -> list[Any]:
    """Return the same members, each by its own way through Values."""
    return [_followed(task, path) for path in PATHS]


def _followed(value: Value, path: str) -> Any:
    try:
        for name in path.split("."):
            if value.is_pointer_ and not value.value_():
                return None
            value = value.member_(name)
        return value.value_()
    except BtfdumpError:
        return None


def main() -> None:
    """Compare, and print rows a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", default=str(CORE))
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    with open_core(args.core) as kernel:
        columns = {path.replace(".", "_"): f"task.{path}" for path in PATHS}
        stated = {"rows": [{"as": "task", "each": "task"}], "columns": columns}
        roots = {"task": lambda: every_task(kernel)}
        asked = Asked(lambda *names: True, roots)
        reading = TableReading(kernel, define("bench", stated, "bench"), asked)
        count = sum(1 for _ in kernel.tasks())
        times = alternate(
            {
                "rows": lambda: list(reading.rows()),
                "values": lambda: [by_values(task) for task in kernel.tasks()],
            },
            args.runs,
        )
    ours, theirs = times["rows"].over(count), times["values"].over(count)
    row = Row("a row of 15 columns", ours, "chains of Values", theirs)
    table("Declared tables", [row])
    for name, one in (("rows", ours), ("values", theirs)):
        print(f"{name}: {1 / sorted(one.cpu)[len(one.cpu) // 2]:,.0f} a second of CPU time")


if __name__ == "__main__":
    main()
