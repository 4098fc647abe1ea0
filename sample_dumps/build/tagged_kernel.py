"""Build Linux 6.12 with decl tags, and the module garden, out of Debian's source package."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from . import cache, packages
from .kernels import KernelFiles
from .packages import Pin
from .tagging import tag_source

TAGGED = Path(__file__).parent / "tagged"
SOURCE = Pin("linux-source-6.12", "6.12.117-1~deb12u1", r"linux-source-6\.12")
LLVM = "-16"
# Debian's, beyond those that guests need.
NEEDED = {
    "ld.lld-16": "lld-16",
    "llvm-objcopy-16": "llvm-16",
    "make": "make",
    "pahole": "pahole",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "zstd": "zstd",
}
MAKE = ("make", "-s", f"LLVM={LLVM}", "KBUILD_BUILD_USER=btfdump", "KBUILD_BUILD_HOST=samples")


class Built(NamedTuple):
    """A kernel that can boot, and the files with its DWARF."""

    kernel: KernelFiles
    debug_files: list[Path]


def missing_packages() -> list[str]:
    """Return the Debian packages that the build needs and this machine lacks."""
    programs = [package for name, package in NEEDED.items() if shutil.which(name) is None]
    return programs + ([] if Path("/usr/include/libelf.h").exists() else ["libelf-dev"])


def build(jobs: int) -> Built:
    """Return the tagged kernel, built once for a state of its sources; it takes an hour of CPU."""
    source = packages.find(SOURCE)
    files = [path for path in TAGGED.rglob("*") if path.is_file()]

    def make(into: Path) -> None:
        work = into.with_name("work")
        _compile(work, source, jobs)
        _collect(work, into)
        shutil.rmtree(work)

    key = cache.digest(files, source.version, LLVM)
    folder = cache.keep("tagged-kernel", key, make)
    release = (folder / "release").read_text().strip()
    garden = folder / "garden.ko"
    kernel = KernelFiles(release, folder / "bzImage", folder / "modules", (garden,))
    return Built(kernel, [folder / "vmlinux", garden])


def _compile(work: Path, package: Pin, jobs: int) -> None:
    work.mkdir()
    archive = packages.unpack(package, "./usr/src/")
    (archive,) = archive.rglob("linux-source-*.tar.xz")
    subprocess.run(["tar", "xf", archive, "-C", work], check=True)
    (source,) = work.iterdir()
    source = source.rename(work / "source")
    tag_source(source, TAGGED / "tags.toml")
    out = work / "out"
    out.mkdir()
    config = f"KCONFIG_ALLCONFIG={TAGGED / 'kernel.config'}"
    _make("-C", str(source), f"O={out}", config, "allnoconfig")
    _check_config(out / ".config")
    _make("-C", str(out), f"-j{jobs}", "bzImage", "modules")
    garden = shutil.copytree(TAGGED / "garden", work / "garden")
    _make("-C", str(out), f"M={garden}", "modules")


def _check_config(made: Path) -> None:
    """Complain of options that Kconfig did not take: what they depend on is missing."""
    taken = set(made.read_text().splitlines())
    wanted = (TAGGED / "kernel.config").read_text().splitlines()
    lost = [line for line in wanted if line.startswith("CONFIG_") and line not in taken]
    if lost:
        raise ValueError(f"kernel.config: not possible: {', '.join(lost)}")


def _collect(work: Path, into: Path) -> None:
    out = work / "out"
    into.mkdir()
    (into / "modules").mkdir()
    shutil.copy(out / "arch/x86/boot/bzImage", into)
    shutil.copy(out / "vmlinux", into)
    shutil.copy(work / "garden/garden.ko", into)
    shutil.copy(out / ".config", into / "config")
    shutil.copy(out / "include/config/kernel.release", into / "release")


def _make(*arguments: str) -> None:
    # LLVM=-16 appends the number to each tool's name; some tools look only for plain names.
    path = f"/usr/lib/llvm{LLVM}/bin:{os.environ['PATH']}"
    subprocess.run([*MAKE, *arguments], env={**os.environ, "PATH": path}, check=True)
