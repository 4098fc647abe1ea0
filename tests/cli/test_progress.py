"""The progress that a terminal shows."""

import os
import pty
import subprocess
import sys

BTFDUMP = [sys.executable, "-m", "btfdump"]


def test_progress_on_a_terminal_knows_the_total(core, tmp_path):
    """stderr is a terminal, stdout a file: how many of how many tasks, on stderr alone."""
    controller, terminal = pty.openpty()
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [*BTFDUMP, "inspect", core, "task", "--all"],
            stdout=out,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(controller, 4096)
        except OSError:  # what Linux says when the other end of a terminal is closed
            break
        if not piece:
            break
        shown += piece
    os.close(controller)
    assert process.wait() == 0
    assert b" of 64 objects" in shown
    assert b"objects" not in (tmp_path / "out").read_bytes()
