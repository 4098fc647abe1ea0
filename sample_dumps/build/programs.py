"""The guest's own programs, compiled from rootfs/."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from . import cache

ROOTFS = Path(__file__).parent / "rootfs"
CLANG = "clang-16"
COMMON = (CLANG, "-Wall", "-Werror", "-fdebug-compilation-dir=.")
BPF = (*COMMON, "-target", "bpf", "-O2", "-g", "-idirafter")
NATIVE = (*COMMON, "-O1", "-static")
PROGRAMS = {
    "agent": ("agent.c", ()),
    "bpfload": ("bpfload/*.c", ("-lbpf", "-lelf", "-lz")),
    "churn": ("churn.c", ("-lbpf", "-lelf", "-lz", "-lpthread")),
    "processes": ("processes.c", ("-lpthread",)),
}
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


def sources() -> list[Path]:
    """Return every file below rootfs/."""
    return sorted(path for path in ROOTFS.rglob("*") if path.is_file())


def compiled() -> Path:
    """Return a folder with the agent, the workload and the BPF objects, compiled once."""
    return cache.keep("programs", cache.digest(sources(), *NATIVE, *BPF), _compile_all)


def _compile_all(into: Path) -> None:
    into.mkdir()
    for source in sorted(ROOTFS.glob("bpf/*.bpf.c")):
        out = into / source.with_suffix(".o").name
        _run(*BPF, _multiarch(), "-c", _relative(source), "-o", str(out))
    for name, (files, libraries) in PROGRAMS.items():
        paths = sorted(_relative(path) for path in ROOTFS.glob(files))
        _run(*NATIVE, "-o", str(into / name), *paths, *libraries)


def _relative(source: Path) -> str:
    # Line information names the file: as it is in the source, not as it is on this machine.
    return str(source.relative_to(ROOTFS))


def _multiarch() -> str:
    # clang for the bpf target does not search the folder of asm/types.h.
    done = subprocess.run([CLANG, "-print-multiarch"], capture_output=True, text=True, check=False)
    return f"/usr/include/{done.stdout.strip() or 'x86_64-linux-gnu'}"


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOTFS, check=True)
