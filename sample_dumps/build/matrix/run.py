"""Boot one kernel of the matrix, dump it, and take its figures."""

from __future__ import annotations

import tempfile
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._api.opening import open_core
from btfdump._targets.dumpfile import sniff
from btfdump._targets.lostinfo import find_vmcoreinfo
from sample_dumps.build import kernels, packages, truth
from sample_dumps.build.compare import compare
from sample_dumps.build.guest import Guest

from . import tools
from .effect import effect_of
from .figures import MAX_EXAMPLES, Figures
from .modules import MODULES
from .places import by_btfdump, by_drgn
from .reading import read_all
from .survey import Survey

if TYPE_CHECKING:
    from collections.abc import Iterator

    import drgn

    from btfdump._api.kernel import Kernel

    from .catalogue import Entry

ESTATE = Path(__file__).with_name("estate.sh")
DRIVES = 3
DRIVE_BYTES = 400 << 20  # mkfs.xfs makes none below 300 MiB
# What the workload could not do: which BPF objects do not load here, which programs do not attach.
WORKLOAD = "grep -h 'does not' /run/workload/*.err"
# What only a guest that runs can tell.
SAID = ("package", "release", "modules", "estate")


def figures_of(entry: Entry, keep: Path | None = None, known: Figures | None = None) -> Figures:
    """Take all figures of one kernel; what fails is among them.

    With `keep`, the dump is left in that folder, and one that is there is read again: what its
    guest said is then taken from the figures that are `known`.
    """
    figures = Figures(entry.name, entry.pin.name, machine=entry.machine.architecture)
    with tempfile.TemporaryDirectory(prefix="btfdump-matrix-") as scratch:
        dump = (keep or Path(scratch)) / f"{entry.name}.elf"
        if known is not None and dump.exists():
            for name in SAID:
                setattr(figures, name, getattr(known, name))
        else:
            with _step(figures, "boot and dump"):
                _boot_and_dump(entry, figures, dump, Path(scratch))
        if not dump.exists():
            return figures
        prog = vmlinux = None
        if not entry.without_dwarf:
            with _step(figures, "DWARF"):
                vmlinux = kernels.vmlinux_of(entry.pin)
                prog = _open_by_drgn(entry, dump, vmlinux)
        symbols = vmlinux if entry.needs_vmlinux else None
        if prog is not None:
            with _step(figures, "compare with DWARF"):
                _compare(figures, dump, prog, symbols)
        with _step(figures, "open"), open_core(dump, vmlinux=symbols) as kernel:
            figures.tasks = sum(1 for _ in kernel.tasks())
            with _step(figures, "follow containers"):
                _survey(figures, kernel, prog)
            with _step(figures, "lines in effect"):
                figures.met, figures.dead = effect_of(kernel)
            with _step(figures, "roots and tables"):
                _read(figures, kernel)
    return figures


def _boot_and_dump(entry: Entry, figures: Figures, dump: Path, scratch: Path) -> None:
    pin = packages.find(entry.pin)
    figures.package = f"{pin.name} {pin.version}"
    kernel = kernels.files_of(pin, entry.machine, MODULES)
    figures.release = kernel.release
    drives = [scratch / f"drive{number}" for number in range(DRIVES)]
    for drive in drives:
        with drive.open("wb") as file:
            file.truncate(DRIVE_BYTES)
    with Guest(
        kernel,
        python=False,
        memory_mib=entry.memory_mib,
        drives=drives,
        archives=[tools.archive(entry.machine)],
    ) as guest:
        said = guest.run(ESTATE.read_text("utf-8"))
        figures.estate = said.stderr.decode(errors="replace").splitlines()
        figures.estate += guest.run(WORKLOAD).stdout.decode(errors="replace").splitlines()
        figures.modules = len(guest.check("cat /proc/modules").splitlines())
        guest.stop()
        guest.dump(dump)


def _open_by_drgn(entry: Entry, dump: Path, vmlinux: Path) -> drgn.Program:
    vmcoreinfo = None
    if not entry.machine.has_vmcoreinfo:
        vmcoreinfo = next(find_vmcoreinfo(sniff(dump)), None)
    return truth.open_dump(dump, vmlinux, vmcoreinfo=vmcoreinfo)


def _compare(figures: Figures, dump: Path, prog: drgn.Program, symbols: Path | None) -> None:
    known = truth.read_all(prog)
    for error in known["errors"]:
        figures.failures[f"ground truth: {error['part']}"] = error["trace"].splitlines()[-1]
    comparison = compare(dump, known, symbols)
    figures.compared = comparison.compared
    figures.meanings = comparison.meanings
    figures.different = len(comparison.differences)
    figures.differences = comparison.differences[:MAX_EXAMPLES]


def _survey(figures: Figures, kernel: Kernel, prog: drgn.Program | None) -> None:
    figures.slabs_by = "drgn" if prog is not None else "btfdump"
    find = by_drgn(prog) if prog is not None else by_btfdump(kernel)
    survey = Survey(kernel, find)
    for line, evidence in survey.run().items():
        figures.lines += bool(evidence.entries)
        figures.heads += evidence.heads
        figures.entries += evidence.entries
        figures.fitting += evidence.fitting
        figures.inside += evidence.inside
        figures.elsewhere += evidence.elsewhere
        if evidence.misfits:
            figures.misfits[line] = f"{evidence.misfits} of {evidence.entries}: {evidence.misfit}"
        if evidence.broken:
            figures.broken[line] = f"{evidence.broken} of {evidence.heads}: {evidence.damage}"
    figures.objects = survey.objects


def _read(figures: Figures, kernel: Kernel) -> None:
    for name, reading in read_all(kernel).items():
        figures.shown[name] = reading.shown
        if reading.notes:
            figures.notes[name] = dict(reading.notes.most_common(MAX_EXAMPLES))
        figures.unread |= reading.failed


@contextmanager
def _step(figures: Figures, what: str) -> Iterator[None]:
    """Run a step; one that fails is told among the figures, and the next is tried."""
    started = time.monotonic()
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a fault of btfdump's is what is looked for
        figures.failures[what] = f"{type(error).__name__}: {' '.join(str(error).split())}"
        traceback.print_exc()
    print(f"  {what}: {time.monotonic() - started:.1f} s", flush=True)
