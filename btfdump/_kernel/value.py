"""Value: a typed address whose memory is read on first use.

Members are reached as in drgn: `task.comm`, `task["comm"]`, also through pointers. Names of our own
end in `_`, so that they cannot collide with C members.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from btfdump._annotate.members import head_type
from btfdump._btf import types
from btfdump._decode.fields import bits_to_python, decode_text, to_python
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._decode.scope import stated_by
from btfdump._kernel import containers, entries
from btfdump._kernel.expression import applying
from btfdump._kernel.object_bytes import ObjectBytes
from btfdump._kernel.per_cpu import behind, is_per_cpu_pointer
from btfdump._kernel.pointers import Globals, destination, read_string, struct_behind
from btfdump.errors import BtfdumpError, FaultError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drgn import Object

    from btfdump._annotate.facts import Expansion, MemberFacts
    from btfdump._decode.layout import FoundMember, Layout
    from btfdump._decode.scope import Stated
    from btfdump._kernel.expression import Scope
    from btfdump._walk import Anomaly, Key, ValueEntry

MAX_STRING = 4096
"""The longest C string that is read through a pointer, in bytes."""


class Value(ObjectBytes):
    """An object of type `type_` at `address_` (a virtual address, always an int).

    Nothing is read until a value is asked for. Then the object is read once, as a whole, and its
    members share the bytes. A bit field is `bit_size_` bits wide and starts `bit_offset_` bits
    after `address_`; for anything else `bit_size_` is 0. `key_` says where an entry was found in a
    container that has keys: an index, a range (first, last), words, or None.
    """

    __slots__ = ()

    _is_of_no_cpu_ = False
    _is_claimed_ = False

    def __repr__(self) -> str:
        try:
            plain = self._scalar_or_text()
        except BtfdumpError:
            plain = None
        shown = f" = {plain!r}" if plain is not None else ""
        return f"<Value {self.type_}{shown} at {self.address_:#x}>"

    def __eq__(self, other: object) -> bool:
        """Compare as C would: scalars and pointers by value, char arrays with a str by text.

        Structs and other arrays are equal if they are the same object: same address and type.
        """
        if isinstance(other, int | float | str):
            comparable = isinstance(self._scalar_or_text(), str) == isinstance(other, str)
            return comparable and bool(self._scalar_or_text() == other)
        if not isinstance(other, Value):
            return NotImplemented
        if isinstance(self._layout_, ScalarLayout) and isinstance(other._layout_, ScalarLayout):
            return bool(self.value_() == other.value_())
        return (self.address_, self.type_) == (other.address_, other.type_)

    def __hash__(self) -> int:
        plain = self._scalar_or_text()
        return hash(plain if plain is not None else (self.address_, self.type_))

    def _scalar_or_text(self) -> Any:
        """Return the value of a scalar or char array, None for anything else."""
        layout = self._layout_
        if isinstance(layout, ScalarLayout) or (isinstance(layout, ArrayLayout) and layout.is_text):
            return self.value_()
        return None

    def __bool__(self) -> bool:
        """Whether a scalar or pointer is not zero; always true for a struct or array."""
        return bool(self.value_()) if isinstance(self._layout_, ScalarLayout) else True

    def __int__(self) -> int:
        """Return an integer, or a pointer's address; raises `TypeError` or `FaultError`."""
        value = self.value_()
        if not isinstance(value, int):
            raise TypeError(f"{self.type_} is not an integer")
        return int(value)

    __index__ = __int__

    def __getattr__(self, name: str) -> Value:
        """Return the member `name`, as `member_()` does and with the same errors."""
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)  # Python's own protocols, not C members
        return self.member_(name)

    def __getitem__(self, key: str | int) -> Value:
        """Return a member by name, or an element of an array, pointer or container by index.

        The index of an entry of a container is its key, if that is an integer or a range, else its
        position; that of a `__percpu` pointer is a CPU. Raises `IndexError`, `MemberNotFoundError`,
        `FaultError`, and what `walk_()` raises.
        """
        if isinstance(key, str):
            return self.member_(key)
        layout = self._layout_
        if isinstance(layout, ArrayLayout):
            index = key + layout.length if key < 0 and layout.length else key
            if layout.length and not 0 <= index < layout.length:
                raise IndexError(f"index {key} is outside of {self.type_}")
            element = layout.base.btf.type(layout.base.type_id)
            return self._part(
                element, index * layout.element.size, layout.element.size, index=index
            )
        if not self.is_pointer_:
            return entries.entry(self, key)
        return behind(self, key) if is_per_cpu_pointer(self) else self._pointee(key)

    def __iter__(self) -> Iterator[Value]:
        """Iterate over the elements of an array; raises `TypeError` for anything else."""
        if not isinstance(self._layout_, ArrayLayout):
            raise TypeError(f"{self.type_} is not an array; a container is walked by walk_()")
        return (self[index] for index in range(self._layout_.length))

    def __len__(self) -> int:
        """Return the number of elements of an array; raises `TypeError` for anything else."""
        layout = self._layout_
        if not isinstance(layout, ArrayLayout):
            raise TypeError(f"{self.type_} is not an array")
        return layout.length

    def __dir__(self) -> list[str]:
        layout = struct_behind(self._context, self._layout_, self._facts)
        names = self._context.layouts.member_names(layout) if layout is not None else []
        return [*names, *filter(_is_ours, dir(type(self)))]

    @property
    def _outer_(self) -> tuple[Value, str] | None:
        """The struct that this is a member of and the member's name, or None if not known."""
        return self._outer

    def read_(self) -> Value:
        """Read the whole object now, once for all members, and return it; raises `FaultError`."""
        self.bytes_()
        return self

    def value_(self) -> Any:
        """Return the value as a Python object.

        This is an int, bool or float for a scalar, an int (the address) for a pointer, a str for a
        char array, bytes for a type that BTF does not describe, a dict for a struct or union, and a
        list for an array. Elements that an object was allocated without are not in it. Raises
        `FaultError` if the object cannot be read, or does not fit into its slab object.
        """
        if not isinstance(self._layout_, ScalarLayout) and self._context._bounds is not None:
            bounded = self._context._bounds.of(self)
            if bounded is not None:
                if bounded.text:
                    missing = self.size_ - bounded.room
                    raise FaultError(self.address_ + bounded.room, missing, bounded.reason)
                short: Value = bounded.value
                return to_python(self._context.layouts, short._layout_, short.bytes_())
        data = self.bytes_()
        if self.bit_size_:
            return bits_to_python(
                self._context.layouts, self._layout_, self.bit_offset_, self.bit_size_, data
            )
        return to_python(self._context.layouts, self._layout_, data)

    def drgn_(self) -> Object:
        """Return this as a `drgn.Object`, in the program that the kernel is read through.

        It has the same address and type, and a bit field keeps its width; nothing is read.
        `Kernel.value_of()` is the way back. Raises `TargetError` if the kernel is not read through
        drgn.
        """
        return self._context._object_of(self)

    def enumerator_(self) -> str | None:
        """Return the name of an enum's value, or None if no enumerator has that value.

        Raises `TypeError` if the type is not an enum, and `FaultError` if it cannot be read.
        """
        base = self.type_.btf.skip_modifiers(self.type_)
        if not isinstance(base, types.Enum | types.Enum64):
            raise TypeError(f"{self.type_} is not an enum")
        return base.names.get(int(self))

    def string_(self, limit: int = MAX_STRING) -> str:
        """Return the C string in a char array, or the one that a pointer points to.

        At most `limit` bytes are read through a pointer. Bytes that are not UTF-8 become `\\xNN`.
        Raises `FaultError`, also for NULL and for a `__user`, `__percpu` or `__iomem` pointer.
        """
        if not self.is_pointer_:
            return decode_text(self.bytes_())
        _, address = destination(self, self._facts)
        return decode_text(read_string(self._context, address, limit))

    def meaning_(self) -> str:
        """Return what the value means, as annotations state it of the member or of all its type.

        This is what the output shows beside a value: `TASK_INTERRUPTIBLE|TASK_FREEZABLE`, `244 ms`,
        `127.0.0.1`; "" if nothing is stated, or if this value means nothing. What holds on a
        condition counts where the condition is true. Raises `FaultError` if it cannot be read.
        """
        from btfdump._kernel.means import text_of

        return text_of(self)

    def flags_(self) -> list[str]:
        """Return the names of the bits that are set in flags; what has no name is one number.

        Returns [] for what annotations do not call flags. Raises `FaultError`.
        """
        from btfdump._kernel.means import flags_of

        return flags_of(self)

    def path_(self) -> str:
        """Return the path of a file, as d_path() and its like in the kernel spell it.

        This is a `struct path`, `file`, `dentry`, `mount`, `vfsmount`, `kernfs_node` or `cgroup`,
        or a pointer to one. Paths begin at the root of the first process; what is not reached from
        there begins with `(unreachable)`, as in getcwd(). The path of a dentry begins at the root
        of its file system (dentry_path()), that of a cgroup at the root of its hierarchy. Bytes
        that are not UTF-8 become surrogates, as in `os.fsdecode()`. `Kernel.paths()` is quicker for
        many of them.

        Raises `TypeError` for any other type, `FaultError` for what cannot be read and for NULL,
        `CorruptDataError` for a cycle or a name that is none, and `MissingDataError` for what a
        file system names in a way that is not known.
        """
        from btfdump._kernel.d_path import Paths

        return Paths(self._context).of(self)

    def member_(self, name: str) -> Value:
        """Return the member `name`; of a pointer, a member of its target.

        If `typed_()` applies to this value, its result is searched. Raises `MemberNotFoundError`,
        and `FaultError` if a pointer cannot be read.
        """
        if self.is_pointer_:
            return self._pointee(0).member_(name)
        if self._facts is not None and self._facts.typed_by is not None:
            return self.typed_().member_(name)
        layout = self._layout_
        if not isinstance(layout, StructLayout):
            raise MemberNotFoundError(
                self._context.definitions.undefined(self.type_)
                or f"{self.type_} is not a struct or union: no member {name!r}"
            )
        member, facts, stated = self._context.member(layout, name, self._stated)
        if facts is not None and facts.cases:
            facts = applying(facts, self._scopes_())
        return self._member(name, member, facts, stated)

    def _declared_(self, name: str) -> Value:
        """Return a member as `member_()` does, but without what annotations state about it.

        That costs no look at the facts about the struct, of which only one number may be wanted.
        """
        if self.is_pointer_:
            return self._pointee(0)._declared_(name)
        layout = self._layout_
        if not isinstance(layout, StructLayout):
            return self.member_(name)
        return self._member(name, self._context.layouts.member(layout, name))

    def _member(
        self,
        name: str,
        member: FoundMember,
        facts: MemberFacts | None = None,
        stated: Stated = (),
    ) -> Value:
        offset, bits, size = member.bit_offset // 8, (0, 0), member.layout.size
        if member.bit_size:
            bits = member.bit_offset % 8, member.bit_size
            size = (sum(bits) + 7) // 8
        part = self._part(
            member.type,
            offset,
            size,
            bits=bits,
            facts=facts,
            outer=(self, name),
            stated=stated,
            layout=member.layout,
        )
        if isinstance(member.layout, ArrayLayout) and member.layout.length > 1:
            bounds = self._context._bounds
            return part if bounds is None else bounds.array(part)
        return part

    def has_member_(self, name: str) -> bool:
        """Whether `member_(name)` finds a member, including those of anonymous structs.

        A pointer is looked through by type, without reading it. Only for a value that `typed_()`
        applies to is memory read; its errors are raised then.
        """
        if self._facts is not None and self._facts.typed_by is not None:
            return self.typed_().has_member_(name)
        layout = struct_behind(self._context, self._layout_, self._facts)
        if layout is None:
            return False
        try:
            self._context.layouts.find_member(layout, name)
        except MemberNotFoundError:
            return False
        return True

    def _scopes_(self) -> list[Value]:
        """Return this struct and those that it is a member of, innermost first."""
        scopes = [self]
        while scopes[-1]._outer is not None:
            scopes.append(scopes[-1]._outer[0])
        return scopes

    def _around_(self) -> Sequence[Scope]:
        """Return the scopes in which the names of expressions about this value are looked up.

        These are the structs that it is a member of, innermost first; for a global variable, the
        kernel's global variables.
        """
        return self._outer[0]._scopes_() if self._outer is not None else (Globals(self),)

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
        layout: Layout | None = None,
    ) -> Value:
        if outer is None:  # an array's element: facts about the array apply to it
            facts, outer, stated = self._facts, self._outer, self._stated
        part = Value(
            self._context,
            type_,
            self._context.wrap(self.address_ + offset),
            self._slice_(offset, size),
            bit_offset=bits[0],
            bit_size=bits[1],
            facts=facts,
            outer=outer,
            index=index,
            stated=stated,
        )
        part._layout = layout
        return part

    def _shortened_(self, layout: Layout) -> Value:
        """Return the object with what `layout` has of it, its first bytes (decode/short.py)."""
        short = Value._part(self, layout.type, 0, layout.size, index=self._number_, layout=layout)
        short.key_ = self.key_
        return short

    def _pointee(self, index: int) -> Value:
        facts = self._facts
        target, address = destination(self, facts)
        size = self._context.layouts.of(target).size if index else 0
        address = self._context.wrap(address + index * size)
        if facts is None:
            return Value(self._context, target, address)
        known = facts.of_each if facts.is_container and head_type(target) else None
        stated = stated_by(facts.of_target)
        return Value(self._context, target, address, facts=known, index=index, stated=stated)

    def _at_(
        self,
        type_: types.Type,
        address: int,
        data: bytes | None = None,
        *,
        facts: MemberFacts | None = None,
        index: int = 0,
        key: Key = None,
        stated: Stated = (),
    ) -> Value:
        """Return the object of `type_` at a virtual address of the same kernel."""
        return Value(
            self._context, type_, address, data, facts=facts, index=index, key=key, stated=stated
        )

    def deref_(self) -> Value:
        """Return what a pointer points to.

        Raises `TypeError` if this is not a pointer, and `FaultError` for NULL, for a `__user`,
        `__percpu` or `__iomem` pointer, and if the pointer itself cannot be read.
        """
        if not self.is_pointer_:
            raise TypeError(f"{self.type_} is not a pointer")
        return self._pointee(0)

    def typed_(self) -> Value:
        """Return bytes that hold a BPF map's value, such as local storage, as a value of its type.

        `facts_.provenance` of the result names the map. Raises `TypeError` for any other member,
        `CorruptDataError` if the map does not describe its values, and `FaultError`.
        """
        facts = self._facts
        if facts is None or facts.typed_by is None or self._outer is None:
            raise TypeError(f"{self.type_} says itself what it is")
        type_, source = containers.map_value_type(self._outer[0], facts.typed_by)
        known = replace(facts, typed_by=None, is_typed=True, length=None, provenance=source)
        return Value(self._context, type_, self.address_, facts=known, outer=self._outer)

    def expansion_(self) -> Expansion:
        """Return how this container's entries are typed and linked.

        Raises `CorruptDataError` if nothing states the element type, if a statement does not fit,
        if several candidates remain, or if this is an array of annotated length that holds none.
        """
        return containers.expansion_of(self, self._facts)

    def walk_(self, path: str = "") -> Iterator[Value]:
        """Walk the entries of a container, as Values of the element type.

        The container is this value, or with `path` the member at a path from it, which may pass
        through pointers (`files->fdt->fd`); behind NULL there are no entries.

        Entries that are not objects, such as an xarray's value entries, are skipped. Of an array of
        annotated length, or a pointer to one, these are what its elements contain, if they are
        containers; what they point to, if they are pointers to structs; else the elements. Raises
        `CorruptDataError` at the start if the element type or the length is not known, and at the
        end if the walk broke off early or lost entries; every reachable entry has been yielded by
        then. Raises `FaultError` if what leads to the array cannot be read.
        """
        return entries.walk(self) if not path else entries.walk_at(self, path)

    def project_(self, *paths: str) -> Iterator[tuple[Any, ...]]:
        """Yield a tuple of the members `paths` of each entry that `walk_()` yields.

        Paths are dotted, and may pass through pointers (`mm.total_vm`, or `mm->total_vm`); values
        are as `value_()` returns them. This is the fast way through many entries: the loop is
        compiled, each entry, and each object that pointers of it lead to, is read once, and up to
        256 entries are read ahead. Where a path passes through a pointer, what lies behind NULL is
        None, and so is what cannot be read; then `FaultError` is raised at the end, when all that
        can be read has been yielded. Raises `MemberNotFoundError`, also if the elements of an array
        have no members, and the same errors as `walk_()`.
        """
        return chain.from_iterable(entries.project(self, paths))

    def entries_(
        self, expansion: Expansion | None = None
    ) -> Iterator[Value | ValueEntry | Anomaly]:
        """Walk the entries of a container, with anomalies in the order in which they are met.

        `expansion` says how the entries are typed and linked; by default the annotations do. Raises
        at the start what `walk_()` does.
        """
        return entries.entries(self, expansion)

    def _holder_(self, expansion: Expansion | None) -> Value:
        """Return what holds the container's head: this value, or the target of this pointer.

        Without an expansion this is an array whose elements are counted: the value itself.
        """
        is_behind = expansion is not None and containers.is_behind(expansion)
        return self._pointee(0) if is_behind and self.is_pointer_ else self


def _is_ours(name: str) -> bool:
    """Whether a name is one of those that a `Value` has for users: `walk_`."""
    return name.endswith("_") and not name.startswith("_")
