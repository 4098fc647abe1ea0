"""Words that all parts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drgn.helpers.linux.list import hlist_for_each_entry

if TYPE_CHECKING:
    import drgn


def address(value: drgn.Object | int) -> str:
    """Return a pointer's value, or a number, in hexadecimal."""
    return hex(value if isinstance(value, int) else value.value_())


def text(value: drgn.Object) -> str:
    """Return a C string."""
    raw: bytes = value.string_()
    return raw.decode("utf-8", "backslashreplace")


def has(value: drgn.Object, member: str) -> bool:
    """Return whether a struct has a member."""
    try:
        value.member_(member)
    except LookupError:
        return False
    return True


def storage(pointer: drgn.Object) -> dict[str, Any] | None:
    """Return the elements of a `struct bpf_local_storage *`, or None for NULL."""
    if not pointer:
        return None
    prog = pointer.prog_
    elements = []
    kind = "struct bpf_local_storage_elem"
    for element in hlist_for_each_entry(kind, pointer.list.address_of_(), "snode"):
        smap = element.sdata.smap
        size = smap.map.value_size.value_()
        data = element.sdata.data.address_
        elements.append(
            {
                "elem": address(element),
                "smap": address(smap),
                "map_id": smap.map.id.value_(),
                "map_name": text(smap.map.name),
                "value_size": size,
                "data_addr": hex(data),
                "data": prog.read(data, size).hex(),
                "local_storage": address(element.local_storage),
            }
        )
    return {
        "bpf_local_storage": address(pointer),
        "owner": address(pointer.owner),
        "elems": elements,
    }
