"""Kfuncs: the kernel functions that BPF programs may call (kernel/bpf/btf.c)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from btfdump._kernel.notes import Note
from btfdump._roots import table_root
from btfdump._roots.table import Table
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._bpf.kfuncs import Kfunc
    from btfdump._btf.reader import Btf
    from btfdump._kernel.context import Context
    from btfdump._roots import Query

_COMMON = "common"


@table_root(filters=("hook", "flag"))
def list_kfuncs(kernel: Context, query: Query) -> Table:
    """Kernel functions that BPF programs may call: who may, with which flags, of which module."""
    from btfdump._bpf.kfuncs import find_kfuncs, has_registry

    table = kfunc_table(list(find_kfuncs(kernel)), query)
    if has_registry(kernel):
        return table
    return replace(table, remark="this kernel has no registry of kfuncs: that came with Linux 5.18")


def kfunc_table(items: Sequence[Kfunc | Note], query: Query) -> Table:
    """Return a table of the wanted kfuncs, and of all notes.

    Raises `ExpressionError` for a hook or flag that no kfunc has.
    """
    from btfdump._bpf.kfunc_flags import bare_flag
    from btfdump._bpf.kfuncs import DTOR

    hooks = [hook.lower() for hook in query.filters.get("hook", ())]
    flags = [bare_flag(flag) for flag in query.filters.get("flag", ())]
    kfuncs = [item for item in items if not isinstance(item, Note)]
    _check("hook", hooks, (hook for kfunc in kfuncs for hook in kfunc.hooks))
    _check("flag", flags, (bare_flag(flag) for kfunc in kfuncs for flag in kfunc.flags))

    def is_wanted(kfunc: Kfunc) -> bool:
        return (
            query.wants(kfunc.name)
            and (not hooks or any(hook in kfunc.hooks for hook in hooks))
            and {*flags} <= {bare_flag(flag) for flag in kfunc.flags}
        )

    shown = [item for item in items if isinstance(item, Note) or is_wanted(item)]
    columns = ["name", "flags", "hooks", "module"]
    columns += ["destroys"] * (hooks == [DTOR])
    columns += ["tags"] * any(not isinstance(item, Note) and item.tags for item in shown)
    remark = ""
    if {*hooks} - {_COMMON, DTOR} and any(_COMMON in kfunc.hooks for kfunc in kfuncs):
        remark = f"programs of any type may call those of --hook {_COMMON} as well"
    rows = [item if isinstance(item, Note) else _row(item) for item in shown]
    return Table("kfuncs", (*columns, "prototype"), rows, remark)


def tagged_kfunc_table(btfs: Iterable[Btf], query: Query) -> Table:
    """Return a table of the kfuncs that BTF itself marks, without the columns it knows nothing of.

    Raises `ExpressionError` for a filter by hook or flag.
    """
    from btfdump._bpf.kfuncs import find_tagged_kfuncs

    for option in query.filters:
        raise ExpressionError(
            f"--{option}: hooks and flags are not in BTF; 'btfdump inspect CORE kfuncs' and "
            "'btfdump live kfuncs' read them from a kernel"
        )
    found = [kfunc for btf in btfs for kfunc in find_tagged_kfuncs(btf)]
    rows = [
        {
            "name": kfunc.name,
            "module": kfunc.module,
            "prototype": kfunc.prototype,
            "tags": kfunc.tags,
        }
        for kfunc in found
        if query.wants(kfunc.name)
    ]
    remark = "hooks and flags are not in BTF: inspect CORE kfuncs, or live kfuncs, shows them"
    if not found:
        remark = (
            "no function carries the tag bpf_kfunc, which pahole 1.27 and newer write: "
            "inspect CORE kfuncs, or live kfuncs, reads a kernel's registry"
        )
    return Table("kfuncs", ("name", "module", "prototype", "tags"), rows, remark)


def _check(option: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = sorted(set(known))
    for name in given:
        if name not in known:
            there_are = f"there are {', '.join(known)}" if known else f"no {option} is known here"
            raise ExpressionError(f"--{option} {name}: no kfunc has it; {there_are}")


def _row(kfunc: Kfunc) -> dict[str, Any]:
    return {
        "name": kfunc.name,
        "flags": kfunc.flags,
        "hooks": kfunc.hooks,
        "module": kfunc.module,
        "destroys": kfunc.destroys or None,
        "tags": kfunc.tags,
        "prototype": kfunc.prototype,
    }
