"""How to walk a container: the type of its entries, its walker, and the loops over it."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from btfdump._annotate.members import CHAIN
from btfdump._decode.layout import StructLayout
from btfdump._decode.paths import split_path
from btfdump._kernel.evidence import choose_by_evidence
from btfdump._kernel.expression import Path, excerpt
from btfdump._walk import FAMILIES, Head, walker_of
from btfdump._walk.lists import POISONS
from btfdump.errors import CorruptDataError, FaultError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfdump._annotate.facts import Expansion, MemberFacts
    from btfdump._btf import types
    from btfdump._decode.layout import Layouts
    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Following
    from btfdump._kernel.typed import TypedAddress
    from btfdump._walk import Item, Walker


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
    elif facts is not None and facts.length is not None:
        reason = f"it is no container but an array of {excerpt(facts.length)} elements"
    elif facts is not None and facts.unmet:
        stated = ", ".join(facts.unmet)
        reason = f"its element type is stated only on a condition that is not met here: {stated}"
    raise CorruptDataError(
        f"{value.type_} at {value.address_:#x} cannot be walked: {reason}", value.address_
    )


def is_perhaps_one(value: TypedAddress) -> bool:
    """Whether a value is a container by its type, or something is stated of its entries."""
    facts = value.facts_
    if facts is not None and (
        facts.is_container or facts.problems or facts.length is not None or facts.unmet
    ):
        return True
    layout = value._layout_
    return isinstance(layout, StructLayout) and layout.type.name in FAMILIES


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
    from btfdump._decode.compiled.projection import compile_reader
    from btfdump._walk.quick import ADDRESS, walk_quickly

    context, layouts = value._context_, value._context_.layouts
    element = layouts.of(expansion.element)
    assert isinstance(element, StructLayout)
    count, is_whole = 0, False
    is_plain = facts is None or facts.skip is None
    circular = expansion.head == "list_head"
    is_quick = expansion.head in ("list_head", "hlist_head") and is_plain
    is_quick = is_quick and not context.target.is_live
    if not is_within(layouts, element, paths):
        following = through_pointers(context, element, paths)
        if is_quick and following.is_plain:
            pieces = walk_quickly(layouts, element, (ADDRESS,), head, POISONS, circular=circular)
            count, is_whole = yield from following.pieces(pieces)
        if not is_whole:
            for entry in islice(value.walk_(), count, None):
                yield [following.of(entry)]
        following.check()
        return
    bounds = context._bounds
    if bounds is not None and any(bounds.may_lack(element, path) for path in paths):
        for entry in value.walk_():
            yield [row(entry, paths, None)]
        return
    if is_quick:
        pieces = walk_quickly(layouts, element, paths, head, POISONS, circular=circular)
        count, is_whole = yield from pieces
    if not is_whole:  # the careful walker does the rest
        read = compile_reader(layouts, element, paths)
        for entry in islice(value.walk_(), count, None):
            yield [row(entry, paths, read)]


def row(
    entry: TypedAddress,
    paths: tuple[str, ...],
    read: Callable[[bytes], tuple[Any, ...]] | None,
) -> tuple[Any, ...]:
    """Return the members `paths` of an entry; `read`, if there is one, has been compiled for them.

    Raises `MemberNotFoundError` and `FaultError`.
    """
    if read is not None:
        try:
            return read(entry.bytes_())
        except FaultError:  # these members may still be readable
            pass
    return tuple(member_at(entry, path).value_() for path in paths)


def is_within(layouts: Layouts, struct: StructLayout, paths: Sequence[str]) -> bool:
    """Whether all of the members at dotted paths lie in the struct itself, behind no pointer."""
    for path in paths:
        try:
            layouts.locate(struct, path)
        except MemberNotFoundError:
            return False
    return True


def through_pointers(context: Context, struct: StructLayout, paths: Sequence[str]) -> Following:
    """Return what reads members of objects of a type at paths that pass through pointers.

    Raises `MemberNotFoundError`.
    """
    from btfdump._kernel.following import Following

    return Following(context, struct, paths, name=struct.base.name)


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
