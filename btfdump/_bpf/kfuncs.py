"""The kernel functions that BPF programs may call (kfuncs), as the kernel has registered them.

Mirrors kernel/bpf/btf.c: register_btf_kfunc_id_set() and register_btf_id_dtor_kfuncs() hang tables
of BTF ids on the `struct btf` of vmlinux and of each module. The layouts, told by their members:

* `btf_kfunc_set_tab.sets[hook]` -> `btf_id_set8 { cnt, pairs[] { id, flags } }` (a4703e318432, 6.0)
* `btf_kfunc_set_tab.sets[hook][type]` -> `btf_id_set { cnt, ids[] }`, a set for each of CHECK,
  ACQUIRE, RELEASE, ... (dee872e124e8, 5.18)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from btfdump._bpf.enums import enumerator_names
from btfdump._bpf.kernel_btf import kernel_btfs
from btfdump._bpf.kfunc_flags import flag_names
from btfdump._btf import types
from btfdump._btf.members import find_member
from btfdump._btf.names import prototype
from btfdump._btf.wire import Kind
from btfdump._kernel.notes import Note
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf.reader import Btf
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MAX_SET = 1 << 14
"""Most kfuncs believed of one set; the kernel's own bound is BTF_KFUNC_SET_MAX_CNT, 256."""
KFUNC_TAG = "bpf_kfunc"
"""The decl tag on each kfunc, where whoever made the BTF wrote one."""
DTOR = "dtor"
"""What stands for a hook where a kfunc is the destructor of a type kept in maps."""


@dataclass(frozen=True, slots=True)
class Kfunc:
    """A registered kfunc.

    `module` is where it comes from: "vmlinux", or a module's name. `type_id` is the id of the
    function in the BTF of that, `prototype` its declaration in C. `tags` are its decl tags:
    "bpf_fastcall", and "x: arg:nonnull" for a parameter x.

    `hooks` are the kinds of programs that may call it ("xdp", "tracing"; "common" means all), in
    the kernel's order. If the flags differ from hook to hook, there is one `Kfunc` for each set of
    flags. A destructor has the hook `DTOR` alone, and `destroys` is the type in C that it destroys.
    """

    name: str
    module: str
    type_id: int
    prototype: str
    tags: tuple[str, ...]
    hooks: tuple[str, ...]
    flags: tuple[str, ...] = ()
    destroys: str = ""


def _kfunc(
    func: types.Func,
    hooks: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
    destroys: str = "",
) -> Kfunc:
    """Return the record of a function."""
    tags = function_tags(func)
    return Kfunc(func.name, func.btf.name, func.id, prototype(func), tags, hooks, flags, destroys)


def function_tags(func: types.Func) -> tuple[str, ...]:
    """Return the decl tags on a function, and on its parameters after the parameter's name."""
    texts = []
    params = func.proto.params
    for tag in func.btf.decl_tags(func):
        at = tag.component_index
        where = f"{params[at].name or f'#{at}'}: " if 0 <= at < len(params) else ""
        texts.append(f"{where}{tag.text}")
    return tuple(texts)


def find_kfuncs(kernel: Context) -> Iterator[Kfunc | Note]:
    """Yield every registered kfunc, vmlinux's first, and notes on damage in the registry.

    Raises `SymbolNotFoundError` or `TypeNotFoundError` if the kernel has no BPF, or hides it.
    """
    for item in kernel_btfs(kernel):
        if isinstance(item, Note):
            yield item
            continue
        registry = _Registry(*item)
        yield from registry.kfuncs()
        yield from registry.destructors()


def has_registry(kernel: Context) -> bool:
    """Whether the kernel registers kfuncs on its BTF; raises `TypeNotFoundError` without BPF."""
    return find_member(kernel.own_type("struct btf"), "kfunc_set_tab") is not None


def find_tagged_kfuncs(btf: Btf) -> Iterator[Kfunc]:
    """Yield the functions that a BTF itself marks as kfuncs, by name, without hooks and flags.

    `pahole --btf_features=decl_tag_kfuncs` (1.27) writes the tag.
    """
    tagged = {
        tag.target.id: tag.target
        for tag in btf.iter_types(Kind.DECL_TAG)
        if isinstance(tag, types.DeclTag) and tag.text == KFUNC_TAG and tag.component_index < 0
    }
    funcs = [func for func in tagged.values() if isinstance(func, types.Func)]
    for func in sorted(funcs, key=lambda func: func.name):
        yield _kfunc(func)


