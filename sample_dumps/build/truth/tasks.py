"""Tasks, with what hangs on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drgn.helpers.linux.fs import d_path, for_each_file
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_cpu

from .common import address, has, storage, text

if TYPE_CHECKING:
    import drgn

NUMBERS = (
    *("pid", "tgid", "exit_state", "exit_code", "prio", "static_prio", "rt_priority", "policy"),
    *("start_time", "start_boottime", "utime", "stime", "nvcsw", "nivcsw"),
)
POINTERS = (
    *("mm", "active_mm", "files", "fs", "signal", "sighand", "cred", "nsproxy"),
    *("group_leader", "stack"),
)


def tasks(prog: drgn.Program) -> list[dict[str, Any]]:
    """Return every thread but the idle ones, by pid."""
    return sorted((_task(task) for task in for_each_task(prog)), key=lambda task: task["pid"])


def _task(task: drgn.Object) -> dict[str, Any]:
    kind = "struct task_struct"
    children = list_for_each_entry(kind, task.children.address_of_(), "sibling")
    threads = list_for_each_entry(kind, task.signal.thread_head.address_of_(), "thread_node")
    facts = {name: task.member_(name).value_() for name in NUMBERS}
    facts |= {name: address(task.member_(name)) for name in POINTERS}
    return facts | {
        "addr": address(task),
        "comm": text(task.comm),
        "ppid": task.parent.pid.value_(),
        "real_ppid": task.real_parent.pid.value_(),
        "state": task.member_("__state" if has(task, "__state") else "state").value_(),
        "flags": hex(task.flags.value_()),
        "cpu": task_cpu(task),
        "uid": task.cred.uid.val.value_(),
        "gid": task.cred.gid.val.value_(),
        "cap_effective": hex(_capabilities(task.cred.cap_effective)),
        "children": [child.pid.value_() for child in children],
        "threads": [thread.pid.value_() for thread in threads],
        "fds": [_file(fd, file) for fd, file in for_each_file(task)] if task.files else [],
        "bpf_storage": storage(task.bpf_storage) if has(task, "bpf_storage") else None,
    }


def _capabilities(capabilities: drgn.Object) -> int:
    try:
        return int(capabilities.val.value_())
    except AttributeError:  # before 6.3 an array of two words
        low, high = capabilities.cap.value_()
        return int(high << 32 | low)


def _file(fd: int, file: drgn.Object) -> dict[str, Any]:
    return {
        "fd": fd,
        "file": address(file),
        "path": d_path(file.f_path.address_of_()).decode("utf-8", "backslashreplace"),
        "f_pos": file.f_pos.value_(),
        "f_flags": oct(file.f_flags.value_()),
        "inode": address(file.f_inode),
        "ino": file.f_inode.i_ino.value_(),
    }
