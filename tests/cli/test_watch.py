"""`--watch`: what is marked as changed from one look to the next, on a terminal and in a pipe."""

from __future__ import annotations

import io
import sys
import time
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from btfdump._cli import build_parser, watch
from btfdump._cli.watch import Look, inspect_or_watch
from btfdump.errors import ExpressionError
from tests.support.synthetic import World

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


class Moving:
    """A kernel with a list of items, of which a test changes something between two looks."""

    def __init__(self) -> None:
        self.world = World()
        self.world.struct(
            "item", [("id", "int"), ("state", "int"), ("link", "struct list_head")], {}
        )
        self.world.struct(
            "root", [("count", "int"), ("items", "struct list_head")], {"items": "item:link"}
        )
        self.root = self.world.new("root", count=1)
        self.items = [self.world.new("item", id=number, state=1) for number in (7, 8, 9)]
        self.link(*self.items)
        self.kernel: Kernel = self.world.kernel()

    def link(self, *items: int) -> None:
        """Make the list consist of these items."""
        head = self.root + self.world.offset("root.items")
        ring = [head, *(item + self.world.offset("item.link") for item in items)]
        for at, node in enumerate(ring):
            following, before = ring[(at + 1) % len(ring)], ring[at - 1]
            self.world.write(node, b"".join(p.to_bytes(8, "little") for p in (following, before)))

    def arguments(self, *words: str) -> argparse.Namespace:
        parser = build_parser("live")
        return parser.parse_args(["live", "struct root", f"{self.root:#x}", "--watch", "1", *words])


@pytest.fixture
def moving() -> Moving:
    return Moving()


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Do one thing after each look, instead of waiting; Ctrl-C comes after the last."""

    def plan(*steps: Callable[[], None]) -> None:
        left = list(steps)

        def sleep(seconds: float) -> None:
            assert seconds >= 0
            if not left:
                raise KeyboardInterrupt
            left.pop(0)()

        monkeypatch.setattr(time, "sleep", sleep)

    return plan


def frames(text: str) -> list[list[str]]:
    """Split what was written into a pipe into its looks."""
    looks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("# "):
            looks.append([])
        else:
            looks[-1].append(line)
    return looks


def test_a_pipe_gets_the_first_look_and_then_what_changed(moving, between, capsys):
    first, second, third = moving.items
    between(
        lambda: moving.world.set(second, "item.state", 5),
        lambda: moving.link(second, third),
        lambda: None,
        lambda: moving.link(first, second, third),
    )
    assert inspect_or_watch(moving.kernel, moving.arguments("--format", "tree")) == 0
    whole, changed, gone, same, back = frames(capsys.readouterr().out)
    assert len(whole) > 10
    assert [line.split() for line in changed] == [["~", "│", "│", "├──", "state", "5", "int"]]
    removed = [line for line in gone if line.startswith("- ")]
    assert removed[0].endswith(f"[0] struct item {first:#x}")
    assert len([line for line in gone if line.startswith("+ ")]) == 0
    assert same == []
    assert next(line for line in back if line.startswith("+ ")).endswith(f"struct item {first:#x}")


def test_what_goes_wrong_is_part_of_a_look(moving, between, capsys):
    between(lambda: None)
    args = moving.arguments()
    args.root = ["no_such_symbol"]
    assert inspect_or_watch(moving.kernel, args) == 0
    captured = capsys.readouterr()
    assert "! " in captured.out
    assert "no_such_symbol" in captured.out
    assert captured.err == ""


def test_programs_are_not_served(moving):
    with pytest.raises(ExpressionError, match="no --format json"):
        inspect_or_watch(moving.kernel, moving.arguments("--format", "json"))


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "x", "1e9"])
def test_intervals(seconds, capsys):
    with pytest.raises(SystemExit):
        build_parser("live").parse_args(["live", "task", "--watch", seconds])
    assert "number of seconds" in capsys.readouterr().err


def painted(before: str, after: str, height: int = 20) -> str:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=80, height=height, color_system="standard",
        highlight=False, markup=False,
    )  # fmt: skip
    console.print(watch._painted(Look(after), Look(before), console, 1.0))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_changed_and_new_lines_are_highlighted():
    text = painted("root\n├── a  1\n├── b  1\n", "root\n├── a  2\n├── b  1\n└── c  1\n")
    assert "1 lines changed, 1 new, 0 gone" in text
    assert "\x1b[1;33m├── a  2" in text
    assert "\x1b[1;32m└── c  1" in text
    assert "\x1b[1;33m├── b" not in text


def test_time_that_passes_changes_nothing():
    before = "root\n├── due  4294937296  in 1.2 s  u64\n├── was  12  100 ms ago  u64\n├── n  1\n"
    after = "root\n├── due  4294937296  now  u64\n├── was  13  1.3 s ago  u64\n├── n  1\n"
    text = painted(before, after)
    assert "1 lines changed, 0 new, 0 gone" in text
    assert "\x1b[1;33m├── was" in text


def test_what_changed_is_shown_where_not_all_fits():
    lines = [f"├── m{number}  0" for number in range(100)]
    before = "\n".join(["root", *lines])
    lines[90] = "├── m90  1"
    text = painted(before, "\n".join(["root", *lines]), height=10)
    assert "8 of 101 lines fit" in text
    assert "m90  1" in text
    assert "m0  0" in text
    assert text.count("├──") == 7


def test_markup_of_a_kernel_is_not_ours():
    text = painted("root\n├── a  1\n", "root\n├── comm  [bold]x[/bold]\n")
    assert "[bold]x[/bold]" in text


def test_a_terminal_keeps_the_last_look(moving, between, monkeypatch):
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    between(lambda: moving.world.set(moving.items[0], "item.state", 6))
    assert inspect_or_watch(moving.kernel, moving.arguments()) == 0
    screen, _, after = terminal.getvalue().rpartition("\x1b[?1049l")  # leaves the second screen
    assert "state 6" in " ".join(screen.split())
    assert "state 6" in " ".join(after.split())
