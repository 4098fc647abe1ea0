"""Longest prefix match tries (kernel/bpf/lpm_trie.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import map_family
from btfdump._bpf.maps.elements import Element, Keys
from btfdump._kernel.value_at import value_at
from btfdump._walk import Anomaly, unreadable
from btfdump.errors import CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._bpf.maps.map_object import MapObject

INTERMEDIATE = 1
"""LPM_TREE_NODE_FLAG_IM: a node where two prefixes part, without a value of its own."""
MAX_DATA = 256
"""LPM_DATA_SIZE_MAX: bytes of the longest prefix."""
_PREFIX_SIZE = 4


def prefixes(map_: MapObject) -> int:
    """Return the number of prefixes that the trie keeps."""
    return int(map_._inside_("lpm_trie").n_entries)


@map_family(keys=Keys.TYPED, count=prefixes)
def walk_lpm_trie(map_: MapObject) -> Iterator[Element | Anomaly]:
    """Walk the prefixes in order: each before those that it contains, lower bits first."""
    trie = map_._inside_("lpm_trie").read_()
    data_size = map_._size_of_("key") - _PREFIX_SIZE
    if not 0 < data_size <= MAX_DATA:
        raise CorruptDataError(f"key_size is {data_size + _PREFIX_SIZE}", map_.address_)
    node_type = map_._context_.own_type("struct lpm_trie_node")
    seen: set[int] = set()
    pending = [(int(trie.root), -1)]
    while pending:
        address, above = pending.pop()
        if not address:
            continue
        if address in seen:
            yield Anomaly(f"cycle: {address:#x} is below itself", address, ends=True)
            continue
        seen.add(address)
        node = value_at(map_._context_, node_type, address)
        try:
            length, is_prefix = int(node.read_().prefixlen), not int(node.flags) & INTERMEDIATE
            data = map_._context_.target.read(node.member_("data").address_, data_size)
        except FaultError as error:
            yield unreadable("node", address, error)
            continue
        if not above < length <= data_size * 8:
            text = f"node at {address:#x}: a prefix of {length} bits below one of {above}"
            yield Anomaly(text, address, ends=True)
            continue
        pending += [(int(child), length) for child in reversed(list(node.child))]
        if is_prefix:
            start = node.member_("data").address_
            number = length.to_bytes(_PREFIX_SIZE, map_._context_.layouts.byteorder)
            key = map_._key_at_(start - _PREFIX_SIZE, number + data)
            yield Element(map_._value_at_(start + data_size), key)
