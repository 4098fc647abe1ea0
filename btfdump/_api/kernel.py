"""Kernel: an opened kernel with its memory, types, annotations and roots."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from btfdump._bpf.map_types import MapTypes
from btfdump._bpf.program_btf import KernelBtfs
from btfdump._btf import cache as indexcache
from btfdump._kernel.context import Context
from btfdump._kernel.modules import LoadedModules
from btfdump._kernel.pointers import read_string
from btfdump._kernel.variables import find_global, named_global
from btfdump._roots.task import task, tasks
from btfdump.errors import (
    BtfdumpError,
    ExpressionError,
    FaultError,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from types import TracebackType

    from drgn import Object

    from btfdump._annotate.overlay import Overlay
    from btfdump._bpf.subsystem import Bpf
    from btfdump._btf.reader import Btf
    from btfdump._decode.layout import StructLayout
    from btfdump._drgn.finders import Finders
    from btfdump._graph.limits import Limits
    from btfdump._kernel.bounds import Bounds
    from btfdump._kernel.d_path import Paths
    from btfdump._kernel.freelists import Freelists
    from btfdump._kernel.slab import SlabFinder
    from btfdump._kernel.value import Value
    from btfdump._render import Format, Options, Renderer
    from btfdump._render.plain import Formatter
    from btfdump._roots.table import Table
    from btfdump._system.backtrace import Backtrace
    from btfdump._targets.memory import Target


class Kernel(Context):
    """One kernel, dead or alive: a context manager that closes it at the end.

    Made by `open_core()`, `open_live()` or `open_qemu()`, or from a `Target` and a `Btf` (for
    tests, and for other sources of memory). `overlays` are annotations in order of authority.
    `target` is the source of memory and symbols, `btf` the types of vmlinux, and `problems` are
    texts about overlays that do not fit this kernel.
    """

    modules: LoadedModules

    def __init__(self, target: Target, btf: Btf, overlays: Iterable[Overlay] = ()) -> None:
        super().__init__(target, btf, overlays)
        self._formatter: Formatter | None = None
        self._finders: Finders | None = None
        self.problems: list[str] = []
        self._is_to_be_kept = False
        self.forget()

    def forget(self) -> None:
        """Forget what may have changed since it was read: modules, maps, and their BTF.

        Values that have been read keep their bytes.
        """
        self._kernel_btfs: KernelBtfs = KernelBtfs(self)
        self._map_types: MapTypes = MapTypes(self, self._kernel_btfs)
        self._set_modules(
            LoadedModules(self, lambda name: find_global(self, name), self._kernel_btfs)
        )

    @cached_property
    def bpf(self) -> Bpf:
        """What BPF keeps in this kernel: maps, programs, links and BTF."""
        from btfdump._bpf.subsystem import Bpf

        return Bpf(self, lambda: self._kernel_btfs)  # another one after forget()

    @cached_property
    def _slabs(self) -> SlabFinder:
        """The finder of slab objects around addresses; it looks nothing up until it is asked."""
        from btfdump._kernel.slab import SlabFinder

        return SlabFinder(self)

    @cached_property
    def _freelists(self) -> Freelists:
        """What tells whether slab objects are free; it looks nothing up until it is asked."""
        from btfdump._kernel.freelists import Freelists

        return Freelists(self._slabs)

    @cached_property
    def _bounds(self) -> Bounds:
        """What bounds objects by their slab objects; it looks nothing up until it is asked."""
        from btfdump._kernel.bounds import Bounds

        return Bounds(self, self._slabs)

    def _fate_of(self, value: Value) -> str:
        from btfdump._kernel.freed import freed

        return freed(value)

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
        """Release the dump or the kernel.

        What has been read stays; anything else raises `FaultError` from now on.
        """
        self.target.close()
        if self._is_to_be_kept:  # now that nobody waits for it
            self._is_to_be_kept = False
            indexcache.store(self.btf)

    def __repr__(self) -> str:
        return f"<Kernel {self.target.release or '?'}: {self.target.description}>"

    @property
    def release(self) -> str:
        """The kernel release, as in `uname -r`."""
        return self.target.release

    def __getitem__(self, name: str) -> Value:
        """Return the global variable `name`, typed by BTF, annotations or globals of known kernels.

        `name` is as for `symbol()`: `foo`, `foo@2`, `MODULE:foo`. A per-CPU variable has members
        and addresses, but cannot be read: `per_cpu()` returns that of one CPU. Raises
        `SymbolNotFoundError` if there is no such symbol, `AmbiguousSymbolError` if there are
        several, and `UnknownTypeError` if its type is not known.
        """
        found = named_global(self, name)
        if not self.is_per_cpu(name) or tuple(self.target.per_cpu_offsets) == (0,):
            return found  # without SMP, the kernel uses what is in its image
        from btfdump._kernel.per_cpu_variable import PerCpuVariable

        return PerCpuVariable(self, found.type_, found.address_, facts=found.facts_)

    def __contains__(self, name: object) -> bool:
        """Whether the kernel or a module has a symbol `name`, as `symbol()` understands it.

        That of a variable whose type is not known counts: it is there, and `kernel[name]` says what
        is missing. Raises `MissingDataError` if there is no symbol table.
        """
        return isinstance(name, str) and self._has_symbol(name)

    def value(self, type_: str, address: int) -> Value:
        """Return the object of C type `type_` (`struct foo`, `void *`) at virtual `address`.

        Nothing is read yet. `dump()` and `format()` note where the slab object at the address is
        hardly of that type; what lies past that slab object is not read. What is in the image's
        copy of the per-CPU variables cannot be read, since no CPU uses it: see `per_cpu()`. Raises
        `TypeNotFoundError`, `AmbiguousTypeError` or `ExpressionError` as `type()` does, whose names
        are understood here; `ValueError` for an address that no pointer can have, and `TypeError`
        for an address that is no number.
        """
        from btfdump._kernel.arguments import address_within

        address = address_within(address, self.layouts.pointer_size)
        found = self.type(type_)
        if self.is_template(address):
            from btfdump._kernel.per_cpu_variable import PerCpuVariable

            return PerCpuVariable(self, found, address)
        from btfdump._kernel.claims import Claimed

        return Claimed(self, found, address)

    def eval(self, expression: str) -> Value:
        """Return the value that an expression of C comes to, as the command line takes it.

        Roots and variables, members, casts, `*` and `&`, `container_of(x, struct T, member)`,
        arithmetic and comparisons; in brackets an index, a CPU, a key, or a condition on members of
        entries (`task(1).children[pid == 74]`). A number is a `long`. See docs/expressions.md.

        Raises `ExpressionError` if it is none, with the character where it goes wrong, or if it
        stands for several things; `ObjectNotFoundError` if it stands for nothing, and what looking
        up names and reading memory raises.
        """
        from btfdump._roots.expressions import evaluate

        return evaluate(self, expression)

    def eval_all(self, expression: str) -> Iterator[Value]:
        """Yield each value that an expression may stand for, as `eval()` returns the only one.

        A per-CPU variable without an index stands for that of each CPU, a condition for each entry
        that it holds for.
        """
        from btfdump._roots.expressions import evaluated

        for selected in evaluated(self, expression):
            yield selected.value

    def task(self, pid: int) -> Value:
        """Return the task (`struct task_struct`) with the id `pid` in the initial pid namespace.

        The ids of threads count as well; 0 is `init_task`. Raises `ObjectNotFoundError` if there is
        no such task, and `TypeError` if `pid` is not a number.
        """
        from btfdump._kernel.arguments import whole_number

        return task(self, whole_number(pid, "a pid"))

    def tasks(self) -> Iterator[Value]:
        """Yield every task (`struct task_struct`), threads included, idle tasks excluded.

        Mirrors for_each_process_thread() (include/linux/sched/signal.h). Raises `CorruptDataError`
        at the end if the lists are damaged; everything that can be reached has been yielded by
        then.
        """
        return tasks(self)

    def table(self, name: str, *patterns: str, where: str = "") -> Table:
        """Return a table, such as `ps`, `files` or `maps`, of which rows are read one by one.

        `patterns` are what the command line takes after the name of the table: ids, or names with
        * and ?. `where` is a condition on its columns, `state == "D" && rss > 100M`. Cells are
        values: amounts in bytes and nanoseconds, addresses as integers. Raises `ExpressionError` if
        there is no such table, or column, and what reading the kernel does.
        """
        from btfdump._roots import Query, TableKind
        from btfdump._roots.arrangement import Arrangement
        from btfdump._roots.words import named

        kind = named(self, name)
        if not isinstance(kind, TableKind):
            raise ExpressionError(f"no table {name!r}; 'btfdump inspect CORE tables' lists them")
        table = kind.table(self, Query(patterns))
        return Arrangement(where=(where,)).of(table) if where else table

    def backtrace(self, task: Value) -> Backtrace:
        """Return the calls that a task is in, a `struct task_struct` or a pointer to one.

        A task that runs is where the registers say that its CPU saved when it crashed. For many
        tasks, the table `stack` is quicker. Raises `FaultError` if the task cannot be read; that
        its stack cannot, `Backtrace.end` says.
        """
        from btfdump._system.backtrace import Backtraces

        return Backtraces(self).of(task)

    def paths(self) -> Paths:
        """Return a reader of many paths, which remembers the dentries and mounts on the way.

        `paths.of(file)` is `file.path_()`. On a running kernel it goes on telling what it read
        first: take a new reader to read again.
        """
        from btfdump._kernel.d_path import Paths

        return Paths(self)

    def value_of(self, object_: Object) -> Value:
        """Return a `drgn.Object` of this kernel as a value: the way back from `Value.drgn_()`.

        The object is to be in memory, as a variable and a member are; a bit field keeps its width.
        Raises `ValueError` for a plain value and for an object of another `drgn.Program`,
        `ExpressionError` if its type is not from the kernel's BTF and not found there by its name,
        and `TargetError` if the kernel is not read through drgn.
        """
        return self._with_drgn().value_of(object_)

    def _object_of(self, value: Value) -> Object:
        return self._with_drgn().object_of(value)

    def _with_drgn(self) -> Finders:
        """What makes drgn's objects; the program of a kernel that btfdump opened is told of it."""
        if self._finders is None:
            from btfdump._drgn.attachment import adopt

            self._finders = adopt(self)
        return self._finders

    def per_cpu(self, value: Value, cpu: int) -> Value:
        """Return one CPU's instance of a per-CPU variable, or of a `__percpu` pointer's target.

        `value` is the variable, such as `kernel["runqueues"]`, or the pointer, for which
        `pointer[cpu]` is the same; `cpu` is the CPU's number. Mirrors per_cpu() and per_cpu_ptr()
        (include/linux/percpu-defs.h). Raises `IndexError` for a CPU that does not exist, and
        `FaultError` if the pointer is NULL or cannot be read.
        """
        from btfdump._kernel.per_cpu import behind, is_per_cpu_pointer, on_cpu

        is_pointer = is_per_cpu_pointer(value) and not value._is_of_no_cpu_
        return behind(value, cpu) if is_pointer else on_cpu(value, cpu)

    def dump(
        self,
        value: Value,
        format: Format | Renderer = "text",
        limits: Limits | None = None,
        *,
        raw: bool = False,
    ) -> Iterator[str]:
        """Render `value` and what it leads to; yield the text in pieces.

        `format` is the name of a format, or a renderer of your own. `limits` bounds what is shown;
        the default is that of the command line. `raw` leaves out what values mean. Bad memory
        becomes a note in the text and never raises. "snprintf" has no place for notes: there a
        first line that is a comment says why the object is hardly what `value()` was told that it
        is, as for `format()`, or that not all that is printed belongs to it. Raises
        `ExpressionError` for an unknown format, and `FaultError` for a per-CPU variable of no CPU.
        """
        if value._is_of_no_cpu_:
            value.bytes_()
        from btfdump._graph.limits import Limits  # what only looks prints nothing
        from btfdump._graph.traverse import traverse
        from btfdump._render import Root, get

        limits = limits or Limits()
        render = get(format) if isinstance(format, str) else format
        doubt = _doubt_about(value)
        events = traverse(value, limits, doubt=doubt)
        text = render([Root(events)], self.options(limits=limits, raw=raw))
        if format != "snprintf":
            return text
        from btfdump._kernel.bounds import overrun

        said = doubt or (overrun(value) if value._is_claimed_ else "")
        return chain([_comment(said)], text) if said else text

    def format(self, value: Value, *, zero: bool = False) -> str:
        """Return one object as C-like text, with nothing followed, like drgn's `format_()`.

        `zero` shows zero members too. The formatter of a type that is used often is compiled. Of an
        object that is allocated shorter than its type, only what there is is shown. A first line
        that is a comment says why an object is hardly what `value()` was told that it is. Raises
        `FaultError` if the object cannot be read as a whole.
        """
        bounded = (self._bounds.of_any if value._is_claimed_ else self._bounds.of)(value)
        doubt, data = _doubt_about(value), None
        if bounded is not None:
            value = bounded.value
            if bounded.text:
                doubt = bounded.text
                data = self.target.read(value.address_, bounded.room) if bounded.room else b""
        if self._formatter is None:
            from btfdump._render.plain import Formatter, ScalarFacts

            self._formatter = Formatter(self.layouts, ScalarFacts(self.facts))
        data = value.bytes_() if data is None else data
        text = self._formatter.text(value._layout_, data, zero=zero)
        return f"{_comment(doubt)}{text}" if doubt else text

    def slab_object(self, address: int) -> str | None:
        """Return the slab object around an address as text, or None.

        An example is `slab kmalloc-64, object 0xffff888012345640+0x8`.
        """
        return self._slabs.describe(address) if self.infers else None

    def _interest(self, layout: StructLayout) -> tuple[Sequence[str], Container[str]]:
        return self.facts(layout).interest

    def is_free(self, address: int) -> bool | None:
        """Whether the slab object around a virtual address has been freed, and not taken since.

        None where that is not known: no slab object is found there, or a freelist cannot be read to
        its end. An object that waits for RCU to be freed may count as in use.
        """
        state = self._freelists.state(address)
        return state.is_free if state is not None else None

    def _cpus(self) -> int:
        try:
            return len(self.target.per_cpu_offsets)
        except BtfdumpError:  # a heading is no reason to fail
            return 0

    def options(
        self,
        *,
        zero: bool = False,
        raw: bool = False,
        unfold: bool = False,
        width: int = 0,
        color: bool = False,
        limits: Limits | None = None,
        compact: bool = False,
        noname: bool = False,
        ptr_raw: bool = False,
    ) -> Options:
        """Return what a renderer needs to know about this kernel; the parameters are `Options`'.

        With `unfold`, a tree shows all members in their order, and links.
        """
        from btfdump._graph.limits import Limits
        from btfdump._render import Options

        limit = (limits or Limits()).string

        def string_at(address: int) -> str | None:
            try:
                data = read_string(self, address, limit)
            except FaultError:
                return None
            text = data.decode("utf-8", "backslashreplace")
            return text if text.isprintable() else None  # "" is a string, too

        return Options(
            symbolize=self.symbolize,
            locate=self.slab_object,
            string_at=string_at,
            zero=zero,
            raw=raw,
            interest=None if unfold else self._interest,
            width=width,
            color=color,
            string=limit,
            source=self.target.description,
            release=self.target.release,
            cpus=self._cpus(),
            compact=compact,
            noname=noname,
            ptr_raw=ptr_raw,
        )


def _comment(text: str) -> str:
    from btfdump._render.escape import printable

    return f"/* ! {printable(text)} */\n"


def _doubt_about(value: Value) -> str:
    """Return why a value is hardly of the type that its user says it is, "" if it may be."""
    if not value._is_claimed_ and value._outer_ is None:
        return ""
    from btfdump._kernel.claims import doubt_about

    return doubt_about(value)
