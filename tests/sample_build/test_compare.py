"""The builder's comparison finds what differs, and nothing else."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from sample_dumps.build.compare import compare

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("tagged", "stock")


@pytest.fixture
def known(truth) -> Callable[[str], Any]:
    """Return a copy of a ground truth without what it does not have whole."""

    def load(name: str) -> Any:
        whole = copy.deepcopy(truth(name))
        whole["supers"] = [one for one in whole["supers"] if len(one["inodes"]) == one["n_inodes"]]
        del whole["symbols"]["_end"]  # drgn does not move lld's with the kernel
        return whole

    return load


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_as_its_ground_truth_says(sample, known, name: str):
    comparison = compare(sample(name), known(name))
    assert comparison.differences == []
    assert comparison.compared > 5000


def test_differences_are_found(sample, known):
    wrong = known("tagged")
    task = next(task for task in wrong["tasks"] if task["bpf_storage"])
    task["comm"] = "somebody else"
    task["bpf_storage"]["elems"].pop()
    wrong["samples"]["init_cred"]["value"]["uid"]["val"] += 1
    differences = compare(sample("tagged"), wrong).differences
    where = f"task {task['pid']}"
    places = ("comm", "storage")
    assert [line.partition(":")[0] for line in differences] == [
        *(f"{where} {place}" for place in places),
        "init_cred.uid.val",
    ]


def test_what_cannot_be_read_differs(sample, known):
    wrong = known("tagged")
    array = next(map_ for map_ in wrong["maps"] if map_["type_name"] == "BPF_MAP_TYPE_ARRAY")
    array["elems"][0]["addr"] = "0x10"
    (difference,) = compare(sample("tagged"), wrong).differences
    assert "FaultError" in difference


def test_parts_that_could_not_be_read_are_left_out(sample, known):
    part = known("tagged")
    for name in ("tasks", "maps", "kernel", "vmlinux_btf", "sk_storage", "inode_storage", "supers"):
        del part[name]
    comparison = compare(sample("tagged"), part)
    assert comparison.differences == []
    assert comparison.compared > 1000


def test_what_values_mean_is_compared(sample, truth):
    """Here of files, devices and tasks; truth.meanings has more, read by drgn through DWARF."""
    known = truth("stock", "-3")
    files = [file for task in known["tasks"] for file in task.get("files", ())]
    facts = [_fact("file", file["file"], text=file["path"]) for file in files[:3]]
    facts += [_fact("net_device", d["dev"], "dev_addr", text=d["mac"]) for d in known["netdevs"]]
    sleeping = next(task for task in known["tasks"] if task["state"] == "S")
    names = {"has": ["TASK_INTERRUPTIBLE"], "lacks": ["TASK_UNINTERRUPTIBLE"]}
    facts.append(_fact("task_struct", sleeping["addr"], "__state", **names))
    comparison = compare(sample("stock"), {"meanings": facts})
    assert comparison.differences == []
    assert comparison.meanings == comparison.compared - 1 == len(facts)  # the pids too

    facts[0]["text"] += "x"
    facts[-1]["has"], facts[-1]["lacks"] = facts[-1]["lacks"], facts[-1]["has"]
    path, state = compare(sample("stock"), {"meanings": facts}).differences
    assert path.startswith(f"struct file {files[0]['file']} path: ")
    assert state.endswith("['TASK_INTERRUPTIBLE'] instead of ['TASK_UNINTERRUPTIBLE']")


def _fact(struct: str, addr: str, member: str = "", **said: Any) -> dict[str, Any]:
    return {"struct": f"struct {struct}", "addr": addr, "member": member, **said}
