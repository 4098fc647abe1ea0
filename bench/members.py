"""A few members of every task, in every format: the compiled reader against the decoder.

::

    python -m bench.members [CORE...] [--runs N]

What `inspect CORE task --all --members PATHS --format F` does for each task, and what a table of
tasks does, with the objects' bytes read before.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import btfdump
from bench.harness import Row, alternate, parser, table
from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._render import Root, get, reader_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._decode.fields import Selection
    from btfdump._graph.readers import Reader
    from btfdump._kernel.value import Value

CHOICES = ("comm,pid", "comm,pid,utime,se.avg,mm.map_count")


def render(
    kernel: btfdump.Kernel,
    tasks: Sequence[Value],
    format_: str,
    members: Selection | None,
    reader: Reader | None,
) -> int:
    if reader is not None:
        reader.forget()
    limits = Limits()
    roots = (
        Root(traverse(task, limits, members=members, brief=not members, reader=reader))
        for task in tasks
    )
    return sum(map(len, get(format_)(roots, kernel.options(limits=limits))))


def compare(core: str, runs: int) -> None:
    rows = []
    with btfdump.open_core(core) as kernel:
        tasks = [task.read_() for task in kernel.tasks()]
        for choice in (*CHOICES, ""):
            members = selection_of(choice.split(",")) if choice else None
            for format_ in ("text", "tree", "jsonl"):
                options = kernel.options(limits=Limits())
                reader = reader_for(format_, kernel, Limits(), options)
                job = partial(render, kernel, tasks, format_, members)
                sides = {"ours": partial(job, reader), "decoded": partial(job, None)}
                found = {n: t.over(len(tasks)) for n, t in alternate(sides, runs).items()}
                what = f"{choice or 'table of tasks'} as {format_}"
                rows.append(Row(what, found["ours"], "reference decoder", found["decoded"]))
        count = len(tasks)
    table(f"{core}: members of {count} tasks, times for one", rows)


def main(argv: Sequence[str] | None = None) -> None:
    args = parser("members", __doc__, 11).parse_args(argv)
    for core in args.core:
        compare(core, args.runs)


if __name__ == "__main__":
    main()
