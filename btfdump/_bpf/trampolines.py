"""BPF trampolines: code between a kernel function and the programs on it.

Mirrors kernel/bpf/trampoline.c. fentry, fexit, modify_return and LSM programs are attached through
a `struct bpf_trampoline`, one for each function, found in a hash table.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._bpf.enums import enumerator_names
from btfdump._btf import types
from btfdump._kernel.notes import Note
from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError, FaultError, ObjectNotFoundError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

LSM_PREFIX = "bpf_lsm_"
"""What the function is called that stands for a hook of security modules (kernel/bpf/bpf_lsm.c)."""
REPLACED = "replace"
_TABLES = ("trampoline_table", "trampoline_key_table")
_OF_KERNEL = 1 << 31  # bpf_trampoline_compute_key() (include/linux/bpf_verifier.h)


@dataclass(frozen=True, slots=True)
class Trampoline:
    """A trampoline, a `struct bpf_trampoline` at virtual `address`.

    `function` is what its programs run around or instead of. `progs` has the ids of the programs by
    kind ("fentry", "fexit", "modify_return"; "replace" for one that takes the function's place), in
    the order in which they run. `image` is the [start, end) of its machine code, virtual addresses,
    or None if there is none.
    """

    address: int
    function: str
    progs: Mapping[str, tuple[int, ...]]
    image: tuple[int, int] | None

    @property
    def lsm_hook(self) -> str:
        """The hook of security modules that the function stands for, "" for any other function."""
        return self.function.removeprefix(LSM_PREFIX) if self.is_lsm else ""

    @property
    def is_lsm(self) -> bool:
        """Whether the function stands for a hook of security modules."""
        return self.function.startswith(LSM_PREFIX)


def find_trampolines(kernel: Context) -> Iterator[Trampoline | Note]:
    """Yield every trampoline, and notes on what cannot be read; none without a JIT.

    Raises `SymbolNotFoundError` for a kernel without BPF.
    """
    kernel.own_symbol("prog_idr")  # variables are in the symbol table
    for name in _TABLES:
        try:
            return _read(find_global(kernel, name))
        except SymbolNotFoundError:
            continue
    return iter(())


def _read(table: Value) -> Iterator[Trampoline | Note]:
    with suppress(FaultError):  # then each bucket is read, as far as that goes
        table.read_()
    for bucket in table:
        try:
            for value in bucket.walk_():
                try:
                    yield trampoline_of(value)
                except BtfdumpError as error:
                    yield Note(f"trampoline at {value.address_:#x}: {error}", value.address_)
        except BtfdumpError as error:
            yield Note(f"trampolines: {error}", bucket.address_)


def trampoline_of(value: Value) -> Trampoline:
    """Read a `struct bpf_trampoline`; raises `FaultError`, `CorruptDataError`."""
    value.read_()
    kinds = enumerator_names(value._context_, "bpf_tramp_prog_type", "BPF_TRAMP_")
    progs: dict[str, tuple[int, ...]] = {}
    for number, head in enumerate(value.progs_hlist):
        ids = tuple(_prog_id(entry) for entry in head.walk_())
        if ids:
            progs[kinds.get(number, f"kind {number}").lower()] = ids
    if value.extension_prog:
        progs[REPLACED] = (int(value.extension_prog.aux.id),)
    return Trampoline(value.address_, traced_function(value), progs, _image(value))


def _prog_id(entry: Value) -> int:
    """Return the id of the program on an entry of `progs_hlist`.

    That is a `struct bpf_tramp_node`, which points to its link; before "bpf: Add struct
    bpf_tramp_node object" (2026) a `struct bpf_tramp_link`, which holds it, and until 5.19
    (f7e0beaf39d3) a `struct bpf_prog_aux`.
    """
    link = entry.link if entry.has_member_("link") else None
    return int(link.prog.aux.id if link is not None else entry.id)


def _image(value: Value) -> tuple[int, int] | None:
    if not value.has_member_("cur_image") or not value.cur_image:
        return None
    symbol = value.cur_image.ksym
    return int(symbol.start), int(symbol.end)


def traced_function(value: Value) -> str:
    """Return the name of the function that a `struct bpf_trampoline` is for, by its `key`.

    Mirrors bpf_trampoline_unpack_key() (include/linux/bpf_verifier.h): the key is the id of a BTF,
    or of a program that is itself traced, and the id of the function in it. If the key leads
    nowhere, the name is the address.
    """
    key, kernel = int(value.key), value._context_
    owner, function = key >> 32, key & (_OF_KERNEL - 1)
    if not key & _OF_KERNEL:
        return f"function [{function}] of program {owner}"
    assert kernel._kernel_btfs is not None  # set by Kernel
    try:
        found = kernel._kernel_btfs.by_id(owner).type(function)
    except ObjectNotFoundError:  # of a module that is gone
        found = None
    if isinstance(found, types.Func):
        return found.name
    address = int(value.func.addr)
    return kernel.symbolize(address) or f"{address:#x}"
