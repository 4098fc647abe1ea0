"""Kernel: the opened thing. Memory, types and annotations of one kernel, and its roots."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from btfdump.bpf.map_types import MapTypes
from btfdump.bpf.program_btf import KernelBtfs
from btfdump.btf import cache as indexcache
from btfdump.btf import types
from btfdump.btf.reader import Btf
from btfdump.errors import BtfdumpError, FaultError, TargetError
from btfdump.graph.limits import Limits
from btfdump.graph.traverse import traverse
from btfdump.kernel.context import Context
from btfdump.kernel.modules import LoadedModules
from btfdump.kernel.pointers import pointer_space, read_string
from btfdump.kernel.value import Value
from btfdump.render import Options, Root, get
from btfdump.roots import global_value
from btfdump.roots.task import task, tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from btfdump.annotate.overlay import Overlay
    from btfdump.bpf.subsystem import Bpf
    from btfdump.kernel.slab import SlabFinder
    from btfdump.render import Format, Renderer
    from btfdump.render.plain import Formatter
    from btfdump.targets.memory import Target


class Kernel(Context):
    """One kernel, live or dead: a context manager.

    Made by `open_core()`, or from a `Target` and a `Btf` (tests, other sources of memory).
    """

    def __init__(self, target: Target, btf: Btf, overlays: Iterable[Overlay] = ()) -> None:
        super().__init__(target, btf, overlays)
        self._formatter: Formatter | None = None
        self.problems: list[str] = []
        self.is_to_be_kept = False
        self.forget()

    def forget(self) -> None:
        """Drop what may have changed since it was read: modules, maps, and their BTF.

        Values that were read keep what they read.
        """
        self.kernel_btfs: KernelBtfs = KernelBtfs(self)
        self.map_types: MapTypes = MapTypes(self, self.kernel_btfs)
        self.loaded_modules = LoadedModules(self, self.__getitem__, self.kernel_btfs)
        self.modules = self.loaded_modules

    @cached_property
    def bpf(self) -> Bpf:
        """What BPF keeps in this kernel: maps, programs, links, BTF."""
        from btfdump.bpf.subsystem import Bpf

        return Bpf(self, lambda: self.kernel_btfs)  # another one after forget()

    @cached_property
    def slabs(self) -> SlabFinder:
        """What finds the slab object around an address; looks nothing up until it is asked."""
        from btfdump.kernel.slab import SlabFinder

        return SlabFinder(self)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the dump; values that were not read yet cannot be read any more."""
        self.target.close()
        if self.is_to_be_kept:  # now that nobody waits for it
            self.is_to_be_kept = False
            indexcache.store(self.btf)

    def check_btf(self, source: str) -> None:
        """Raise `TargetError` if types from elsewhere plainly are not those of this kernel.

        The first task is called `swapper` (init/init_task.c); read through a foreign
        `task_struct` it hardly is. Where that task cannot be read, nothing is said.
        """
        try:
            comm = self["init_task"].comm.string_()
        except BtfdumpError:
            return
        if not comm.startswith("swapper"):
            raise TargetError(
                f"{source}: is not the BTF of this kernel, {self.target.release}: by it init_task "
                f'is called "{comm}", expected "swapper"; give that of the very same build'
            )

    def unknown_structs(self, overlay: Overlay) -> list[str]:
        """Say which structs an overlay has entries for that this kernel's BTF does not know."""
        return [
            f"{overlay.source}: no struct {name} in the BTF of this kernel or its modules"
            for name in overlay.structs()
            if not self._find_structs(name, self.btf, True)
        ]

    def __repr__(self) -> str:
        return f"<Kernel {self.target.release or '?'}: {self.target.description}>"

    @property
    def release(self) -> str:
        """Kernel release, as in `uname -r`."""
        return self.target.release

    def __getitem__(self, name: str) -> Value:
        """Return the global variable `name`, typed by BTF or by the table of declared globals.

        Raises `SymbolNotFoundError`, or `ExpressionError` where its type is not known.
        """
        return global_value(self, name)

    def value(self, type_: str, address: int) -> Value:
        """Return the object of C type `type_` (`struct foo`, `pid_t`) at virtual `address`."""
        return Value(self, self.type(type_), address)

    def task(self, pid: int) -> Value:
        """Return the task (thread) with that id in the initial pid namespace, 0: `init_task`.

        Raises `ObjectNotFoundError` if there is none.
        """
        return task(self, pid)

    def tasks(self) -> Iterator[Value]:
        """Yield every task, threads included, idle tasks excluded.

        Raises `CorruptDataError` at the end where the lists are damaged; all that can be reached
        has been yielded by then.
        """
        return tasks(self)

    def per_cpu(self, value: Value, cpu: int) -> Value:
        """Return one CPU's instance of a per-CPU variable, or of a `__percpu` pointer's target.

        `value` is that of `kernel["runqueues"]`, or a pointer. Mirrors per_cpu() and per_cpu_ptr()
        (include/linux/percpu-defs.h). Raises IndexError for a CPU there is not.
        """
        offsets = self.target.per_cpu_offsets
        if not 0 <= cpu < len(offsets):
            raise IndexError(f"CPU {cpu}: this kernel has CPUs 0 to {len(offsets) - 1}")
        pointer = value.type_.btf.skip_modifiers(value.type_)
        if isinstance(pointer, types.Ptr) and pointer_space(pointer, value.facts_) == "percpu":
            return Value(self, self.pointee(pointer), self.wrap(int(value) + offsets[cpu]))
        return Value(self, value.type_, self.wrap(value.address_ + offsets[cpu]))

    def dump(
        self, value: Value, format: Format | Renderer = "text", limits: Limits | None = None
    ) -> Iterator[str]:
        """Render `value` and what it leads to; yields pieces of text to be written one by one.

        `format` is the name of a format, or a renderer of your own. `limits` bounds what is shown,
        by default as the command line does. Raises `ExpressionError` for a format that does not
        exist. Bad memory is a note in the text, never an exception.
        """
        limits = limits or Limits()
        render = get(format) if isinstance(format, str) else format
        events = traverse(value, limits)
        return render([Root(events)], self.options(limits=limits))

    def format(self, value: Value, *, zero: bool = False) -> str:
        """Return one object as C-like text, nothing followed, as drgn's `format_()` does.

        `zero` shows zero members too. The formatter of a type that comes often is compiled. Raises
        `FaultError`.
        """
        if self._formatter is None:
            from btfdump.render.plain import Formatter

            self._formatter = Formatter(self.layouts)
        return self._formatter.text(value.layout_, value.bytes_(), zero=zero)

    def slab_object(self, address: int) -> str | None:
        """Say which slab object an address lies in: `slab kmalloc-64, object 0x...+0x8`."""
        return self.slabs.describe(address) if self.infers else None

    def _cpus(self) -> int:
        try:
            return len(self.target.per_cpu_offsets)
        except BtfdumpError:  # a heading is no reason to fail
            return 0

    def options(
        self,
        *,
        zero: bool = False,
        color: bool = False,
        limits: Limits | None = None,
        compact: bool = False,
        noname: bool = False,
        ptr_raw: bool = False,
    ) -> Options:
        """Return what a renderer needs to know of this kernel."""
        limit = (limits or Limits()).string

        def string_at(address: int) -> str | None:
            try:
                data = read_string(self, address, limit)
            except FaultError:
                return None
            text = data.decode("utf-8", "backslashreplace")
            return text if text and text.isprintable() else None

        return Options(
            symbolize=self.symbolize,
            locate=self.slab_object,
            string_at=string_at,
            zero=zero,
            color=color,
            string=limit,
            source=self.target.description,
            release=self.target.release,
            cpus=self._cpus(),
            compact=compact,
            noname=noname,
            ptr_raw=ptr_raw,
        )


