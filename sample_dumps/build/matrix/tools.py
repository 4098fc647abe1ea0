"""Programs of Debian's for guests of any machine: what makes file systems and nftables rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sample_dumps.build import cache, packages
from sample_dumps.build.apt import private
from sample_dumps.build.cpio import Archive

if TYPE_CHECKING:
    from sample_dumps.build.machines import Machine

SUITE = "bookworm"
PROGRAMS = {
    "nftables": ("usr/sbin/nft",),
    "e2fsprogs": ("sbin/mke2fs",),
    "xfsprogs": ("sbin/mkfs.xfs",),
    "btrfs-progs": ("bin/btrfs", "sbin/mkfs.btrfs"),
}
# What those need, libc6 with its loader first.
LIBRARIES = (
    *("libc6", "libnftables1", "libmnl0", "libnftnl11", "libxtables12", "libgmp10", "libjansson4"),
    *("libedit2", "libbsd0", "libmd0", "libtinfo6", "libext2fs2", "libcom-err2", "libss2"),
    *("libblkid1", "libuuid1", "libinih1", "liburcu8", "libudev1", "liblzo2-2", "zlib1g"),
    *("libzstd1", "libcap2"),
)


def archive(machine: Machine) -> Path:
    """Return an archive of the programs and their libraries, for a guest to unpack."""
    apt = private(machine.architecture)
    pins = packages.newest((*PROGRAMS, *LIBRARIES), apt, SUITE)

    def make(into: Path) -> None:
        out = Archive()
        for name, pin in pins.items():
            root = packages.unpack(pin)
            for program in PROGRAMS.get(name, ()):
                out.add(program, _program(root, program), executable=True)
            if name not in PROGRAMS:
                _add_libraries(out, root)
        with into.open("wb") as file:
            out.write(file)

    versions = [f"{pin.name} {pin.version}" for pin in pins.values()]
    key = cache.digest([Path(__file__)], machine.architecture, *versions)
    return cache.keep("tools.cpio", key, make)


def _program(root: Path, name: str) -> Path:
    found = root / name
    return found if found.exists() else root / "usr" / name


def _add_libraries(out: Archive, root: Path) -> None:
    for path in sorted(root.rglob("*.so*")):
        if "gconv" in path.parts or "audit" in path.parts:
            continue
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            out.add_link(name, str(path.readlink()))
        elif path.is_file():
            out.add(name, path, executable=True)
