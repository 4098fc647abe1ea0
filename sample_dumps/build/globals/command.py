"""`python -m sample_dumps.build globals`: make the table of globals, or measure it."""

from __future__ import annotations

import lzma
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from btfdump._annotate.global_types import GlobalTypes
from btfdump._api.opening import open_core
from btfdump._targets.elf import btf_section

from .dwarf import read_vmlinux
from .helpers import typed_of
from .measure import measure, measure_by_btf
from .sources import HELD_OUT, SOURCES
from .table import make_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._api.kernel import Kernel

    from .dwarf import Vmlinux
    from .sources import DebugPackage

SAMPLES = Path(__file__).parents[2]
TABLE = SAMPLES.parent / "btfdump" / "_annotate" / "globals.table"
DUMPS = (
    "tagged-6.12/vmcore",
    "stock-6.12/vmcore",
    "stock-7.3/vmcore",
    "s390x-6.12/vmcore.elf.xz",
)
"""Kernels that are measured by their BTF; clang built the first."""


def run(output: Path, *, measures: bool, leave_out: bool, only_list: bool) -> int:
    """Write the table to a file; or print how well the table there types kernels, or its sources.

    With `leave_out` each source is measured too, by a table that is made of the others.
    """
    if only_list:
        for package in (*SOURCES, *HELD_OUT):
            kind = "measured" if package in HELD_OUT else "read"
            print(f"{package.series:6} {package.architecture:6} {kind:9} {package.package}-dbg")
        return 0
    if not measures:
        data = make_table(list(_read(SOURCES)))
        output.write_bytes(data)
        table = GlobalTypes(data)
        print(f"{output}: {len(table.names())} names, {len(data)} bytes", file=sys.stderr)
        return 0
    if not output.exists():
        print(
            f"{output}: no such table to measure; make it first, without --measure", file=sys.stderr
        )
        return 2
    table = GlobalTypes(output.read_bytes())
    print(_HEAD)
    for package in HELD_OUT:
        _print(package, package.vmlinux(), table, "")
    if leave_out:
        kernels = list(_read(SOURCES))
        for package, _ in kernels:
            others = [kernel for kernel in kernels if kernel[0] is not package]
            _print(package, package.vmlinux(), GlobalTypes(make_table(others)), ", left out")
    print(_HEAD_OF_DUMPS)
    for dump in DUMPS:
        _print_dump(dump, table)
    return 0


def _read(packages: Iterable[DebugPackage]) -> Iterator[tuple[DebugPackage, Vmlinux]]:
    for package in packages:
        print(f"{package.package}-dbg {package.version}", file=sys.stderr)
        yield package, read_vmlinux(package.vmlinux())


_HEAD = (
    "| kernel | names | typed the same | not known | refused | different | of several symbols "
    "| arrays of the same length |\n|---|---|---|---|---|---|---|---|"
)


def _print(package: DebugPackage, path: Path, table: GlobalTypes, remark: str) -> None:
    btf = btf_section(path)
    vmlinux = read_vmlinux(path)
    found = measure(vmlinux, btf, table)
    exact, arrays = found.lengths
    print(
        f"| {vmlinux.release} {vmlinux.machine}{remark} | {found.total} "
        f"| {found.same} ({100 * found.same / found.total:.2f} %) | {len(found.unknown)} "
        f"| {len(found.refused)} | {len(found.different)} | {found.shared} "
        f"| {exact} of {arrays} |",
        flush=True,
    )
    _tell("different", found.different)
    _tell("refused", found.refused)


_HEAD_OF_DUMPS = (
    "\n| dump | per-CPU variables of its BTF | typed the same | not known | refused | different "
    "| of drgn's helpers' variables, typed |\n|---|---|---|---|---|---|---|"
)


def _print_dump(dump: str, table: GlobalTypes) -> None:
    with _opened(SAMPLES / dump) as kernel:
        found = measure_by_btf(kernel, table)
        typed, untyped = typed_of(kernel)
        print(
            f"| {dump.partition('/')[0]}, {kernel.release} {kernel.target.platform.machine} "
            f"| {found.total} | {found.same} | {len(found.unknown)} | {len(found.refused)} "
            f"| {len(found.different)} | {len(typed)} of {len(typed) + len(untyped)} |"
        )
    _tell("different", found.different)
    _tell("refused", found.refused)
    _tell("of drgn's helpers", untyped)


@contextmanager
def _opened(path: Path) -> Iterator[Kernel]:
    with TemporaryDirectory() as folder:
        if path.suffix == ".xz":
            unpacked = Path(folder) / path.stem
            with lzma.open(path) as packed, unpacked.open("wb") as out:
                shutil.copyfileobj(packed, out)
            path = unpacked
        with open_core(path) as kernel:
            yield kernel


def _tell(what: str, texts: dict[str, str]) -> None:
    names: Sequence[str] = sorted(texts)
    for name in names:
        print(f"{what}: {name}: {texts[name]}", file=sys.stderr)