def open_core(
    path: str | Path,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
    cache: bool = False,
) -> Kernel:
    """Open a vmcore. No debuginfo is needed: types come from the BTF in the dump's own memory.

    `btf` (a raw blob or an ELF file) and `vmlinux` (an ELF file, for symbols too) replace what the
    dump lacks; `overlays` are TOML files of annotations. With `cache` the index of the BTF is kept
    for the next time (btfdump/btf/cache.py). Raises `TargetError` and its kin, `BtfFormatError`,
    `AnnotationError`.
    """
    from btfdump.targets.via_drgn import open_core as open_target

    return _open(lambda: open_target(path, vmlinux=vmlinux), btf, vmlinux, overlays, cache)


def open_live(
    via: str | None = None,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
    cache: bool = False,
) -> Kernel:
    """Open the running kernel: `via` "kcore" (needs root), or the first source that can be read.

    Raises `TargetError` saying what is in the way, and what to do; otherwise as `open_core()`.
    """
    from btfdump.targets.sources import open_live as open_target

    return _open(lambda: open_target(via, vmlinux=vmlinux), btf, vmlinux, overlays, cache)


def open_qemu(
    socket: str | Path,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Iterable[str | Path] = (),
    cache: bool = False,
) -> Kernel:
    """Attach to a QEMU guest by its QMP socket: a path, or HOST:PORT. The guest stops for a moment.

    Raises `TargetError` saying what is in the way, and what to do; otherwise as `open_core()`.
    """
    from btfdump.targets.via_drgn.qemu import open_qemu as open_target

    return _open(lambda: open_target(socket, vmlinux=vmlinux), btf, vmlinux, overlays, cache)


def _open(
    open_target: Callable[[], Target],
    btf: str | Path | None,
    vmlinux: str | Path | None,
    overlays: Iterable[str | Path],
    cache: bool,
) -> Kernel:
    """Open a target, and what the kernel in it is to be seen by; close it again if that fails."""
    from btfdump.annotate.overlay import Overlay

    loaded = [Overlay.load(overlay) for overlay in overlays]
    target = open_target()
    try:
        given = btf if btf is not None else vmlinux
        if given is not None:
            from btfdump.btf.join import is_split, join
            from btfdump.targets.elf import read_btf_file

            data = read_btf_file(given)
            if is_split(data):  # tags alone: `btfdump annotations encode --split`
                data = join(target.btf_bytes(), data)
        else:
            data = target.btf_bytes()
        # Kernel BTF is checked record by record, when looked at: a full check costs a cold start.
        index = indexcache.load(data) if cache else None
        parsed = Btf.from_bytes(data, name="vmlinux", check=False, index=index)
        kernel = Kernel(target, parsed, loaded)
        kernel.is_to_be_kept = cache and index is None
        if given is not None:
            kernel.check_btf(str(given))
        for overlay in loaded:
            kernel.problems += kernel.unknown_structs(overlay)
        return kernel
    except BaseException:
        target.close()
        raise
