"""From the variables of several kernels to the table: see btfdump/_annotate/global_types.py."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from btfdump._annotate.global_types import Choice, SourceKernel, pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .dwarf import Vmlinux
    from .sources import DebugPackage

FAMILIES = (
    "TRACE_SYSTEM_",
    "__SCK__",
    "__TRACE_SYSTEM_",
    "__event_",
    "__p_syscall_meta_",
    "__param_arr_",
    "__param_ops_",
    "__param_str_",
    "__setup_str_",
    "__syscall_meta_",
    "__tpstrtab_",
    "__tracepoint_",
    "__tracepoint_ptr_",
    "args__",
    "event_class_",
    "print_fmt_",
    "security_hook_active_",
    "trace_event_fields_",
    "trace_event_type_funcs_",
    "types__",
)
"""How names begin that only macros of the kernel's make: all of a family have one type.

TRACE_EVENT(), SYSCALL_DEFINE(), module_param() and others (include/trace, linux/syscalls.h,
linux/moduleparam.h, linux/static_call.h).
"""


def make_table(kernels: Sequence[tuple[DebugPackage, Vmlinux]]) -> bytes:
    """Return the file that says of what types variables are in these kernels."""
    sources = [
        SourceKernel(p.series, v.machine, v.release, p.package, p.version) for p, v in kernels
    ]
    by_name: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for number, (_, vmlinux) in enumerate(kernels):
        for variable in vmlinux.variables:
            by_name[variable.name][variable.type].add(number)
    variables = {name: _choices(types) for name, types in by_name.items()}
    families = {prefix: _majority(variables, prefix, range(len(kernels))) for prefix in FAMILIES}
    families = {prefix: choices for prefix, choices in families.items() if choices}
    kept = {
        name: choices
        for name, choices in variables.items()
        if not _is_as_its_family(name, choices, families)
    }
    return pack(sources, families, kept)


def _choices(types: Mapping[str, Iterable[int]]) -> tuple[Choice, ...]:
    """Return the choices in the order of the sources that first have them."""
    choices = [Choice(spelling, tuple(sorted(numbers))) for spelling, numbers in types.items()]
    return tuple(sorted(choices, key=lambda choice: (choice.sources, choice.spelling)))


def _majority(
    variables: Mapping[str, Sequence[Choice]], prefix: str, numbers: Iterable[int]
) -> tuple[Choice, ...]:
    """Return the type that most of a family have in each source."""
    members = [
        choices
        for name, choices in variables.items()
        if name.startswith(prefix) and _family(name, FAMILIES) == prefix
    ]
    types: dict[str, set[int]] = defaultdict(set)
    for number in numbers:
        counted = Counter(c.spelling for choices in members for c in choices if number in c.sources)
        if counted:
            most = max(counted.values())
            types[min(s for s, count in counted.items() if count == most)].add(number)
    return _choices(types)


def _family(name: str, prefixes: Iterable[str]) -> str | None:
    """Return the longest prefix that is one of `prefixes`: what a look-up takes."""
    found = [prefix for prefix in prefixes if name.startswith(prefix) and name != prefix]
    return max(found, key=len, default=None)


def _is_as_its_family(
    name: str, choices: Sequence[Choice], families: Mapping[str, Sequence[Choice]]
) -> bool:
    prefix = _family(name, families)
    if prefix is None:
        return False
    of_family = {choice.spelling: set(choice.sources) for choice in families[prefix]}
    return all({*c.sources} <= of_family.get(c.spelling, set()) for c in choices)
