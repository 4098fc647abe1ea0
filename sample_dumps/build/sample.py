"""Build one sample dump: boot, dump, read the ground truth, shrink, compare."""

from __future__ import annotations

import json
import lzma
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import truth
from .compare import MAX_SHOWN, compare
from .guest import Guest
from .shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .kernels import KernelFiles


# What the guest itself says of its state, for whoever doubts the ground truth.
WITNESSES = {
    "stat": "cat /proc/[0-9]*/task/*/stat",
    "modules": "cat /proc/modules",
    "mounts": "cat /proc/self/mountinfo",
    "tcp": "cat /proc/net/tcp",
    "unix": "cat /proc/net/unix",
    "iomem": "cat /proc/iomem",
    "maps": "bpftool map show -j",
    "programs": "bpftool prog show -j",
}


def build(folder: Path, kernel: KernelFiles, debug_files: Sequence[Path], memory_mib: int) -> int:
    """Write vmcore, ground-truth.json.xz and guest.json.xz; return an exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    vmcore = folder / "vmcore"
    with tempfile.TemporaryDirectory(prefix="btfdump-sample-") as scratch:
        full = Path(scratch) / "vmcore.elf"
        with _step("boot and dump"):
            said = _boot_and_dump(kernel, full, memory_mib)
        with _step("ground truth by drgn and DWARF"):
            known = truth.read(full, *debug_files)
        with _step("shrink"):
            written, dropped = shrink(full, vmcore)
        print(f"  {full.stat().st_size:,} bytes -> {written.size:,}; pages kept: {written.kept:,},")
        print(f"  {written.unique:,} of them different; left out: {dict(dropped)}")
    with _step("compare"):
        comparison = compare(vmcore, known)
    print(f"  {comparison.compared:,} compared, {len(comparison.differences):,} different")
    print(*comparison.differences[:MAX_SHOWN], sep="\n", end="")
    for error in known["errors"]:
        print(f"ground truth lacks {error['part']}:\n{error['trace']}")
    _write(folder / "ground-truth.json.xz", known)
    _write(folder / "guest.json.xz", said)
    return 1 if comparison.differences or known["errors"] else 0


def _boot_and_dump(kernel: KernelFiles, out: Path, memory_mib: int) -> dict[str, Any]:
    with Guest(kernel, python=False, memory_mib=memory_mib) as guest:
        said = {"bpf": guest.workload()}
        for name, command in WITNESSES.items():
            said[name] = guest.check(command).decode(errors="replace")
        said["console"] = guest.console()
        guest.stop()
        guest.dump(out)
    return said


def _write(path: Path, document: Any) -> None:
    with lzma.open(path, "wt", encoding="ascii", preset=6) as out:
        json.dump(document, out)


@contextmanager
def _step(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(what, flush=True)
    yield
    print(f"  {time.monotonic() - started:.1f} s", flush=True)
