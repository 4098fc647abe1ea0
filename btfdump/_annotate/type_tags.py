"""Type tags on pointees, and what the known ones say about the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._btf.wire import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._btf.reader import Btf
    from btfdump._btf.types import TypeTable

MEANINGS = {
    "user": "pointer into user space",
    "percpu": "per-CPU pointer",
    "rcu": "pointer protected by RCU",
    "kptr": "pointer kept in a BPF map",
    "kptr_ref": "pointer kept in a BPF map",
    "kptr_untrusted": "untrusted pointer kept in a BPF map",
    "percpu_kptr": "per-CPU pointer kept in a BPF map",
    "uptr": "pointer into user space, kept in a BPF map",
}
_QUALIFIERS = (Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG)
_LEADING = (*_QUALIFIERS, Kind.TYPEDEF, Kind.PTR, Kind.ARRAY)
_MAX_POINTERS = 32


def tags_in(btf: TypeTable, type_id: int) -> Iterator[str]:
    """Yield the type tags between a declaration and its type, passing through pointers.

    Those inside a typedef belong to the typedef.
    """
    for _ in range(_MAX_POINTERS):
        yield from btf.type_tags(type_id)
        if btf.kind(type_id) not in (Kind.PTR, Kind.ARRAY, *_QUALIFIERS):
            return
        inner = btf.type(type_id)
        if isinstance(inner, types.Ptr | types.Array):
            type_id = inner.type_id
            continue
        base = btf.skip_modifiers(type_id)
        if not isinstance(base, types.Ptr | types.Array):
            return
        type_id = base.type_id


class TypeTagged:
    """Which types and prototypes have type tags, for several BTFs that are split from one.

    What is found in a base is remembered: a kernel has hundreds of BTFs, and the base a hundred
    thousand types.
    """

    def __init__(self) -> None:
        self._types: dict[Btf, set[int]] = {}
        self._prototypes: dict[Btf, set[int]] = {}

    def types(self, btf: Btf) -> set[int]:
        """Return the ids of all types, the base's too, for which `tags_in()` may yield anything."""
        known = self._types.get(btf)
        if known is None:
            tags = set(btf.ids(Kind.TYPE_TAG))
            if btf.base is not None:
                tags |= self.types(btf.base)
            known = self._types[btf] = btf.leading_to(_LEADING, tags) if tags else tags
        return known

    def prototypes(self, btf: Btf) -> set[int]:
        """Return the ids of all prototypes, the base's too, with such a parameter or result."""
        known = self._prototypes.get(btf)
        if known is None:
            known = {proto.id for proto in btf.users(Kind.FUNC_PROTO, self.types(btf))}
            if btf.base is not None:
                known |= self.prototypes(btf.base)
            self._prototypes[btf] = known
        return known
