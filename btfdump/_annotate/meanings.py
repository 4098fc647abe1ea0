"""What annotations say that values mean, for one kernel: on a member, or of all of a type.

Checked here is that a value is of a size and kind of which that can be said, and that the names of
its bits exist. btfdump/_meaning turns values into words.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from btfdump._annotate.enumerators import bit_names, value_names
from btfdump._annotate.grammar import Show, as_meaning, parse
from btfdump._btf import types
from btfdump._btf.members import MAX_NESTING
from btfdump._meaning import Meaning
from btfdump._meaning.site import Site
from btfdump._meaning.vocabulary import meaning_of
from btfdump.errors import AnnotationError, BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._annotate.grammar import Annotation, Means
    from btfdump._annotate.lookup import Lookup
    from btfdump._annotate.overlay import Overlay
    from btfdump._btf.types import TypeTable
    from btfdump._meaning import Surroundings

_NETWORK = frozenset(("__be16", "__be32", "__be64"))
"""Typedefs of numbers in network byte order (include/uapi/linux/types.h)."""
_SIZES = frozenset((1, 2, 4, 8))
_UNNAMED = (types.Int, types.Ptr, types.Array, types.Enum, types.Float, types.Void)
"""Types of which nothing is said by name."""
_HEX = Meaning("show:hex", text=lambda value: "", base=16)


class Meanings:
    """Makes meanings of what `sources` say, in order of authority.

    `surroundings` is the kernel, or None where there are only types.
    """

    def __init__(
        self, sources: Sequence[Overlay], lookup: Lookup, surroundings: Surroundings | None
    ) -> None:
        self._sources = sources
        self._lookup = lookup
        self._surroundings = surroundings
        self._named = {name for source in sources for name in source.scalars()}
        self._stated: dict[tuple[Means, types.Type, TypeTable], Meaning] = {}

    def of(self, stated: Means, type_: types.Type, near: TypeTable) -> Meaning:
        """Return what is stated of values of a type, names being those of `near`.

        Raises `AnnotationError` if it cannot be said of them.
        """
        key = stated, type_, near
        known = self._stated.get(key)
        if known is None:
            site = self._site(type_, near)
            known = self._stated[key] = meaning_of(stated.word, stated.argument, site)
        return known

    def find(self, stated: Means, type_: types.Type, near: TypeTable) -> Meaning | None:
        """Return the same, or None if it cannot be said of them."""
        try:
            return self.of(stated, type_, near)
        except AnnotationError:
            return None

    def of_member(self, stated: Means, struct: types.Composite, index: int) -> Meaning | None:
        """Return the same for values of a member of a struct."""
        return self.find(stated, struct.members[index].type, struct.btf)

    def of_type(self, type_: types.Type) -> Meaning | None:
        """Return what all values of a type mean: by the typedefs it goes by, or its struct."""
        found = self.stated_of_type(type_)
        return found[0] if found is not None else None

    def stated_of_type(self, type_: types.Type) -> tuple[Meaning, str] | None:
        """Return the same, and who says so: "library", "tag", "overlay FILE"."""
        if isinstance(type_, _UNNAMED):  # as most are
            return None
        for declared in _declared(type_):
            for source, stated in self._about(declared):
                for annotation in stated:
                    found = self._fitting(annotation, type_)
                    if found is not None:
                        return found, source
        return None

    def stated(self, annotation: Annotation, type_: types.Type) -> Meaning | None:
        """Return what an annotation on a type says of its values, None if nothing.

        Raises `AnnotationError` if it cannot be said of them.
        """
        if isinstance(annotation, Show) and annotation.how == "hex":
            return _HEX
        means = as_meaning(annotation)
        return self.of(means, type_, type_.btf) if means is not None else None

    def _fitting(self, annotation: Annotation, type_: types.Type) -> Meaning | None:
        """Return the same, None if it cannot be said: `check` and `tags` tell, kernels differ."""
        try:
            return self.stated(annotation, type_)
        except AnnotationError:
            return None

    def _about(self, declared: types.Type) -> Iterator[tuple[str, Iterable[Annotation]]]:
        """Yield what is said of a typedef or struct, by authority: tags come before the library."""
        tags = [tag for tag in declared.btf.decl_tags(declared.id) if tag.component_index < 0]
        if not tags and declared.name not in self._named:
            return
        for source in self._sources:
            if tags and source.source == "library":
                yield _tagged(tags)
                tags = []
            yield source.source, chain.from_iterable(source.scalar(declared.name))
        if tags:
            yield _tagged(tags)

    def _site(self, type_: types.Type, near: TypeTable) -> Site:
        btf = type_.btf
        base = btf.skip_modifiers(type_)
        only = _only_scalar(base)
        try:
            size = btf.sizeof(base)
        except BtfFormatError as error:
            raise AnnotationError(f"{type_} has no size") from error
        surroundings, lookup = self._surroundings, self._lookup
        return Site(
            size,
            surroundings.byteorder if surroundings is not None else btf.byteorder,
            btf.pointer_size or 8,
            not _NETWORK.isdisjoint(one.name for one in _declared(type_)),
            isinstance(base, types.Ptr),
            only is None or size not in _SIZES,
            lambda names, is_bits: bit_names(names, near, lookup, is_bits=is_bits),
            lambda names: value_names(names, near, lookup),
            surroundings,
            isinstance(base, types.Array),
        )


def _tagged(tags: Iterable[types.DeclTag]) -> tuple[str, Iterable[Annotation]]:
    """Return what the tags on a type say; attributes are not ours."""
    return "tag", [parse(tag.text) for tag in tags if not tag.is_attribute]


def _declared(type_: types.Type) -> list[types.Typedef | types.Composite]:
    """Return a type's typedefs, the outermost first, and its struct."""
    found = []
    for _ in range(MAX_NESTING * 2):
        if isinstance(type_, types.Typedef | types.Composite):
            found.append(type_)
        if not isinstance(type_, types.Reference) or isinstance(type_, types.Ptr):
            break
        type_ = type_.btf.type(type_.type_id)
    return found


def _only_scalar(base: types.Type) -> types.Type | None:
    """Return the scalar that a type is, or that a struct of just one consists of; else None."""
    for _ in range(MAX_NESTING):
        if isinstance(base, types.Int | types.Enum | types.Ptr):
            return base
        if isinstance(base, types.Array) and base.length == 1:
            base = base.btf.skip_modifiers(base.type_id)
        elif isinstance(base, types.Composite) and len(base.members) == 1:
            base = base.btf.skip_modifiers(base.members[0].type_id)
        else:
            return None
    return None
