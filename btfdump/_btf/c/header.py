"""A header in C with the types of a BTF, which a compiler lays out as the kernel has them.

It is what `bpftool btf dump file FILE format c` writes, that is libbpf's `btf_dump`: a `vmlinux.h`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types as t
from btfdump._btf.wire import Kind

from .definition import Definitions
from .names import Names
from .order import needs_of, ordered
from .packing import Packings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._btf.reader import Btf

_KINDS = frozenset((Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.FWD, Kind.TYPEDEF))
_TAG = "__btf_type_tag"
_BEGIN = """\
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef __has_attribute
#define __has_attribute(x) 0
#endif

#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)
#if __has_attribute(preserve_access_index)
#define __VMLINUX_H_PRESERVES_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif
#endif

"""
_TAGS = f"""\
#if __has_attribute(btf_type_tag)
#define {_TAG}(text) __attribute__((btf_type_tag(text)))
#else
#define {_TAG}(text)
#endif

"""
_END = """\
#ifdef __VMLINUX_H_PRESERVES_ACCESS_INDEX
#pragma clang attribute pop
#undef __VMLINUX_H_PRESERVES_ACCESS_INDEX
#endif

#endif /* __VMLINUX_H__ */
"""


def header(btf: Btf, wanted: Sequence[t.Type] | None = None) -> Iterator[str]:
    """Yield a header, definition by definition: all types of a BTF and its base, or what is wanted.

    What `wanted` types need comes with them. Structs and unions that cannot be written in C, which
    no compiler makes, stand as bytes, with the reason. Raises `BtfFormatError` at a malformed
    record.
    """
    every = [type_ for type_ in every_type(btf) if type_.kind in _KINDS]
    names, packings = Names(every), Packings(btf)
    definitions = Definitions(names, packings, _TAG)
    yield _BEGIN
    if _has_tags(btf):
        yield _TAGS
    roots = every if wanted is None else wanted
    chosen = [
        names.original(one)
        for one in roots
        if one.kind in _KINDS and (one.name or (wanted is not None and isinstance(one, t.Enum)))
    ]
    known: set[int] = set()
    for type_, needs in ordered(chosen, lambda one: needs_of(one, names, packings)):
        for other in needs.declared:
            if other.id not in known:
                known.add(other.id)
                yield f"{definitions.declaration(other)}\n\n"
        if isinstance(type_, t.Fwd) and type_.id in known:
            continue
        known.add(type_.id)
        text = "\n".join(definitions.write(type_))
        if text:
            yield f"{text}\n\n"
    if wanted is None:
        yield from _constants(every, definitions)
    yield _END


def _constants(every: Iterable[t.Type], definitions: Definitions) -> Iterator[str]:
    """Yield the enums without a name that nothing else has in it."""
    for type_ in every:
        if isinstance(type_, t.Enum) and not type_.name and type_.id not in definitions.inlined:
            text = "\n".join(definitions.write(type_))
            if text:
                yield f"{text}\n\n"


def every_type(btf: Btf) -> Iterator[t.Type]:
    if btf.base is not None:
        yield from every_type(btf.base)
    yield from btf.iter_types()


def _has_tags(btf: Btf) -> bool:
    one: Btf | None = btf
    while one is not None:
        if next(one.ids(Kind.TYPE_TAG), None) is not None:
            return True
        one = one.base
    return False
