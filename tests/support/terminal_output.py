"""A command whose stderr is a terminal and whose stdout is a file."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def shown_on_terminal(command: Sequence[str], out: Path) -> bytes:
    """Run a command to its end, which is to be a success; return what its terminal was sent."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with out.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=terminal, env=environment)
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
    return shown
