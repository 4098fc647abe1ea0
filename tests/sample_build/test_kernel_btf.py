"""The BTF of a packaged kernel and its modules."""

from __future__ import annotations

import gzip
import lzma
from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import kernel_btf
from sample_dumps.build.kernel_btf import extract, kernel_of
from sample_dumps.build.kernels import KernelFiles
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_kernel_is_found_in_its_image() -> None:
    """What only looks like the begin of it is passed over."""
    elf = b"\x7fELF" + bytes(100)
    loader = b"MZ" + b"\x1f\x8b\x08" + bytes(50)
    assert kernel_of(loader + lzma.compress(elf) + bytes(8), "vmlinuz") == elf
    assert kernel_of(loader + gzip.compress(elf) + bytes(8), "vmlinuz") == elf
    with pytest.raises(PackageError, match="vmlinuz has no kernel compressed by xz, zstd, gzip"):
        kernel_of(loader, "vmlinuz")


def test_a_folder_of_btf(tmp_path: Path, monkeypatch) -> None:
    """Named as in /sys/kernel/btf; a module without BTF has no file."""
    monkeypatch.setattr(kernel_btf, "_btf", lambda elf: elf if b"BTF" in elf else None)
    image = tmp_path / "vmlinuz"
    image.write_bytes(b"MZ" + lzma.compress(b"\x7fELF BTF of the kernel"))
    inside = tmp_path / "modules" / "kernel" / "fs"
    inside.mkdir(parents=True)
    (inside / "x-fs.ko.xz").write_bytes(lzma.compress(b"BTF of x"))
    (inside / "y.ko").write_bytes(b"BTF of y")
    (inside / "z.ko").write_bytes(b"nothing")
    into = tmp_path / "btf"
    extract(KernelFiles("6.12", image, tmp_path / "modules"), into)
    assert {path.name: path.read_bytes() for path in into.iterdir()} == {
        "vmlinux": b"\x7fELF BTF of the kernel",
        "x_fs": b"BTF of x",
        "y": b"BTF of y",
    }


def test_what_is_no_kernel_is_said(capsys) -> None:
    assert kernel_btf.run(["no-such"], unknown=False) == 1
    assert "no-such: no such file, nor a kernel of the matrix: 5.10, " in capsys.readouterr().err
