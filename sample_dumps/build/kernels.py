"""The kernels that guests boot, and the modules they need."""

from __future__ import annotations

import io
import lzma
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from . import packages
from .machines import AMD64, Machine
from .packages import PackageError, Pin

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DEBIAN = {
    "6.1": Pin(
        "linux-image-6.1.0-55-cloud-amd64", "6.1.192-1", r"linux-image-6\.1\.0-\d+-cloud-amd64"
    ),
    "6.12": Pin(
        "linux-image-6.12.117+deb12-cloud-amd64",
        "6.12.117-1~deb12u1",
        r"linux-image-6\.12\.\d+\+deb1[23]-cloud-amd64",
    ),
}
"""The kernels that all tests boot: the smallest."""


@dataclass(frozen=True)
class KernelFiles:
    """A kernel that is not installed anywhere."""

    release: str
    image: Path
    modules: Path
    """The folder that holds `kernel/` and modules.builtin."""
    extra_modules: tuple[Path, ...] = ()
    """Modules of our own, loaded last."""
    machine: Machine = AMD64
    more_modules: tuple[str, ...] = ()
    """Names of modules to load beyond those that every guest needs."""


def debian(version: str) -> KernelFiles:
    """Return Debian's cloud kernel of a series: "6.1" or "6.12"."""
    return files_of(DEBIAN[version])


def files_of(pin: Pin, machine: Machine = AMD64, more_modules: tuple[str, ...] = ()) -> KernelFiles:
    """Return the files of a package with a kernel.

    Since Linux 6.19 Debian's linux-image-X is empty, and depends on linux-binary-X and
    linux-modules-X. Raises PackageError.
    """
    found = packages.find(pin)
    roots = [packages.unpack(found)]
    if not _image(roots):
        for part in ("binary", "modules"):
            name = found.name.replace("linux-image-", f"linux-{part}-", 1)
            roots.append(packages.unpack(replace(found, name=name)))
    return files_in(roots, f"{found.name} {found.version}", machine, more_modules)


def files_in(
    roots: Iterable[Path],
    name: str,
    machine: Machine = AMD64,
    more_modules: tuple[str, ...] = (),
) -> KernelFiles:
    """Return the files of a kernel in unpacked packages; `name` is for the `PackageError`."""
    roots = tuple(roots)
    image = _image(roots)
    if image is None:
        raise PackageError(f"{name} has no kernel")
    release = image.name.partition("-")[2] or image.parent.name
    modules = _modules(roots, release)
    return KernelFiles(release, image, modules, (), machine, more_modules)


def debian_vmlinux(version: str) -> Path:
    """Return the vmlinux with DWARF of the kernel that `debian` returns: a download of 300 MB."""
    return vmlinux_of(DEBIAN[version])


def _image(roots: Iterable[Path]) -> Path | None:
    places = ("boot/vmlinu[xz]-*", "usr/lib/modules/*/vmlinu[xz]")
    return next((path for root in roots for place in places for path in root.glob(place)), None)


def _modules(roots: Iterable[Path], release: str) -> Path:
    """Return the folder with `kernel/`; the lists of modules may come in another package."""
    found = [path for root in roots for path in root.glob(f"*/**/modules/{release}")]
    with_files = [path for path in found if (path / "kernel").is_dir()]
    if not with_files:
        raise PackageError(f"no modules of {release} in its packages")
    return with_files[0]


def vmlinux_of(pin: Pin) -> Path:
    """Return the vmlinux with DWARF of the kernel that `files_of` returns."""
    image = packages.find(pin)
    debug = Pin(f"{image.name}-dbg", image.version, f"{image.family}-dbg", image.apt)
    folder = packages.unpack(debug, "./usr/lib/debug/*vmlinux*")
    # In boot/, or beside the modules with a link to it from boot/.
    files = (path for path in folder.rglob("vmlinux*") if path.is_file() and not path.is_symlink())
    return next(files)


def module_files(kernel: KernelFiles, names: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return (file name, ELF bytes) of modules and what they depend on, in loading order.

    The kernel's extra modules come last. A name that is built in, or that this kernel does not
    have, is left out.
    """
    builtin = {_plain(line) for line in _builtin_lines(kernel)}
    known = {_plain(path.name): path for path in kernel.modules.rglob("*.ko*")}
    order: dict[str, bytes] = {}
    for name in names:
        _add_module(name.replace("-", "_"), known, builtin, order)
    order |= {_plain(path.name): path.read_bytes() for path in kernel.extra_modules}
    return [(f"{index:03}-{name}.ko", data) for index, (name, data) in enumerate(order.items())]


def _add_module(
    name: str, known: dict[str, Path], builtin: set[str], order: dict[str, bytes]
) -> None:
    if name in builtin or name in order or name not in known:
        return
    path = known[name]
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    # Module dependencies have no cycles, and are a few levels deep.
    for needed in _depends(data):
        _add_module(needed, known, builtin, order)
    order[name] = data


def _depends(module: bytes) -> list[str]:
    section = ELFFile(io.BytesIO(module)).get_section_by_name(".modinfo")
    fields = section.data().split(b"\0") if section else []
    for field in fields:
        key, _, value = field.partition(b"=")
        if key == b"depends" and value:
            return [name.replace("-", "_") for name in value.decode().split(",")]
    return []


def _builtin_lines(kernel: KernelFiles) -> list[str]:
    return [line.rpartition("/")[2] for line in _read(kernel.modules / "modules.builtin")]


def _read(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _plain(file_name: str) -> str:
    return file_name.partition(".")[0].replace("-", "_")
