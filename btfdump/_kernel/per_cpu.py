"""Per-CPU data: one object for each possible CPU, an offset apart.

A variable lies at an offset from its place in the kernel's image, what a `__percpu` pointer leads
to at the same offset from where the pointer points: per_cpu() and per_cpu_ptr()
(include/linux/percpu-defs.h).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.scope import stated_by
from btfdump._kernel.pointers import space_of, target_type
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from typing import TypeVar

    from btfdump._kernel.context import Context
    from btfdump._kernel.typed import TypedAddress

    Typed = TypeVar("Typed", bound=TypedAddress)


def offset_of_cpu(context: Context, cpu: int) -> int:
    """Return how far a CPU's area is from the kernel's image; raises `IndexError` for no CPU."""
    offsets = context.target.per_cpu_offsets
    if not 0 <= cpu < len(offsets):
        raise IndexError(f"CPU {cpu}: this kernel has CPUs 0 to {len(offsets) - 1}")
    return offsets[cpu]


def is_per_cpu_pointer(value: TypedAddress) -> bool:
    """Whether a value is a `__percpu` pointer, by its type or by what annotations say."""
    return value.is_pointer_ and space_of(value._layout_, value.facts_) == "percpu"


def behind(pointer: Typed, cpu: int) -> Typed:
    """Return what a `__percpu` pointer leads to on one CPU.

    Raises `IndexError` for a CPU that does not exist, and `FaultError` if the pointer is NULL or
    cannot be read.
    """
    context, facts = pointer._context_, pointer.facts_
    offset = offset_of_cpu(context, cpu)
    address = int(pointer)
    if not address:
        name = pointer._outer_[1] if pointer._outer_ is not None else "the pointer"
        raise FaultError(0, 0, f"{name} is NULL ({pointer.type_})")
    stated = stated_by(facts.of_target) if facts is not None else ()
    return pointer._at_(target_type(pointer, facts), context.wrap(address + offset), stated=stated)


def on_cpu(variable: Typed, cpu: int) -> Typed:
    """Return one CPU's instance of a per-CPU variable, or of a member of one.

    Raises `IndexError` for a CPU that does not exist.
    """
    address = variable._context_.wrap(variable.address_ + offset_of_cpu(variable._context_, cpu))
    facts = variable.facts_ if variable._outer_ is None else None
    stated = stated_by(facts.of_target) if facts is not None else ()
    return variable._at_(variable.type_, address, facts=facts, stated=stated)
