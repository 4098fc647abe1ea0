"""drgn with btfdump as its plugin: on a guest through QEMU, and inside it on /proc/kcore."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.drgn_programs import VERSION

if TYPE_CHECKING:
    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel

ROOT = Path(__file__).parents[2]
PLUGIN = {
    "DRGN_DISABLE_PLUGINS": "*",
    "DRGN_PLUGINS": "btfdump=btfdump.drgn",
    "DEBUGINFOD_URLS": "",
}
# What nobody has told drgn but btfdump: types, globals, symbols, modules and stacks.
ASKED = """
import json
from drgn.helpers.linux.cpumask import for_each_online_cpu
from drgn.helpers.linux.module import for_each_module
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import for_each_task
tasks = {int(task.pid): task for task in for_each_task(prog)}
print(json.dumps({
    "release": prog["init_uts_ns"].name.release.string_().decode(),
    "tasks": {pid: task.comm.string_().decode() for pid, task in tasks.items()},
    "modules": sorted(module.name.string_().decode() for module in for_each_module(prog)),
    "cpus": [int(per_cpu(prog["runqueues"], cpu).cpu) for cpu in for_each_online_cpu(prog)],
    "schedule": prog.symbol("schedule").address,
    "stack": [frame.name for frame in prog.stack_trace(tasks[1])],
}))
"""


def told_by_the_kernel(guest: Guest) -> dict[str, Any]:
    """Return the same, as the guest's own /proc has it."""
    statuses = guest.check("cat /proc/[0-9]*/stat").decode().splitlines()
    found = [re.match(r"(\d+) \((.*)\) ", line) for line in statuses]
    tasks = {match[1]: match[2] for match in found if match is not None}
    symbols = guest.check("grep -w schedule /proc/kallsyms").decode().splitlines()
    stack = guest.check("cat /proc/1/stack").decode()  # it waits for its children
    return {
        "release": guest.kernel.release,
        "tasks": tasks,
        "modules": sorted(guest.check("cut -d' ' -f1 /proc/modules").decode().split()),
        "schedule": next(int(line.split()[0], 16) for line in symbols if line.endswith("schedule")),
        "stack": re.findall(r"\] (\w+)\+", stack),
    }


def check(answer: str, kernel: dict[str, Any]) -> None:
    """Compare what drgn has printed with what the kernel tells of itself."""
    found = json.loads(answer)
    for name in ("release", "modules", "schedule"):
        assert found[name] == kernel[name]
    assert found["cpus"] == [0, 1]
    assert found["stack"][0] == "__schedule"
    own = kernel["stack"]  # without the scheduler itself, and what is in user space
    start = found["stack"].index(own[0])
    assert found["stack"][start : start + len(own)] == own
    lasting = {
        pid: name for pid, name in kernel["tasks"].items() if not name.startswith(("kworker", "sh"))
    }
    same = {pid for pid, name in lasting.items() if found["tasks"].get(pid) == name[:15]}
    assert {kernel["tasks"][pid] for pid in same} >= {"init", "birch", "oak", "agent"}
    assert len(same) > 20


@pytest.mark.skipif(VERSION < (0, 3), reason="drgn before 0.3")
def test_a_guest_that_drgn_has_opened_through_qemu(guest: Guest):
    kernel = told_by_the_kernel(guest)
    done = subprocess.run(
        [sys.executable, "-m", "drgn", "-q", "--qemu", str(guest.qmp_socket), "-e", ASKED],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **PLUGIN, "PYTHONPATH": str(ROOT)},
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    check(done.stdout, kernel)
    assert guest.qmp("query-status")["status"] == "running"


def test_the_running_kernel_that_drgn_has_opened_itself(guest: Guest):
    kernel = told_by_the_kernel(guest)
    settings = [f"{name}={value}" for name, value in PLUGIN.items()]
    done = guest.run(["env", *settings, "python3", "-m", "drgn", "-q", "-e", ASKED])
    assert done.status == 0, done.stderr.decode()
    check(done.stdout.decode(), kernel)
