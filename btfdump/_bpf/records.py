"""Special fields of map values: where the kernel says they are, and what kptrs point to.

The kernel parses the BTF of a map's values when the map is made, and keeps what it found: a `struct
btf_record` since Linux 6.2 (aa3496accc41), before that a `struct bpf_map_value_off` of kptrs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._decode.layout import MAX_NESTING, ArrayLayout, StructLayout
from btfdump.errors import BtfdumpError, CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.program_btf import KernelBtfs
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MAX_FIELDS = 256
"""Entries of one record that are believed: BTF_FIELDS_MAX is 11, one structure can hold several."""


class Kptr(NamedTuple):
    """A pointer that a program may keep in a value, `offset` bytes into it, to a `target`."""

    offset: int
    target: types.Type


def kptrs(map_: Value, btfs: KernelBtfs) -> Iterator[Kptr]:
    """Yield the kptrs of the values of a `struct bpf_map`, with the types that their BTF ids name.

    Raises `CorruptDataError` for a record that makes no sense, and `FaultError`.
    """
    if map_.has_member_("record") and _is_pointer(map_.record):
        record = map_.record.deref_()
        for field in _entries(record, "fields", int(record.cnt)):
            if (field.member_("type").enumerator_() or "").startswith(("BPF_KPTR", "BPF_UPTR")):
                yield _kptr(field, btfs)
    elif map_.has_member_("kptr_off_tab") and _is_pointer(map_.kptr_off_tab):
        table = map_.kptr_off_tab.deref_()
        for field in _entries(table, "off", int(table.nr_off)):
            yield _kptr(field, btfs)


def _is_pointer(pointer: Value) -> bool:
    """Whether a pointer is neither NULL nor an error (include/linux/err.h)."""
    return 0 < int(pointer) < (1 << 8 * pointer.size_) - 4095


def _entries(table: Value, name: str, count: int) -> Iterator[Value]:
    if count > MAX_FIELDS:
        raise CorruptDataError(f"{table.type_} lists {count} fields", table.address_)
    array = table.member_(name)
    return (array[index] for index in range(count))


def _kptr(field: Value, btfs: KernelBtfs) -> Kptr:
    target = btfs.of(field.kptr.btf).type(int(field.kptr.btf_id))
    return Kptr(int(field.offset), target)


def teach(context: Context, value_type: types.Type, map_: Value, btfs: KernelBtfs) -> None:
    """Add what a map's record says to the facts about its values: what each kptr points to.

    What a user's overlay says has precedence. A record that cannot be used becomes a problem of the
    type, shown with each value.
    """
    layout = context.layouts.of(value_type)
    if not isinstance(layout, StructLayout):
        return
    try:
        for kptr in kptrs(map_, btfs):
            if isinstance(kptr.target, types.Composite):
                _teach_one(context, layout, kptr.offset, kptr.target)
    except (BtfdumpError, LookupError) as error:
        context.facts(layout).problems.append(f"record of special fields: {error}")


def _teach_one(
    context: Context, layout: StructLayout, offset: int, target: types.Composite
) -> None:
    """Enter what the pointer at `offset` points to, at the struct inside that declares it."""
    from btfdump._annotate.facts import MemberFacts

    inner: Layout = layout
    facts: MemberFacts | None = None
    for _ in range(MAX_NESTING):
        if isinstance(inner, ArrayLayout) and inner.element.size:
            offset %= inner.element.size
            inner = inner.element
        elif isinstance(inner, StructLayout):
            index = _member_at(inner, offset)
            if index is None:
                return
            facts = context.facts(inner).members.setdefault(index, MemberFacts())
            offset -= inner.members[index].offset
            inner = context.layouts.of_member(inner.members[index], inner)
        else:
            break
    if facts is not None and facts.points_to is None:
        facts.points_to = target
        if target.btf is layout.type.btf:  # an object of the program's own, which nobody else shows
            facts.follow = ()
        facts.provenance = facts.provenance or "kptr"


def _member_at(layout: StructLayout, offset: int) -> int | None:
    for index, member in enumerate(layout.members):
        if member.offset <= offset < member.offset + member.extent and not member.bit_size:
            return index
    return None
