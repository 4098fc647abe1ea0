"""How to walk a container: the type of its entries, its walker, and the loops over it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from btfdump._annotate.members import CHAIN
from btfdump._decode.compiled.projection import compile_reader
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.paths import split_path
from btfdump._kernel.evidence import choose_by_evidence
from btfdump._kernel.expression import Path
from btfdump._kernel.pointers import destination
from btfdump._walk import Head, walker_of
from btfdump._walk.lists import POISONS
from btfdump._walk.quick import walk_quickly
from btfdump.errors import CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import Expansion, MemberFacts
    from btfdump._btf import types
    from btfdump._kernel.typed import TypedAddress
    from btfdump._walk import Item, Walker

PIECE = 512
"""Elements read at once from an array whose length C does not state."""


def expansion_of(value: TypedAddress, facts: MemberFacts | None) -> Expansion:
    """Return how the entries of the container `value` are typed and linked.

    `facts` is what is known of the member that `value` is. Raises `CorruptDataError` if nothing
    states the element type, if a statement does not fit the types, or if several candidates remain.
    """
    if facts is not None and facts.expansion is not None:
        return facts.expansion
    reason = "no tag, overlay or library entry names its element type"
    if facts is not None and facts.problems:
        reason = "; ".join(facts.problems)
    elif facts is not None and facts.candidates:
        chosen = choose_by_evidence(value, facts.candidates)
        if chosen is not None:
            return chosen
        reason = f"ambiguous: {facts.choices}"
    elif facts is not None and facts.unmet:
        stated = ", ".join(facts.unmet)
        reason = f"its element type is stated only on a condition that is not met here: {stated}"
    raise CorruptDataError(
        f"{value.type_} at {value.address_:#x} cannot be walked: {reason}", value.address_
    )


def map_value_type(holder: TypedAddress, typed_by: str) -> tuple[types.Type, str]:
    """Return the type of a BPF map's values, and the source that states it.

    `typed_by` is the path from `holder` to the map (`struct bpf_map *`). Raises `CorruptDataError`
    if the type is not known, and `FaultError` if the path cannot be read.
    """
    known = holder._context_._map_types
    if known is None:
        raise CorruptDataError("the types of map values are not known", holder.address_)
    return known.value_type(Path.parse(f".{typed_by}").follow(holder))


def is_behind(expansion: Expansion) -> bool:
    """Whether a pointer with this expansion points to a container, rather than being in one."""
    return expansion.head != CHAIN


def head_of(value: TypedAddress, expansion: Expansion, index: int = 0) -> Head:
    """Return the `Head` from which a walker walks the container whose head is `value`.

    `index` is the number of that head in an array of heads, 0 for a single head.
    """
    context = value._context_
    return Head(
        context.target,
        context.target.platform,
        value.address_,
        expansion.link_offset + index * expansion.link_stride,
        expansion.element.size,
        value._slice_(0, value._layout_.size),
        context,
        context.target.is_live,
    )


def items_of(value: TypedAddress, expansion: Expansion, index: int = 0) -> Iterator[Item]:
    """Walk the container whose head is `value`.

    `index` is the number of that head in an array of heads, 0 for a single head.
    """
    return _walker(expansion).items(head_of(value, expansion, index))


def links_of(value: TypedAddress, expansion: Expansion, index: int = 0) -> Iterator[Item]:
    """Walk the container whose head is `value` once, reading links only and no entries.

    `index` is the number of that head in an array of heads, 0 for a single head.
    """
    head = replace(head_of(value, expansion, index), element_size=0, data=None)
    return _walker(expansion).once(head)


def pieces_of(
    value: TypedAddress, facts: MemberFacts, count: int
) -> Iterator[tuple[int, types.Array, int]]:
    """Split an array of `count` elements into pieces of at most `PIECE` elements.

    `value` is the array, or a pointer to its first element. Yields (index of the first element,
    array type, virtual address) for each piece. Raises the same errors as `destination()`, unless
    there are no elements: an array that was never needed is often a NULL pointer.
    """
    if not count:
        return
    layout, context = value._layout_, value._context_
    if isinstance(layout, ArrayLayout):
        element, start = layout.base.btf.type(layout.base.type_id), value.address_
    else:
        element, start = destination(value, facts)
    size = context.layouts.of(element).size
    for first in range(0, count if size else 0, PIECE):
        array = context.array(element, min(PIECE, count - first))
        yield first, array, context.wrap(start + first * size)


def projected(
    value: TypedAddress,
    expansion: Expansion,
    head: Head,
    paths: tuple[str, ...],
    facts: MemberFacts | None,
) -> Iterator[list[tuple[Any, ...]]]:
    """Walk a container and yield lists of tuples, one tuple of the members `paths` per entry.

    Compiled code does the work if every entry is wanted, until it meets something irregular; the
    careful walker does the rest. Raises the same errors as `Value.project_()`.
    """
    context, layouts = value._context_, value._context_.layouts
    element = layouts.of(expansion.element)
    assert isinstance(element, StructLayout)
    count, is_whole = 0, False
    is_plain = facts is None or facts.skip is None
    bounds = context._bounds
    if bounds is not None and any(bounds.may_lack(element, path) for path in paths):
        for entry in value.walk_():
            yield [tuple(member_at(entry, path).value_() for path in paths)]
        return
    if expansion.head in ("list_head", "hlist_head") and is_plain and not context.target.is_live:
        circular = expansion.head == "list_head"
        pieces = walk_quickly(layouts, element, paths, head, POISONS, circular=circular)
        count, is_whole = yield from pieces
    if not is_whole:  # the careful walker does the rest
        read = compile_reader(layouts, element, paths)
        for entry in islice(value.walk_(), count, None):
            try:
                yield [read(entry.bytes_())]
            except FaultError:  # these members may still be readable
                yield [tuple(member_at(entry, path).value_() for path in paths)]


def member_at(value: TypedAddress, path: str) -> TypedAddress:
    """Return the member of `value` at a dotted path.

    Raises `MemberNotFoundError`, and `FaultError` if a pointer on the way cannot be read.
    """
    for name in split_path(path):
        value = value.member_(name)
    return value


def _walker(expansion: Expansion) -> Walker:
    walker = walker_of(expansion.head)
    assert walker is not None  # expansions exist only for containers that have a walker
    return walker
