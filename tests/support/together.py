"""What the processes of one parallel run of the tests have in common."""

from __future__ import annotations

import fcntl
import os
import re
from typing import TYPE_CHECKING, Any

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

_GUEST_TEST = re.compile(
    r"tests/guests/(?P<module>\w+)\.py::[^\[]*(\[(?P<kernel>[a-z ]*[0-9]+\.[0-9]+))?"
)


class Scheduling(LoadScopeScheduling):
    """Gives each test function to whichever process is free, but those of one guest to one.

    So a guest boots once, and what the parameters of a function share is made once.
    pytest-xdist's own groups (`--dist loadgroup`) do nothing with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        """Note that a test has run, and forget it with the last of its scope.

        pytest-xdist goes through all that a process was ever given each time a test ends.
        """
        super().mark_test_complete(node, item_index, duration)
        scope = self._split_scope(self.registered_collections[node][item_index])
        if all(self.assigned_work[node][scope].values()):
            del self.assigned_work[node][scope]

    def remove_node(self, node: Any) -> str | None:
        """Give the work of a process that died to the others, but not what killed it.

        pytest-xdist would give away the tests that have run, too, and wait for them for ever.
        """
        work = self.assigned_work[node]
        crashed = next(
            (t for unit in work.values() for t, is_done in unit.items() if not is_done), None
        )
        if crashed is None:
            self.assigned_work.pop(node)
            return None
        work[self._split_scope(crashed)][crashed] = True
        for scope, unit in self.assigned_work.pop(node).items():
            if not all(unit.values()):
                self.workqueue[scope] = unit
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed


def scope_of(test: str) -> str:
    """Return what the tests that one process must run have in common."""
    found = _GUEST_TEST.match(test)
    return f"guest {found['kernel'] or found['module']}" if found else test.partition("[")[0]


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
