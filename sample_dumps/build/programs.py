"""The guest's own programs, compiled from rootfs/."""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from . import cache
from .machines import AMD64, Machine

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOTFS = Path(__file__).parent / "rootfs"
CLANG = "clang-16"
COMMON = (CLANG, "-Wall", "-Werror", "-fdebug-compilation-dir=.")
BPF = (*COMMON, "-target", "bpf", "-O2", "-g", "-idirafter")
NATIVE = (*COMMON, "-O1", "-static")
CROSS = ("gcc", "-Wall", "-Werror", "-O1", "-static")
PROGRAMS = {
    "agent": ("agent.c", ()),
    "bpfload": ("bpfload/*.c", ("-lbpf", "-lelf", "-lz")),
    "churn": ("churn.c", ("-lbpf", "-lelf", "-lz", "-lpthread")),
    "processes": ("processes.c", ("-lpthread",)),
}
FOREIGN = ("agent", "processes")
"""Those that other machines run: libbpf would have to be built for each of them."""
# What Debian installs for what is run here; bpftool is in /usr/sbin.
NEEDED = {
    "qemu-system-x86_64": "qemu-system-x86",
    "busybox": "busybox-static",
    CLANG: CLANG,
    "bpftool": "bpftool",
}
HEADERS = {
    "/usr/include/bpf/libbpf.h": "libbpf-dev",
    "/usr/include/libelf.h": "libelf-dev",
    "/usr/include/zlib.h": "zlib1g-dev",
    "/usr/include/stdio.h": "libc6-dev",
}


def find_program(name: str) -> Path | None:
    """Return the path of a program of this machine, those for root included."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return Path(found) if found else None


def missing_packages() -> list[str]:
    """Return the Debian packages that guests need and this machine lacks."""
    programs = [package for name, package in NEEDED.items() if find_program(name) is None]
    headers = [package for path, package in HEADERS.items() if not Path(path).exists()]
    return programs + headers


def missing_for(machines: Iterable[Machine]) -> list[str]:
    """Return the Debian packages that guests on these machines need and this machine lacks."""
    missing: list[str] = []
    for machine in machines:
        if find_program(machine.qemu) is None:
            missing.append(machine.package)
        if not machine.is_native and find_program(f"{machine.cross}{CROSS[0]}") is None:
            missing += [
                f"{CROSS[0]}-{machine.cross.rstrip('-')}",
                f"libc6-dev-{machine.architecture}-cross",
            ]
    return missing


def sources() -> list[Path]:
    """Return every file below rootfs/."""
    return sorted(path for path in ROOTFS.rglob("*") if path.is_file())


def compiled(machine: Machine = AMD64) -> Path:
    """Return a folder with the agent, the workload and the BPF objects, compiled once."""
    words = (*NATIVE, *BPF) if machine.is_native else (machine.cross, *CROSS)
    make = _compile_all if machine.is_native else partial(_compile_foreign, machine)
    return cache.keep("programs", cache.digest(sources(), *words), make)


def _compile_all(into: Path) -> None:
    into.mkdir()
    for source in sorted(ROOTFS.glob("bpf/*.bpf.c")):
        out = into / source.with_suffix(".o").name
        _run(*BPF, _multiarch(), "-c", _relative(source), "-o", str(out))
    for name, (files, libraries) in PROGRAMS.items():
        paths = sorted(_relative(path) for path in ROOTFS.glob(files))
        _run(*NATIVE, "-o", str(into / name), *paths, *libraries)


def _compile_foreign(machine: Machine, into: Path) -> None:
    into.mkdir()
    for name in FOREIGN:
        files, libraries = PROGRAMS[name]
        paths = sorted(_relative(path) for path in ROOTFS.glob(files))
        compiler = f"{machine.cross}{CROSS[0]}"
        _run(compiler, *CROSS[1:], "-o", str(into / name), *paths, *libraries)


def _relative(source: Path) -> str:
    # Line information names the file: as it is in the source, not as it is on this machine.
    return str(source.relative_to(ROOTFS))


def _multiarch() -> str:
    # clang for the bpf target does not search the folder of asm/types.h.
    done = subprocess.run([CLANG, "-print-multiarch"], capture_output=True, text=True, check=False)
    return f"/usr/include/{done.stdout.strip() or 'x86_64-linux-gnu'}"


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOTFS, check=True)
