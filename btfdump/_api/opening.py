"""Opening a kernel: a vmcore, the running one, a QEMU guest; with its BTF, or that of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._annotate.grammar import with_keyword
from btfdump._annotate.summaries import bad_summary
from btfdump._api.kernel import Kernel
from btfdump._btf import cache as indexcache
from btfdump._btf.reader import Btf
from btfdump._kernel.value_at import value_at
from btfdump._targets.base import problems_of
from btfdump.errors import AmbiguousTypeError, BtfdumpError, TargetError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from btfdump._annotate.overlay import Overlay
    from btfdump._targets.memory import Target


def open_core(
    path: str | Path,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
    cache: bool = False,
) -> Kernel:
    """Open a vmcore. No debuginfo is needed: the types come from the BTF in the dump's own memory.

    `btf` (a raw blob or an ELF file) and `vmlinux` (an ELF file, for symbols too) replace what the
    dump lacks. `overlays` are TOML files of annotations, the first with the most authority. With
    `cache`, the index of the BTF is kept on disk for the next time (btfdump/_btf/cache.py).

    Raises `TargetError` if the file is not a vmcore or cannot be opened, `MissingDataError` if it
    lacks VMCOREINFO, symbols or BTF, `BtfFormatError` if its BTF is malformed,
    `AnnotationError` if an overlay is wrong, and `TypeError` for overlays that are no list.
    """
    from btfdump._targets.via_drgn import open_core as target_of

    return open_target(lambda: target_of(path, vmlinux=vmlinux), btf, vmlinux, overlays, cache)


def open_live(
    via: str | None = None,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
    cache: bool = False,
) -> Kernel:
    """Open the running kernel through /proc/kcore or BPF, or through whichever of them works.

    `via` is "kcore" (needs root), "bpf" (needs CAP_BPF, CAP_PERFMON and CAP_SYSLOG), or None for
    the first that works; the other parameters are those of `open_core()`. Raises `TargetError`,
    which says what is in the way and what to do, `ValueError` for another `via`, and what
    `open_core()` raises.
    """
    from btfdump._targets.sources import open_live as target_of

    return open_target(lambda: target_of(via, vmlinux=vmlinux), btf, vmlinux, overlays, cache)


def open_qemu(
    socket: str | Path,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
    cache: bool = False,
) -> Kernel:
    """Attach to a QEMU guest by its QMP socket: a path, or HOST:PORT. The guest stops for a moment.

    The other parameters are those of `open_core()`. Raises `TargetError`, which says what is in the
    way and what to do, `MissingDataError` if the guest has left no VMCOREINFO with QEMU, and what
    `open_core()` raises.
    """
    from btfdump._targets.via_drgn.qemu import open_qemu as target_of

    return open_target(lambda: target_of(socket, vmlinux=vmlinux), btf, vmlinux, overlays, cache)


def open_target(
    make: Callable[[], Target],
    btf: str | Path | None,
    vmlinux: str | Path | None,
    overlays: Iterable[str | Path],
    cache: bool,
) -> Kernel:
    """Open a target and make a kernel of it; close the target again if that fails."""
    from btfdump._annotate.overlay import Overlay
    from btfdump._kernel.arguments import paths

    loaded = [Overlay.load(overlay) for overlay in paths(overlays, "overlays")]
    target = make()
    try:
        given = btf if btf is not None else vmlinux
        if given is not None:
            from btfdump._api.btffile import split_on
            from btfdump._btf.join import join
            from btfdump._btf.wire import is_split
            from btfdump._targets.elf import read_btf_file

            data = read_btf_file(given, of_kernel=True)
            if is_split(data, str(given)):  # tags alone: `btfdump annotations encode --split`
                whole = Btf.from_bytes(target.btf_bytes(), name="vmlinux", check=False)
                remedy = f"give one that was made for this kernel, {target.release}"
                data = join(split_on(Path(given), data, whole, remedy=remedy))
        else:
            data = target.btf_bytes()
        # Kernel BTF is checked record by record, when looked at: a full check costs a cold start.
        index = indexcache.load(data) if cache else None
        source = str(given) if given is not None else ""
        parsed = Btf.from_bytes(data, name="vmlinux", check=False, index=index, source=source)
        kernel = Kernel(target, parsed, loaded)
        kernel.problems += problems_of(target)
        kernel._is_to_be_kept = cache and index is None
        if given is not None:
            _check_btf(kernel, str(given))
        for overlay in loaded:
            kernel.problems += _misfits(kernel, overlay)
        return kernel
    except BaseException:
        target.close()
        raise


_SECTIONS_OF_PROGRAMS = (".maps", "license", ".kconfig", ".ksyms", ".struct_ops")
"""Sections of variables that libbpf loads BPF programs by; no kernel's image has any of them."""


def _check_btf(kernel: Kernel, source: str) -> None:
    """Raise `TargetError` if types from elsewhere are obviously not those of this kernel.

    `source` names them in the message. Every kernel has `comm` and `tasks` in its `task_struct`;
    BPF programs have what they use of it. The first task is called `swapper` (init/init_task.c);
    read through a foreign `task_struct` it hardly is. If that task cannot be read, nothing more is
    raised.
    """
    lacks = _lacks_of_task(kernel)
    sections = [name for name in _SECTIONS_OF_PROGRAMS if kernel.btf.find_all("datasec", name)]
    if lacks or sections:
        why = (
            f"has no {lacks}, as the BTF of a BPF program"
            if lacks
            else f"describes section {sections[0]}, so that it is that of a BPF program"
        )
        raise TargetError(
            f"{source}: is not the BTF of a kernel: it {why}; give that of this kernel, "
            f"{kernel.release}, which is /sys/kernel/btf/vmlinux where it runs"
        )
    try:
        task = kernel.own_type("struct task_struct")  # whether or not there is room for it
        comm = value_at(kernel, task, kernel.own_symbol("init_task")).comm.string_()
    except BtfdumpError:
        return
    if not comm.startswith("swapper"):
        raise TargetError(
            f"{source}: is not the BTF of this kernel, {kernel.release}: by it init_task "
            f'is called "{comm}", expected "swapper"; give that of the very same build'
        )


def _lacks_of_task(kernel: Kernel) -> str:
    """Return what the BTF lacks that every kernel's has: a struct, or members of it; or ""."""
    try:
        struct = kernel.struct("task_struct")
    except TypeNotFoundError:
        return "struct task_struct"
    except AmbiguousTypeError:  # said where it is asked for
        return ""
    missing = [name for name in ("comm", "tasks") if name not in struct]
    return f"{' and '.join(missing)} in struct task_struct" if missing else ""


def _misfits(kernel: Kernel, overlay: Overlay) -> list[str]:
    """Return a text for what an overlay says of structs or members that a kernel does not have."""
    from btfdump._annotate.applying import INTEREST, scalar_problems  # few have overlays

    problems = []
    interests = (name for table in INTEREST for name in overlay.interests(table))
    for name in dict.fromkeys((*overlay.structs(), *overlay.summaries(), *interests)):
        found = kernel.lookup.structs(name, kernel.btf)
        if not found:
            where = "in the BTF of this kernel or its modules"
            problems.append(f"{overlay.source}: no {with_keyword(name)} {where}")
        # Those of a summary are noted where all of an object is shown, which it seldom is.
        wrong = [bad_summary(overlay, struct, name, kernel.lookup) for struct in found]
        fewest: list[str] = min(wrong, key=len, default=[])
        problems += fewest
    meanings = kernel.annotations.meanings
    return problems + scalar_problems(overlay, kernel.lookup, kernel.btf, meanings)
