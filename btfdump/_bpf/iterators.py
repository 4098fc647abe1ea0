"""BPF iterators: the kinds of things that an iterator program can be run over.

Mirrors kernel/bpf/bpf_iter.c: bpf_iter_reg_target() puts each on the list `targets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._annotate.facts import Expansion
from btfdump._btf import types
from btfdump._btf.names import prototype
from btfdump._kernel.containers import items_of
from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import offset_of, value_at
from btfdump._targets.memory import symbols_named
from btfdump._walk import Anomaly, Entry
from btfdump.errors import BtfdumpError, CorruptDataError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

FUNCTION_PREFIX = "bpf_iter_"
"""What the function is called whose parameters an iterator program gets; it is never called."""


@dataclass(frozen=True, slots=True)
class IteratorTarget:
    """A kind of thing to iterate over, a `struct bpf_iter_target_info` at virtual `address`.

    `function` is the prototype of its programs, "" if the BTF does not have it.
    """

    address: int
    name: str
    function: str


def find_iterators(kernel: Context) -> Iterator[IteratorTarget | Note]:
    """Yield every registered target, and notes on what cannot be read.

    Raises `SymbolNotFoundError` for a kernel without BPF iterators (before Linux 5.8), and
    `CorruptDataError` if their list cannot be told from others of the same name.
    """
    return _read(_list(kernel))


def _list(kernel: Context) -> Value:
    """Find the list `targets`; a kernel may have several of that name.

    `targets_mutex`, which is unique, is beside it where the compiler has put both into one section;
    but a mutex that begins as zeros, as in 7.3, is in .bss, and that of a real-time kernel is
    longer. Otherwise it is the one list whose first entry is a target of which the BTF has the
    function.
    """
    head = kernel.own_type("struct list_head")
    mutex = value_at(kernel, "struct mutex", "targets_mutex")
    size = kernel.layouts.of(head).size
    named = [symbol.address for symbol in symbols_named(kernel.target, "targets")]
    for address in (mutex.address_ + mutex.size_, mutex.address_ - size):
        if address in named:
            return value_at(kernel, head, address)
    found = [value for value in (value_at(kernel, head, at) for at in named) if _is_proven(value)]
    if len(found) != 1:
        raise CorruptDataError(
            f"{len(found)} of {len(named)} variables called targets are a list of BPF iterators",
            mutex.address_,
        )
    return found[0]


def _is_proven(head: Value) -> bool:
    first = next(_read(head), None)
    return isinstance(first, IteratorTarget) and bool(first.function)


def _read(head: Value) -> Iterator[IteratorTarget | Note]:
    kernel = head._context_
    struct = kernel.own_type("struct bpf_iter_target_info")
    if not isinstance(struct, types.Composite):
        raise TypeNotFoundError("struct bpf_iter_target_info is not complete in the BTF")
    offset = offset_of(kernel, struct, "list")
    expansion = Expansion("list_head", struct, "list", offset, 0, "root")
    for item in items_of(head, expansion):
        if isinstance(item, Anomaly):
            yield Note(f"targets: {item.message}", item.address)
        if not isinstance(item, Entry):
            continue
        try:
            yield _target(value_at(kernel, struct, item.address, item.data))
        except BtfdumpError as error:
            yield Note(f"iterator at {item.address:#x}: {error}", item.address)


def _target(value: Value) -> IteratorTarget:
    name = value.reg_info.target.string_()
    return IteratorTarget(value.address_, name, _function(value._context_, name))


def _function(kernel: Context, target: str) -> str:
    modules = kernel.modules.btfs() if kernel.modules is not None else ()
    for btf in (kernel.btf, *modules):
        for func in btf.find_all("func", FUNCTION_PREFIX + target):
            if isinstance(func, types.Func):
                return prototype(func)
    return ""
