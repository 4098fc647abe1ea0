"""`--watch SECONDS`: print roots again and again, and mark what changed.

On a terminal the screen is repainted, with changed and new lines highlighted. In a pipe the first
look is printed as a whole, and of each further one only what differs from the one before.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from btfdump._cli.inspection import Inspection, inspect
from btfdump._cli.terminal import OK, is_colorful
from btfdump._meaning.amounts import without_relative
from btfdump._render.escape import printable
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from rich.console import Console
    from rich.text import Text

    from btfdump._api.kernel import Kernel

_GUIDES = " │├└─|`-"
_ENTRY = re.compile(r"\[\d+\] (= )?")
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_STYLES = {"changed": "bold yellow", "new": "bold green"}


def inspect_or_watch(kernel: Kernel, args: argparse.Namespace) -> int:
    """Print the roots, once or again and again as --watch says; return the exit status."""
    return watch(kernel, args) if args.watch else inspect(kernel, args)


def watch(kernel: Kernel, args: argparse.Namespace) -> int:
    """Show the roots every `args.watch` seconds until interrupted; return the exit status.

    Raises `ExpressionError` for formats that are meant for programs.
    """
    if args.format in ("json", "jsonl", "snprintf", "csv"):
        raise ExpressionError(f"--watch repaints for people: no --format {args.format}")
    looks = _looks(kernel, args)
    try:
        if sys.stdout.isatty():
            _repaint(looks, args)
        else:
            _report(looks)
    except KeyboardInterrupt:
        pass  # the way to end it
    return OK


def _looks(kernel: Kernel, args: argparse.Namespace) -> Iterator[Look]:
    """Look at the kernel now, and again every so many seconds."""
    due = time.monotonic()
    while True:
        kernel.forget()
        complaints: list[str] = []
        job = Inspection(kernel, args, complaints.append)
        text = "".join(job.pieces(job.format()))
        yield Look(text + "".join(f"! {printable(line)}\n" for line in complaints))
        due = max(due + args.watch, time.monotonic())
        time.sleep(due - time.monotonic())


class Look:
    """What was printed at one time: lines by the path of what they show."""

    def __init__(self, text: str) -> None:
        self.time = time.strftime("%H:%M:%S")
        self.text = text
        self.lines: dict[str, str] = {}
        self.contents: dict[str, str] = {}
        for path, content, line in _paths(text.splitlines()):
            # Moments as seen from now pass by themselves: nothing in the kernel changed.
            self.lines[path], self.contents[path] = line, without_relative(content)

    def changed(self, before: Look) -> dict[str, str]:
        """Return the paths whose line is "new" or has "changed" since the look `before`."""
        return {
            path: "changed" if path in before.lines else "new"
            for path, content in self.contents.items()
            if before.contents.get(path) != content
        }

    def gone(self, before: Look) -> list[str]:
        """Return the lines of the look `before` whose paths no longer exist."""
        return [line for path, line in before.lines.items() if path not in self.lines]


def _paths(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (path, content, line): a path is the labels of all lines around a line, and its own.

    An entry of a container is identified by its address, so that the entries after it keep their
    paths when it leaves. Neither its position nor the guides of the tree are part of the content.
    """
    around: list[tuple[int, str]] = []
    times: Counter[str] = Counter()
    for line in lines:
        content = line.lstrip(_GUIDES)
        indent = len(line) - len(content)
        while around and around[-1][0] >= indent:
            around.pop()
        label, content = _label(content)
        around.append((indent, label))
        path = "/".join(label for _, label in around)
        times[path] += 1
        yield f"{path} #{times[path]}", content, line


def _label(content: str) -> tuple[str, str]:
    """Return what identifies a line, and what it says."""
    entry = _ENTRY.match(content)
    address = _ADDRESS.search(content) if entry is not None else None
    if entry is not None and address is not None:
        return address[0], content[entry.end() :]
    label = content.split(maxsplit=1)[0] if content else ""
    return ("the rest" if label.isdecimal() else label), content


def _report(looks: Iterator[Look]) -> None:
    """Write the first look, then what changed at each further one."""
    before: Look | None = None
    for look in looks:
        sys.stdout.write(f"# {look.time}\n")
        if before is None:
            sys.stdout.write(look.text)
        else:
            changed = look.changed(before)
            sys.stdout.writelines(f"- {line}\n" for line in look.gone(before))
            for path, kind in changed.items():
                sys.stdout.write(f"{'+' if kind == 'new' else '~'} {look.lines[path]}\n")
        sys.stdout.flush()
        before = look


def _repaint(looks: Iterator[Look], args: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.live import Live

    color = is_colorful(args.color)
    console = Console(no_color=not color, highlight=False, markup=False)
    before: Look | None = None
    last = ""
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            for look in looks:
                live.update(_painted(look, before, console, args.watch), refresh=True)
                before, last = look, look.text
    finally:
        sys.stdout.write(last)  # the screen goes back to what it was: leave the last look there


def _painted(look: Look, before: Look | None, console: Console, seconds: float) -> Text:
    """Return the screen: a status line and the lines, or as many of the important ones as fit."""
    from rich.text import Text

    changed = look.changed(before) if before is not None else {}
    counts = Counter(changed.values())
    gone = len(look.gone(before)) if before is not None else 0
    status = (
        f"{look.time}  every {seconds:g} s: {counts['changed']} lines changed, "
        f"{counts['new']} new, {gone} gone"
    )
    paths = list(look.lines)
    room = console.height - 2
    if len(paths) > room:
        status += f"; {room} of {len(paths)} lines fit (--members)"
        paths = _most_important(paths, changed, room)
    lines = [Text(status, style="reverse")]
    for path in paths:
        style = _STYLES[changed[path]] if path in changed else ""
        lines.append(Text(look.lines[path], style=style))
    for line in lines:
        line.truncate(console.width, overflow="ellipsis")
    return Text("\n").join(lines)


def _most_important(paths: list[str], changed: dict[str, str], room: int) -> list[str]:
    """Return at most `room` paths in their order: what changed, what is around that, the first."""
    wanted: dict[str, None] = dict.fromkeys(paths[:1])
    for path in changed:
        wanted.setdefault(path)
    for path in paths:
        if len(wanted) >= room:
            break
        wanted.setdefault(path)
    chosen = set(list(wanted)[:room])
    return [path for path in paths if path in chosen]
