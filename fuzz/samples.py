"""The sample dumps: unpacked once, opened once in each process, and what is true of them."""

from __future__ import annotations

import atexit
import json
import lzma
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[1] / "sample_dumps"
NAMES = ("tagged-6.12", "stock-6.12", "stock-7.3", "s390x-6.12", "filtered")
_PACKED = {
    "s390x-6.12": SAMPLES / "s390x-6.12" / "vmcore.elf.xz",
    "filtered": SAMPLES.parent / "tests" / "data" / "formats" / "filtered.elf.xz",
}
_TRUTH = {"filtered": "tagged-6.12"}


@cache
def room() -> Path:
    """Return a folder for this run: in memory, where there is such a place."""
    memory = Path("/dev/shm")
    parent = memory if memory.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="btfdump-fuzz-", dir=parent))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def path(name: str) -> Path:
    """Return the file of a sample."""
    packed = _PACKED.get(name)
    if packed is None:
        return SAMPLES / name / "vmcore"
    file = room() / name
    with lzma.open(packed) as source, file.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    return file


@cache
def truth(name: str) -> Any:
    """Return what drgn read through DWARF of a sample, before it was filtered."""
    file = SAMPLES / _TRUTH.get(name, name) / "ground-truth.json.xz"
    with lzma.open(file, "rt") as packed:
        return json.load(packed)
