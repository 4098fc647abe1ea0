"""The table of kfuncs: of a kernel's registry, filtered; and of what BTF marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def core(sample: Callable[[str], Path]) -> str:
    return str(sample("tagged"))


def test_kfuncs_where_none_is_marked(core: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "kfuncs", core)
    assert status == 0
    assert "no kfuncs\n" in out
    assert "no function carries the tag bpf_kfunc" in out


@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
def test_registry_filters(core: str, capsys: pytest.CaptureFixture[str], format_: str) -> None:
    words = ("inspect", core, "kfuncs", "bpf_task_*", "--hook", "xdp", "--flag", "release")
    status, out, err = run(capsys, *words, "--format", format_)
    assert (status, err) == (0, "")
    assert "void bpf_task_release(struct task_struct *p)" in out
    assert "bpf_task_acquire" not in out
    assert "bpf_cgroup_release" not in out


def test_registry_filter_that_nothing_has(core: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "inspect", core, "kfuncs", "--hook", "nonsense")
    assert (status, out) == (2, "")
    assert "there are cgroup, common, dtor" in err
    status, _, err = run(capsys, "inspect", core, "kfuncs", "--flag", "KF_NONSENSE")
    assert status == 2
    assert "ACQUIRE" in err
