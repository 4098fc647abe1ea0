"""Modules are loaded in the order of their dependencies, however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import kernels
from sample_dumps.build.kernels import KernelFiles, module_files

if TYPE_CHECKING:
    from pathlib import Path

LAST = 150


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch) -> KernelFiles:
    """Return a kernel with modules m0 to m150, each of which needs the one after it."""
    for number in range(LAST + 1):
        (tmp_path / f"m{number}.ko").write_bytes(b"%d" % number)
    monkeypatch.setattr(kernels, "_depends", _depends)
    (tmp_path / "modules.builtin").write_text("kernel/lib/built-in.ko\n")
    return KernelFiles("6.12", tmp_path / "vmlinuz", tmp_path)


def _depends(module: bytes) -> list[str]:
    return [f"m{int(module) + 1}"] if int(module) < LAST else []


def test_the_shell_meets_them_in_loading_order(kernel):
    found = module_files(kernel, ["m0"])
    assert [int(data) for _, data in sorted(found)] == list(range(LAST, -1, -1))


def test_what_is_built_in_or_missing_is_left_out(kernel):
    found = module_files(kernel, ["built_in", "no-such", "m149"])
    assert [name for name, _ in found] == ["000-m150.ko", "001-m149.ko"]
