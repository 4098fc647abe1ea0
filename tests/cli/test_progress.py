"""The progress that a terminal shows."""

import sys

from tests.support.terminal_output import shown_on_terminal

BTFDUMP = [sys.executable, "-m", "btfdump"]


def test_progress_on_a_terminal_knows_the_total(core, tmp_path):
    """stderr is a terminal, stdout a file: how many of how many tasks, on stderr alone."""
    shown = shown_on_terminal([*BTFDUMP, "inspect", core, "task", "--all"], tmp_path / "out")
    assert b" of 64 objects" in shown
    assert b"objects" not in (tmp_path / "out").read_bytes()
