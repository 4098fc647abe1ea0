"""Value: a typed address, read when looked into.

Members are reached as in drgn: `task.comm`, `task["comm"]`, through pointers too. Names of our own
end in `_`, so that no C member can collide with them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from btfdump.annotate.members import CHAIN, head_type
from btfdump.btf import types
from btfdump.decode.compiled.projection import compile_reader
from btfdump.decode.fields import bits_to_python, decode_text, to_python
from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout, StructLayout
from btfdump.decode.scope import Scope, stated_by
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError, MemberNotFoundError
from btfdump.kernel.evidence import choose_by_evidence
from btfdump.kernel.expression import Path, applying, evaluate
from btfdump.kernel.pointers import Globals, address_of, pointer_space, read_string, target_of
from btfdump.walk import Anomaly, Entry, Head, ValueEntry, walker_of
from btfdump.walk.lists import POISONS
from btfdump.walk.quick import walk_quickly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump.annotate.facts import Expansion, MemberFacts
    from btfdump.decode.layout import Layout
    from btfdump.decode.scope import Stated
    from btfdump.kernel.context import Context
    from btfdump.kernel.expression import Scope as Names
    from btfdump.walk import Item, Key, Walker

MAX_STRING = 4096
"""Longest C string that is read through a pointer, in bytes."""
MAX_POINTERS = 8
"""Pointers to pointers that are followed to a struct: C programs have two."""


class Value:
    """An object of type `type_` at `address_` (a virtual address, always an int).

    Nothing is read until a value is asked for. Then the object is read once, as a whole, and its
    members share the bytes. For a bit field, `bit_size_` is its width in bits and it starts
    `bit_offset_` bits after `address_`; for anything else `bit_size_` is 0. `key_` says where an
    entry was found in a container with keys: an index, a range (first, last), words, or None.
    """

    __slots__ = (
        "_context",
        "_data",
        "_facts",
        "_index",
        "_layout",
        "_outer",
        "_stated",
        "address_",
        "bit_offset_",
        "bit_size_",
        "key_",
        "type_",
    )

    def __init__(
        self,
        context: Context,
        type_: types.Type,
        address: int,
        data: bytes | None = None,
        *,
        bit_offset: int = 0,
        bit_size: int = 0,
        facts: MemberFacts | None = None,
        outer: tuple[Value, str] | None = None,
        index: int = 0,
        key: Key = None,
        stated: Stated = (),
    ) -> None:
        self._context = context
        self._layout: Layout | None = None
        self._data = data
        self._facts = facts
        self._outer = outer
        self._index = index
        self._stated = stated
        self.type_ = type_
        self.address_ = address
        self.bit_offset_ = bit_offset
        self.bit_size_ = bit_size
        self.key_ = key

    def __repr__(self) -> str:
        try:
            plain = self._scalar_or_text()
        except BtfdumpError:
            plain = None
        shown = f" = {plain!r}" if plain is not None else ""
        return f"<Value {self.type_}{shown} at {self.address_:#x}>"

    def __eq__(self, other: object) -> bool:
        """Compare as C would: scalars and pointers by value, char arrays with a str by text.

        Structs and other arrays are equal if they are the same object: address and type.
        """
        if isinstance(other, int | float | str):
            comparable = isinstance(self._scalar_or_text(), str) == isinstance(other, str)
            return comparable and bool(self._scalar_or_text() == other)
        if not isinstance(other, Value):
            return NotImplemented
        if isinstance(self.layout_, ScalarLayout) and isinstance(other.layout_, ScalarLayout):
            return bool(self.value_() == other.value_())
        return (self.address_, self.type_) == (other.address_, other.type_)

    def __hash__(self) -> int:
        plain = self._scalar_or_text()
        return hash(plain if plain is not None else (self.address_, self.type_))

    def _scalar_or_text(self) -> Any:
        """Return the value of a scalar or a char array, None for anything else."""
        layout = self.layout_
        if isinstance(layout, ScalarLayout) or (isinstance(layout, ArrayLayout) and layout.is_text):
            return self.value_()
        return None

    def __bool__(self) -> bool:
        """Whether a scalar or pointer is not zero; a struct or array always is true."""
        return bool(self.value_()) if isinstance(self.layout_, ScalarLayout) else True

    def __int__(self) -> int:
        value = self.value_()
        if not isinstance(value, int):
            raise TypeError(f"{self.type_} is not an integer")
        return int(value)

    __index__ = __int__

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # Python's own protocols, not C members
        return self.member_(name)

    def __getitem__(self, key: str | int) -> Value:
        """Return a member by name, an array or pointer element by index, a container's entry."""
        if isinstance(key, str):
            return self.member_(key)
        layout = self.layout_
        if isinstance(layout, ArrayLayout):
            index = key + layout.length if key < 0 and layout.length else key
            if layout.length and not 0 <= index < layout.length:
                raise IndexError(f"index {key} is outside of {self.type_}")
            element = layout.base.btf.type(layout.base.type_id)
            return self._part(
                element, index * layout.element.size, layout.element.size, index=index
            )
        if self.is_pointer_:
            return self._pointee(key)
        count = 0
        for entry in self.walk_():
            if count == key:
                return entry
            count += 1
        raise IndexError(f"no entry {key} in {self.type_} at {self.address_:#x}: it has {count}")

    def __iter__(self) -> Iterator[Value]:
        layout = self.layout_
        if not isinstance(layout, ArrayLayout):
            raise TypeError(f"{self.type_} is not an array; a container is walked by walk_()")
        return (self[index] for index in range(layout.length))

    def __len__(self) -> int:
        layout = self.layout_
        if not isinstance(layout, ArrayLayout):
            raise TypeError(f"{self.type_} is not an array")
        return layout.length

    def __dir__(self) -> list[str]:
        layout = self._struct()
        names = self._context.layouts.member_names(layout) if layout is not None else []
        return [*names, *(name for name in dir(type(self)) if name.endswith("_"))]

    @property
    def layout_(self) -> Layout:
        """The layout of the type."""
        if self._layout is None:
            self._layout = self._context.layouts.of(self.type_)
        return self._layout

    @property
    def context_(self) -> Context:
        """The kernel that the value belongs to."""
        return self._context

    @property
    def size_(self) -> int:
        """The size of the object in bytes."""
        return self.layout_.size

    @property
    def facts_(self) -> MemberFacts | None:
        """What annotations say about the member that this value is."""
        return self._facts

    @property
    def outer_(self) -> tuple[Value, str] | None:
        """The struct that this is a member of, and the member's name, where it was reached so."""
        return self._outer

    @property
    def stated_(self) -> Stated:
        """What the way that led here says of the object's members (btfdump/decode/scope.py)."""
        return self._stated

    @property
    def is_pointer_(self) -> bool:
        """Whether the type, its modifiers stripped, is a pointer."""
        layout = self.layout_
        return isinstance(layout, ScalarLayout) and layout.category is Category.POINTER

    def bytes_(self) -> bytes:
        """Read the object's bytes, once; raises `FaultError` if they cannot all be read."""
        if self._data is None:
            size = self.size_
            if self.bit_size_:
                size = (self.bit_offset_ + self.bit_size_ + 7) // 8
            self._data = self._context.target.read(self.address_, size)
        return self._data

    def slice_(self, offset: int, size: int) -> bytes | None:
        """Return `size` bytes from byte `offset` on if they have been read already, else None."""
        data = self._data
        if data is None or size <= 0 or offset < 0 or offset + size > len(data):
            return None
        return data[offset : offset + size]

    def span_(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from byte `offset` on, read now if necessary; raises `FaultError`."""
        data = self.slice_(offset, size)
        if data is None:
            data = self._context.target.read(self._context.wrap(self.address_ + offset), size)
        return data

    def read_(self) -> Value:
        """Read the whole object now, so that its members cost no more reads; return itself.

        Raises `FaultError` if it cannot all be read.
        """
        self.bytes_()
        return self

    def value_(self) -> Any:
        """Return the value as a Python object.

        That is an int, bool or float for a scalar, an int (the address) for a pointer, an str for a
        char array, bytes for what BTF does not describe, a dict for a struct or union, and a list
        for an array. Raises `FaultError` if the object cannot be read.
        """
        data = self.bytes_()
        if self.bit_size_:
            return bits_to_python(
                self._context.layouts, self.layout_, self.bit_offset_, self.bit_size_, data
            )
        return to_python(self._context.layouts, self.layout_, data)

    def enumerator_(self) -> str | None:
        """Return the name of an enum's value, or None if no enumerator has that value.

        Raises `TypeError` if the type is not an enum, and `FaultError`.
        """
        base = self.type_.btf.skip_modifiers(self.type_)
        if not isinstance(base, types.Enum | types.Enum64):
            raise TypeError(f"{self.type_} is not an enum")
        return base.names.get(int(self))

    def string_(self, limit: int = MAX_STRING) -> str:
        """Return the C string in a char array, or the one that a pointer points to.

        `limit` is the most bytes that are read through a pointer. Bytes that are not UTF-8 become
        `\\xNN`. Raises `FaultError`.
        """
        if not self.is_pointer_:
            return decode_text(self.bytes_())
        return decode_text(read_string(self._context, int(self), limit))

    def member_(self, name: str) -> Value:
        """Return the member `name`, through a pointer if this is one, or of what `typed_()` gives.

        Raises `MemberNotFoundError`, and `FaultError` where the pointer cannot be read.
        """
        if self.is_pointer_:
            return self._pointee(0).member_(name)
        if self._facts is not None and self._facts.typed_by is not None:
            return self.typed_().member_(name)
        layout = self.layout_
        if not isinstance(layout, StructLayout):
            raise MemberNotFoundError(f"{self.type_} is not a struct or union: no member {name!r}")
        owner, index, base_bits = self._context.layouts.find_member(layout, name)
        member = owner.members[index]
        type_ = owner.base.btf.type(member.member.type_id)
        scope = Scope(self._context.facts(layout), self._stated)
        if owner is not layout:  # an anonymous struct inside
            scope = Scope(self._context.facts(owner), scope.stated)
        facts: MemberFacts | None = scope.of(index, name)
        if facts is not None and facts.cases:
            facts = applying(facts, self.scopes_())
        if member.bit_size:
            start, bits = divmod(base_bits + member.bit_offset, 8)
            size = (bits + member.bit_size + 7) // 8
            return self._part(
                type_, start, size, bits=(bits, member.bit_size), facts=facts, outer=(self, name)
            )
        offset = base_bits // 8 + member.offset
        inner = self._context.layouts.of_member(member, owner)
        if facts is None and isinstance(inner, StructLayout):
            facts = self._context.container_facts(inner)
        return self._part(
            type_,
            offset,
            inner.size,
            facts=facts,
            outer=(self, name),
            stated=scope.inside(name),
        )

    def has_member_(self, name: str) -> bool:
        """Whether `member_(name)` finds a member: of anonymous structs too, through pointers too.

        Types alone tell, nothing is read (but see `typed_()`, which may raise, for such bytes).
        """
        if self._facts is not None and self._facts.typed_by is not None:
            return self.typed_().has_member_(name)
        layout = self._struct()
        if layout is None:
            return False
        try:
            self._context.layouts.find_member(layout, name)
        except MemberNotFoundError:
            return False
        return True

    def _struct(self) -> StructLayout | None:
        """Return the layout of the struct whose members this has, through pointers, else None."""
        layout, facts = self.layout_, self._facts
        for _ in range(MAX_POINTERS):
            if not isinstance(layout, ScalarLayout):
                break
            target = target_of(self._context, layout, facts)
            if target is None:
                return None
            layout, facts = self._context.layouts.of(target), None
        return layout if isinstance(layout, StructLayout) else None

    def scopes_(self) -> list[Value]:
        """Return this struct and those it is a member of, the innermost first."""
        scopes = [self]
        while scopes[-1]._outer is not None:
            scopes.append(scopes[-1]._outer[0])
        return scopes

    def around_(self) -> Sequence[Names]:
        """Return what names in expressions about this value stand for members of.

        Those are the structs that it is a member of, the innermost first; of a global variable, the
        kernel itself.
        """
        return self._outer[0].scopes_() if self._outer is not None else (Globals(self),)

    def _part(
        self,
        type_: types.Type,
        offset: int,
        size: int,
        *,
        bits: tuple[int, int] = (0, 0),
        facts: MemberFacts | None = None,
        outer: tuple[Value, str] | None = None,
        stated: Stated = (),
        index: int = 0,
    ) -> Value:
        if outer is None:  # an array's element: what is known of the array holds for it
            facts, outer, stated = self._facts, self._outer, self._stated
        return Value(
            self._context,
            type_,
            self._context.wrap(self.address_ + offset),
            self.slice_(offset, size),
            bit_offset=bits[0],
            bit_size=bits[1],
            facts=facts,
            outer=outer,
            index=index,
            stated=stated,
        )

    def _pointee(self, index: int) -> Value:
        address = int(self)
        base = self.type_.btf.skip_modifiers(self.type_)
        assert isinstance(base, types.Ptr)
        target = base.btf.type(base.type_id)
        while isinstance(target, types.TypeTag):  # says something of the pointer, not the object
            target = target.target
        target = self._context.real_struct(base.btf.skip_modifiers(target)) or target
        facts = self._facts
        if facts is not None and facts.points_to is not None:
            target = facts.points_to
            holder = self._outer[0] if self._outer is not None else self
            address = address_of(holder, address, facts) if address else 0
        if not address:
            name = self._outer[1] if self._outer is not None else "the pointer"
            raise FaultError(0, 0, f"{name} is NULL ({self.type_})")
        space = pointer_space(base, self._facts)
        if space in ("user", "percpu"):
            raise FaultError(address, 0, f"{address:#x} is a __{space} pointer ({self.type_})")
        size = self._context.layouts.of(target).size if index else 0
        address = self._context.wrap(address + index * size)
        if facts is None:
            return Value(self._context, target, address)
        is_head = facts.is_container and head_type(target) is not None
        known = replace(facts, length=None) if is_head else None
        return Value(
            self._context, target, address, facts=known, index=index, stated=stated_by(facts.behind)
        )

    def at_(self, type_: types.Type, address: int) -> Value:
        """Return the object of `type_` at `address` of the same kernel."""
        return Value(self._context, type_, address)

    def deref_(self) -> Value:
        """Return what a pointer points to.

        Raises `TypeError` if this is not a pointer, and `FaultError` for NULL, for `__user` and
        `__percpu` pointers, and if the pointer itself cannot be read.
        """
        if not self.is_pointer_:
            raise TypeError(f"{self.type_} is not a pointer")
        return self._pointee(0)

    def typed_(self) -> Value:
        """Return the value of a BPF map that bytes, such as local storage, are.

        `facts_.provenance` of what is returned says which map. Raises `TypeError` for any other
        member, `CorruptDataError` where the map's values have no type, `FaultError`.
        """
        facts = self._facts
        if facts is None or facts.typed_by is None or self._outer is None:
            raise TypeError(f"{self.type_} says itself what it is")
        if self._context.map_types is None:
            raise CorruptDataError("the types of map values are not known", self.address_)
        map_ = Path.parse(f".{facts.typed_by}").follow(self._outer[0])
        type_, source = self._context.map_types.value_type(map_)
        known = replace(facts, typed_by=None, is_typed=True, length=None, provenance=source)
        return Value(self._context, type_, self.address_, facts=known, outer=self._outer)

    def expansion_(self) -> Expansion:
        """Return how this container's entries are typed and linked.

        Raises `CorruptDataError` where nothing says it, or what says it does not fit.
        """
        facts = self._facts
        if facts is not None and facts.expansion is not None:
            return facts.expansion
        reason = "no tag, overlay or library entry names its element type"
        if facts is not None and facts.problems:
            reason = "; ".join(facts.problems)
        elif facts is not None and facts.candidates:
            chosen = choose_by_evidence(self, facts.candidates)
            if chosen is not None:
                return chosen
            reason = "ambiguous: " + ", ".join(
                f"{c.element.name}:{c.node}" for c in facts.candidates
            )
        raise CorruptDataError(
            f"{self.type_} at {self.address_:#x} cannot be walked: {reason}", self.address_
        )

    def walk_(self) -> Iterator[Value]:
        """Walk the entries of a container, as Values of the element type.

        Entries that are not objects, such as an xarray's value entries, are passed over. Raises
        `CorruptDataError` at the start if the element type is not known, and at the end if the walk
        broke off early or lost entries; every entry that can be reached has been yielded by then.
        """
        trouble: Anomaly | None = None
        for item in self.entries_():
            if isinstance(item, Value):
                yield item
            elif isinstance(item, Anomaly) and item.ends and trouble is None:
                trouble = item
        if trouble is not None:
            raise CorruptDataError(trouble.message, trouble.address)

    def project_(self, *paths: str) -> Iterator[tuple[Any, ...]]:
        """Walk a container and yield a tuple of the members `paths` of each entry.

        Paths are dotted, stay within the element, and lead through no pointer; values are as
        `value_()` returns them. This is the fast way through long lists: the loop is compiled, an
        entry is read once, and up to 256 are read ahead. Raises `MemberNotFoundError`, and what
        `walk_()` raises.
        """
        return chain.from_iterable(self._projected(paths))

    def _projected(self, paths: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
        expansion = self.expansion_()
        layouts = self._context.layouts
        element = layouts.of(expansion.element)
        assert isinstance(element, StructLayout)
        count, is_whole = 0, False
        is_plain = self._facts is None or self._facts.skip is None
        is_plain = is_plain and not self._context.target.is_live
        if expansion.head in ("list_head", "hlist_head") and is_plain:
            head, circular = head_of(self, expansion), expansion.head == "list_head"
            pieces = walk_quickly(layouts, element, paths, head, POISONS, circular=circular)
            count, is_whole = yield from pieces
        if not is_whole:  # something is out of order: go on with all care
            read = compile_reader(layouts, element, paths)
            for entry in islice(self.walk_(), count, None):
                try:
                    yield [read(entry.bytes_())]
                except FaultError:  # the members may be readable where the whole is not
                    names = (path.split(".") for path in paths)
                    yield [tuple(reduce(Value.member_, n, entry).value_() for n in names)]

    def entries_(
        self, expansion: Expansion | None = None
    ) -> Iterator[Value | ValueEntry | Anomaly]:
        """Walk the entries of a container and what is wrong with it, in the order they are met.

        `expansion` says how they are typed and linked; without, the annotations do.
        """
        expansion = expansion or self.expansion_()
        holder = self._holder_of(expansion)
        yield from holder._values(items_of(holder, expansion), expansion)

    def links_(self, expansion: Expansion) -> Iterator[Value | ValueEntry | Anomaly]:
        """Walk a container once and as it is now, along links alone: its entries are not read."""
        holder = self._holder_of(expansion)
        yield from holder._values(links_of(holder, expansion), expansion)

    def _holder_of(self, expansion: Expansion) -> Value:
        """Return what holds the container's head: this, or what this points to."""
        return self._pointee(0) if self.is_pointer_ and expansion.head != CHAIN else self

    def _values(
        self, items: Iterator[Item], expansion: Expansion
    ) -> Iterator[Value | ValueEntry | Anomaly]:
        skip = self._facts.skip if self._facts is not None else None
        for item in items:
            if not isinstance(item, Entry):
                yield item
                continue
            entry = Value(self._context, expansion.element, item.address, item.data, key=item.key)
            if skip is not None:
                try:
                    if evaluate((entry,), skip, "skip"):
                        continue
                except BtfdumpError as error:
                    yield Anomaly(f"skip:{skip}: {error}", item.address)
            yield entry


def head_of(value: Value, expansion: Expansion) -> Head:
    """Return what a walker needs to walk the container that `value` is the head of."""
    offset = expansion.link_offset + value._index * expansion.link_stride
    return Head(
        value.context_.target,
        value.context_.target.platform,
        value.address_,
        offset,
        expansion.element.size,
        value.slice_(0, value.size_),
        value.context_,
        value.context_.target.is_live,
    )


def items_of(value: Value, expansion: Expansion) -> Iterator[Item]:
    """Walk the container that `value` is the head of."""
    return _walker(expansion).items(head_of(value, expansion))


def links_of(value: Value, expansion: Expansion) -> Iterator[Item]:
    """Walk the container that `value` is the head of along links alone, once."""
    head = replace(head_of(value, expansion), element_size=0, data=None)
    return _walker(expansion).once(head)


def _walker(expansion: Expansion) -> Walker:
    walker = walker_of(expansion.head)
    assert walker is not None  # an expansion is made for what can be walked
    return walker
