"""What is in a package with a kernel, and the modules in the order of their dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import kernels, packages
from sample_dumps.build.kernels import KernelFiles, files_of, module_files
from sample_dumps.build.packages import PackageError, Pin

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


@pytest.fixture
def unpacked(tmp_path: Path, monkeypatch) -> Path:
    """Return the folder that has a folder for each package."""
    monkeypatch.setattr(packages, "find", lambda pin: pin)
    monkeypatch.setattr(packages, "unpack", lambda pin: tmp_path / pin.name)
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_a_package_with_everything(unpacked: Path):
    root = unpacked / "linux-image-6.12"
    image = put(root / "boot/vmlinuz-6.12-cloud")
    put(root / "lib/modules/6.12-cloud/kernel/fs/xfs.ko")
    found = files_of(Pin("linux-image-6.12", "6.12-1", ""))
    assert (found.release, found.image) == ("6.12-cloud", image)
    assert found.modules == root / "lib/modules/6.12-cloud"


def test_image_and_modules_in_packages_of_their_own(unpacked: Path):
    put(unpacked / "linux-image-7.3/usr/share/doc/copyright")
    image = put(unpacked / "linux-binary-7.3/usr/lib/modules/7.3-cloud/vmlinuz")
    put(unpacked / "linux-modules-7.3/usr/lib/modules/7.3-cloud/kernel/fs/xfs.ko")
    found = files_of(Pin("linux-image-7.3", "7.3-1", ""))
    assert (found.release, found.image) == ("7.3-cloud", image)
    assert found.modules == unpacked / "linux-modules-7.3/usr/lib/modules/7.3-cloud"


def test_a_package_without_a_kernel(unpacked: Path):
    with pytest.raises(PackageError, match="has no kernel"):
        files_of(Pin("linux-image-7.3", "7.3-1", ""))
