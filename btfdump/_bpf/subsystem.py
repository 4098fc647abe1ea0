"""Bpf: what BPF keeps in one kernel, for users of the library: `kernel.bpf`.

It is loaded when `kernel.bpf` is first used, together with everything that reads maps, programs and
links, so commands that show other things do not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.congestion import find_congestion_controls
from btfdump._bpf.iterators import find_iterators
from btfdump._bpf.kfuncs import find_kfuncs
from btfdump._bpf.links import find_links
from btfdump._bpf.maps import find
from btfdump._bpf.progs import find_progs
from btfdump._bpf.struct_ops import find_struct_ops
from btfdump._bpf.trampolines import find_trampolines
from btfdump._kernel.notes import without_notes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._bpf.congestion import CongestionControl
    from btfdump._bpf.iterators import IteratorTarget
    from btfdump._bpf.kfuncs import Kfunc
    from btfdump._bpf.links import Link
    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._bpf.program_btf import KernelBtfs
    from btfdump._bpf.progs import Prog
    from btfdump._bpf.struct_ops import StructOps
    from btfdump._bpf.trampolines import Trampoline
    from btfdump._btf.reader import Btf
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


class Bpf:
    """Maps, programs, links, BTF and what else BPF registers in one kernel.

    Methods that yield records yield all that can be read, and then raise `CorruptDataError` if
    something could not be read. All raise `SymbolNotFoundError` for a kernel that was built without
    that part of BPF. Only parsed BTF is kept from one call to the next: on a live kernel, a second
    call shows what is there by then.
    """

    def __init__(self, kernel: Context, btfs: Callable[[], KernelBtfs]) -> None:
        self._kernel = kernel
        self._btfs = btfs

    def __repr__(self) -> str:
        return f"<Bpf of {self._kernel!r}>"

    def maps(self) -> Iterator[MapValue]:
        """Yield every map, by id."""
        return find.maps(self._kernel)

    def map(self, which: int | str) -> MapValue:
        """Return the map with that id or name.

        In a name, `*` and `?` mean what they mean in the shell. Raises `ObjectNotFoundError` if
        there is no such map, or more than one.
        """
        return find.find_map(self._kernel, which)

    def progs(self) -> Iterator[Prog]:
        """Yield every program that is loaded, by id."""
        return without_notes(find_progs(self._kernel))

    def links(self) -> Iterator[Link]:
        """Yield every link, by id: a link holds a program in the place that it is attached to."""
        return without_notes(find_links(self._kernel))

    def trampolines(self) -> Iterator[Trampoline]:
        """Yield the trampolines: the kernel functions that programs are attached to."""
        return without_notes(find_trampolines(self._kernel))

    def struct_ops(self) -> Iterator[StructOps]:
        """Yield the structs of functions that programs implement, by the id of their map."""
        return without_notes(find_struct_ops(self._kernel))

    def iterators(self) -> Iterator[IteratorTarget]:
        """Yield the kinds of things that iterator programs can be run over."""
        return without_notes(find_iterators(self._kernel))

    def congestion_controls(self) -> Iterator[CongestionControl]:
        """Yield the registered TCP congestion controls, of BPF or not, in the kernel's order."""
        return without_notes(find_congestion_controls(self._kernel))

    def kfuncs(self) -> Iterator[Kfunc]:
        """Yield the kernel functions that programs may call, and the destructors of kptrs."""
        return without_notes(find_kfuncs(self._kernel))

    def btf(self, which: int | Value) -> Btf:
        """Return the BTF with that id, as in `bpftool btf list`, or the one in a `struct btf`.

        `which` may be a pointer to the `struct btf`. The BTF is read from the kernel's memory and
        parsed once. Raises `ObjectNotFoundError` if no BTF has that id, `FaultError` if it cannot
        be read, `BtfFormatError` if it is malformed, and `CorruptDataError` if what the kernel says
        about it does not fit what is there.
        """
        btfs = self._btfs()
        return btfs.by_id(which) if isinstance(which, int) else btfs.of(which)

    def btf_objects(self) -> Iterator[Value]:
        """Yield the `struct btf` of vmlinux, of every module and of programs, by id."""
        return self._btfs().objects()