class _Registry:
    """The tables on one `struct btf`."""

    def __init__(self, value: Value, btf: Btf) -> None:
        self._value = value
        self._btf = btf
        self._where = f"kfuncs of {btf.name}"

    def kfuncs(self) -> Iterator[Kfunc | Note]:
        """Yield the kfuncs by name; entries with the same function and flags are joined."""
        # A hook may come twice: one of four program types that share it was registered for each.
        by_flags: dict[tuple[int, tuple[str, ...]], dict[str, None]] = {}
        for item in self._registered():
            if isinstance(item, Note):
                yield item
            else:
                hook, type_id, flags = item
                by_flags.setdefault((type_id, flags), {})[hook] = None
        found = []
        for (type_id, flags), hooks in by_flags.items():
            func = self._function(type_id)
            if isinstance(func, Note):
                yield func
            else:
                found.append(_kfunc(func, tuple(hooks), flags))
        yield from sorted(found, key=lambda kfunc: (kfunc.name, kfunc.flags))

    def destructors(self) -> Iterator[Kfunc | Note]:
        """Yield the destructors of types that BPF maps may own references to."""
        if not self._value.has_member_("dtor_kfunc_tab"):
            return  # before 5ce937d613a4 (5.19)
        try:
            tab = self._value.dtor_kfunc_tab
            if not tab:
                return
            rows = self._words(tab.deref_(), tab.dtors)
        except BtfdumpError as error:
            yield Note(f"{self._where}: dtor_kfunc_tab: {error}")
            return
        for type_id, func_id in rows:
            func = self._function(func_id)
            if isinstance(func, Note):
                yield func
                continue
            try:
                yield _kfunc(func, (DTOR,), destroys=str(self._btf.type(type_id)))
            except BtfdumpError as error:
                yield Note(f"{self._where}: what {func.name}() destroys: {error}")

    def _function(self, type_id: int) -> types.Func | Note:
        try:
            found = self._btf.type(type_id)
        except BtfdumpError as error:
            return Note(f"{self._where}: {error}")
        if isinstance(found, types.Func):
            return found
        return Note(f"{self._where}: [{type_id}] is {found}, not a function")

    def _registered(self) -> Iterator[tuple[str, int, tuple[str, ...]] | Note]:
        """Yield (hook, BTF id, flags) for each entry of each set."""
        if not self._value.has_member_("kfunc_set_tab"):
            return  # before dee872e124e8 (5.18): `has_registry()`
        try:
            tab = self._value.kfunc_set_tab
            if not tab:
                return
            sets = list(tab.sets)
        except BtfdumpError as error:
            yield Note(f"{self._where}: kfunc_set_tab: {error}")
            return
        hooks = enumerator_names(self._value._context_, "btf_kfunc_hook", "BTF_KFUNC_HOOK_")
        for number, pointer in enumerate(sets):
            hook = hooks.get(number, f"hook {number}").lower()
            read = self._set_of_pairs if pointer.is_pointer_ else self._sets_by_type
            try:
                for type_id, flags in read(pointer):
                    yield hook, type_id, flags
            except BtfdumpError as error:
                yield Note(f"{self._where}: hook {hook}: {error}")

    def _set_of_pairs(self, pointer: Value) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield (BTF id, flags) of a `struct btf_id_set8 *`."""
        if pointer:
            for type_id, flags in self._words(pointer.deref_(), pointer.pairs):
                yield type_id, flag_names(flags)

    def _sets_by_type(self, pointers: Value) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield (BTF id, types) of an array of `struct btf_id_set *`, one for each type."""
        names = enumerator_names(self._value._context_, "btf_kfunc_type", "BTF_KFUNC_TYPE_")
        found: dict[int, list[str]] = {}
        for number, pointer in enumerate(pointers):
            if pointer:
                for (type_id,) in self._words(pointer.deref_(), pointer.ids):
                    found.setdefault(type_id, []).append(names.get(number, f"type {number}"))
        for type_id, kinds in found.items():
            yield type_id, tuple(kinds)

    def _words(self, table: Value, entries: Value) -> list[tuple[int, ...]]:
        """Return the entries of a table that starts with `cnt`: each as its u32 words."""
        count = int(table.cnt)
        if count > MAX_SET:
            raise CorruptDataError(f"a set at {table.address_:#x} claims {count} entries")
        width = entries[0].size_
        context = table._context_
        data = context.target.read(entries.address_, count * width)
        order = "<" if context.layouts.byteorder == "little" else ">"
        return list(struct.iter_unpack(f"{order}{width // 4}I", data))
