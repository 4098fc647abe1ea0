"""Progress of long work, on a terminal."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    import rich.progress

    from btfdump._roots import Selected


def with_progress(roots: Iterator[Selected], total: Callable[[], int | None]) -> Iterator[Selected]:
    """Show on a terminal how many roots are done, if the output itself goes to a file.

    `total` returns how many there will be, or None if it does not know.
    """
    if not sys.stderr.isatty() or not _is_file(sys.stdout):
        yield from roots
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    count = total()
    of_total = (BarColumn(),) if count is not None else ()
    text = "{task.completed} of {task.total} objects" if of_total else "{task.completed} objects"
    columns = (SpinnerColumn(), *of_total, TextColumn(text), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=count)
        for root in roots:
            yield root
            progress.advance(task)


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False


class Steps:
    """A bar for each step of a long job, with the time that it may still take.

    Shows nothing if stderr is not a terminal.
    """

    def __init__(self) -> None:
        self._bars: rich.progress.Progress | None = None
        self._tasks: dict[str, rich.progress.TaskID] = {}
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress, TextColumn

            columns = (*Progress.get_default_columns(), TextColumn("left"))
            self._bars = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> Steps:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, done: int, total: int, step: str) -> None:
        """Show that `done` of `total` are done in a step."""
        if self._bars is not None:
            if step not in self._tasks:
                self._tasks[step] = self._bars.add_task(step, total=total)
            self._bars.update(self._tasks[step], completed=done, total=total)
