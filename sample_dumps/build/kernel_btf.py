"""The BTF of a packaged kernel and of all its modules, as a folder like /sys/kernel/btf.

`python -m sample_dumps.build coverage` counts with it how many of their containers are typed.
"""

from __future__ import annotations

import io
import lzma
import os
import re
import subprocess
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from . import cache, kernels
from .packages import PackageError, find

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .kernels import KernelFiles

DEFAULT = ("6.1-generic", "6.12-generic", "7.3-generic")
"""The kernels of the matrix that the figures in docs/annotations.md are of."""


_FORMATS = {b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b\x08": "gzip"}
_MAX_TRIED = 64
"""How often one of these may begin by chance."""


def run(names: Sequence[str], *, unknown: bool) -> int:
    """Print the coverage of kernels: of the matrix, by name, or of what lies at a path."""
    from btfdump._api.headcount import headcount
    from btfdump._render.headcount import render_text

    def complain(problem: str) -> None:
        print(problem, file=sys.stderr)

    for name in names or DEFAULT:
        try:
            place = _place_of(name)
        except PackageError as error:
            complain(str(error))
            return 1
        counts = headcount(str(place), complain=complain)
        sys.stdout.writelines(render_text(name, counts, unknown=unknown))
        sys.stdout.flush()
    return 0


def _place_of(name: str) -> Path:
    """Return what the name of a kernel of the matrix, or a path, means: a file or folder of BTF."""
    from .matrix.catalogue import BY_NAME

    path = Path(name)
    if name in BY_NAME:
        pin = find(BY_NAME[name].pin)
        files = kernels.files_of(pin, BY_NAME[name].machine)
        return _folder(f"{pin.name}_{pin.version}", files)
    if path.is_dir() and not (path / "vmlinux").exists():
        files = kernels.files_in([path], name)
        return _folder(f"{path.name}-{cache.digest([files.image])}", files)
    if path.exists():
        return path
    raise PackageError(f"{name}: no such file, nor a kernel of the matrix: {', '.join(BY_NAME)}")


def _folder(key: str, files: KernelFiles) -> Path:
    return cache.keep("btf", key, lambda into: extract(files, into), versions=16)


def extract(files: KernelFiles, into: Path) -> None:
    """Write the BTF of a kernel into a new folder as `vmlinux`, and that of each module."""
    into.mkdir()
    kernel = _btf(kernel_of(files.image.read_bytes(), files.image.name))
    if kernel is None:
        raise PackageError(f"{files.image.name} has no BTF")
    (into / "vmlinux").write_bytes(kernel)
    modules = sorted(files.modules.rglob("*.ko*"))
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        found = workers.map(_of_module, modules, chunksize=32)
        for module, data in zip(modules, found, strict=True):
            if data is not None:
                name = module.name.partition(".")[0].replace("-", "_")
                (into / name).write_bytes(data)


def kernel_of(image: bytes, name: str) -> bytes:
    """Return the ELF file that is compressed in a kernel's image; raises `PackageError`."""
    for found in islice(re.finditer(b"|".join(map(re.escape, _FORMATS)), image), _MAX_TRIED):
        plain = _unpack(_FORMATS[found[0]], image[found.start() :])
        if plain.startswith(b"\x7fELF"):
            return plain
    raise PackageError(f"{name} has no kernel compressed by {', '.join(_FORMATS.values())}")


def _unpack(kind: str, data: bytes) -> bytes:
    """Return what is compressed at the start of some bytes, nothing if it is not."""
    try:
        if kind == "xz":
            return lzma.LZMADecompressor().decompress(data)
        if kind == "gzip":
            return zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data)
    except (lzma.LZMAError, zlib.error):
        return b""
    # What follows is no part of it: the command says so, after what it has written.
    return subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=False).stdout


def _of_module(path: Path) -> bytes | None:
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return _btf(data)


def _btf(elf: bytes) -> bytes | None:
    section = ELFFile(io.BytesIO(elf)).get_section_by_name(".BTF")
    return section.data() if section is not None else None
