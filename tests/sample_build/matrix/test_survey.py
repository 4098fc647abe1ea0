"""The survey tells entries that are what a line says from those that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.opening import open_core
from sample_dumps.build.matrix.places import by_btfdump
from sample_dumps.build.matrix.survey import Survey, _plan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sample_dumps.build.matrix.survey import Evidence


@pytest.fixture
def run(sample, tmp_path: Path) -> Callable[[str], dict[str, Evidence]]:
    """Return what surveys the sample of Debian's kernel by an overlay's lines, too."""

    def survey(lines: str) -> dict[str, Evidence]:
        file = tmp_path / "lines.toml"
        file.write_text(lines)
        with open_core(sample("stock"), overlays=[file]) as kernel:
            return Survey(kernel, by_btfdump(kernel)).run()

    return survey


def test_entries_and_how_they_lie(run):
    found = run("")
    children = found["task_struct.children"]
    assert children.heads > 50
    assert children.entries == children.fitting > 50
    assert (children.misfits, children.broken, children.misfit) == (0, 0, "")
    # Behind a pointer, behind a condition, of a per-CPU variable, an array of heads.
    assert found["inode_hashtable"].fitting > 20
    assert found["tasks"].fitting > 70
    assert found["pid.tasks"].entries > 100
    # Nothing is damaged or misplaced, objects that are shorter than their type included.
    assert {name: e.misfit or e.damage for name, e in found.items() if e.misfits or e.broken} == {}
    assert found["slab_caches"].fitting == found["slab_caches"].entries > 100
    total = [(e.entries, e.fitting + e.inside + e.elsewhere + e.misfits) for e in found.values()]
    assert all(entries == judged for entries, judged in total)


def test_wrong_lines_are_told(run):
    found = run(
        '[struct.task_struct]\nchildren = "task_struct:tasks"\n'
        '[struct.super_block]\ns_inodes = "kmem_cache:list"\n'
    )
    assert found["task_struct.children"].misfits > 50
    assert "task_struct of" in found["task_struct.children"].misfit
    assert found["super_block.s_inodes"].entries > 50
    assert found["super_block.s_inodes"].fitting == 0


def test_pointers_that_are_not_followed_by_the_kernel_are_not_followed(opened):
    """What task_struct.last_wakee pointed to may be freed by now."""
    kernel = opened("stock")
    struct = kernel.struct("task_struct")
    (task,) = kernel.lookup.structs("task_struct", kernel.btf)
    followed = {offset for offset, _ in _plan(kernel, task).pointers}
    assert struct.offset("last_wakee") not in followed
    assert struct.offset("real_parent") in followed
