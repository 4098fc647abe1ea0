"""Names of BPF's enums as bpftool spells them: the enumerator in lower case without its prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


def enumerator_names(kernel: Context, enum: str, prefix: str) -> dict[int, str]:
    """Return value -> name without `prefix` for an enum; empty if the BTF does not have it."""
    for found in kernel.btf.find_all("enum", enum):
        assert isinstance(found, types.Enum)
        return {value: name.removeprefix(prefix) for value, name in found.names.items()}
    return {}


def short_name(value: Value, prefix: str) -> str:
    """Return the name of an enum's value, such as "sched_cls"; without a name, its number.

    Mirrors libbpf_bpf_prog_type_str() and the like in tools/lib/bpf/libbpf.c. Raises `FaultError`.
    """
    name = value.enumerator_()
    return name.removeprefix(prefix).lower() if name else str(int(value))
