"""The archives a guest boots: the kernel unpacks them one over the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import cache, kernels, packages, programs, runtime
from .apt import private
from .cpio import Archive

if TYPE_CHECKING:
    from .kernels import KernelFiles
    from .machines import Machine

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "btfdump"
MODULES = (
    "virtio_pci",
    "virtio_console",
    "qemu_fw_cfg",
    "dummy",
    "overlay",
)
FOLDERS = ("dev", "proc", "sys", "tmp", "mnt", "root", "run")


def archives(kernel: KernelFiles, *, python: bool) -> list[Path]:
    """Return the archives for a kernel, each built once per state of what it holds."""
    parts = [_userland(kernel.machine), _modules(kernel)]
    if python:
        parts += [_python(), _btfdump()]
    return parts


def _userland(machine: Machine) -> Path:
    busybox = _program("busybox")
    tools = [busybox, _program("bpftool")] if machine.is_native else [_foreign_busybox(machine)]
    stamps = [f"{path} {path.stat().st_mtime_ns}" for path in tools]
    files = [*programs.sources(), Path(programs.__file__), Path(__file__)]
    key = cache.digest(files, machine.architecture, *stamps)

    def make(into: Path) -> None:
        archive = Archive()
        for folder in FOLDERS:
            archive.add_folder(folder)
        runtime.add_programs(archive, tools)
        listing = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
        for name in listing.stdout.split():
            if f"bin/{name}" not in archive:
                archive.add_link(f"bin/{name}", "busybox")
        for path in sorted(programs.compiled(machine).iterdir()):
            folder = "lib/bpf" if path.suffix == ".o" else "bin"
            archive.add(f"{folder}/{path.name}", path, executable=True)
        archive.add("init", programs.ROOTFS / "init", executable=True)
        archive.add("etc/passwd", b"root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
        archive.add("etc/group", b"root:x:0:\nuser:x:1000:\n")
        _write(archive, into)

    return cache.keep("userland.cpio", key, make)


def _modules(kernel: KernelFiles) -> Path:
    def make(into: Path) -> None:
        archive = Archive()
        archive.add_folder("lib/modules")
        for name, data in kernels.module_files(kernel, (*MODULES, *kernel.more_modules)):
            archive.add(f"lib/modules/{name}", data)
        _write(archive, into)

    files = [Path(__file__), Path(kernels.__file__), *kernel.extra_modules]
    key = cache.digest(files, str(kernel.modules), *kernel.more_modules)
    return cache.keep("modules.cpio", key, make)


def _python() -> Path:
    def make(into: Path) -> None:
        archive = Archive()
        runtime.add_python(archive)
        _write(archive, into)

    words = (sys.version, sys.base_prefix, *runtime.package_versions())
    return cache.keep("python.cpio", cache.digest([Path(runtime.__file__)], *words), make)


def _btfdump() -> Path:
    def make(into: Path) -> None:
        archive = Archive()
        runtime.add_tree(archive, "opt/btfdump/btfdump", PACKAGE)
        command = b'#!/bin/sh\nexec python3 -m btfdump "$@"\n'
        archive.add("bin/btfdump", command, executable=True)
        _write(archive, into)

    files = runtime.python_tree_files(PACKAGE)
    names = (path.relative_to(PACKAGE).as_posix() for path in files)
    return cache.keep("btfdump.cpio", cache.digest(files, sys.version, *names), make)


def _program(name: str) -> Path:
    path = programs.find_program(name)
    if path is None:
        raise FileNotFoundError(f"{name} is missing: apt-get install {programs.NEEDED[name]}")
    return path


def _foreign_busybox(machine: Machine) -> Path:
    found = packages.newest(["busybox-static"], private(machine.architecture), "bookworm")
    return packages.unpack(found["busybox-static"]) / "bin/busybox"


def _write(archive: Archive, into: Path) -> None:
    with into.open("wb") as out:
        archive.write(out)
