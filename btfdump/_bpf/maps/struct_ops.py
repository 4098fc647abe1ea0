"""struct_ops: a kernel's struct of functions, filled in by BPF (kernel/bpf/bpf_struct_ops.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value_at import value_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject
    from btfdump._walk import Anomaly


@map_family(keys=Keys.INDEX, values_typed=False, count=lambda map_: 1)
def walk_struct_ops(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Yield the kernel's value, typed by the kernel's or a module's BTF."""
    context = map_._context_
    outer = map_._inside_("bpf_struct_ops_map")
    btf = context.btf
    if outer.has_member_("btf") and outer.btf:  # Linux 6.9, for modules: fcc2c1fb0651
        assert context._kernel_btfs is not None
        btf = context._kernel_btfs.of(outer.btf)
    type_ = btf.type(int(map_.btf_vmlinux_value_type_id))
    yield Element(value_at(context, type_, outer.kvalue.address_), map_._index_(0))
