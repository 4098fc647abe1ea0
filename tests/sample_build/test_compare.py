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
