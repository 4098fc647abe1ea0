"""What the processes of one parallel run of the tests have in common."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def common_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder for this run alone, which is the same in all its processes."""
    base = factory.getbasetemp()
    # pytest-xdist gives each process a folder of its own inside of that of the run.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "common"
    folder.mkdir(exist_ok=True)
    return folder


def make_once(path: Path, make: Callable[[Path], None]) -> Path:
    """Let one process write a file, by calling `make`, while the others wait for it."""
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            unfinished = path.with_name(f"{path.name}.unfinished")
            make(unfinished)
            unfinished.rename(path)
    return path
