"""The reference reader: Layout + bytes -> fields, or plain Python values.

It is written to be obviously correct. A `Field` is one member or array element. Zero members are
counted rather than built unless asked for, as bpf_snprintf_btf (kernel/bpf/btf.c, btf_show) skips
them.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from btfdump._decode.budget import LARGE, Budget, Spare
from btfdump._decode.layout import ArrayLayout, MemberLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._decode.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._decode.layout import Layout, Layouts
    from btfdump._decode.scope import FactsOf, Stated


_ZEROS = bytes(4096)
_MANY_ZEROS = bytes(1 << 16)
_NONZERO = re.compile(rb"[^\0]")


def is_zero(data: bytes, start: int, size: int) -> bool:
    """Whether the `size` bytes of `data` from offset `start` are all zero."""
    if size <= len(_ZEROS):
        piece = data[start : start + size]
        return piece == _ZEROS[: len(piece)]
    # Not bytes.strip(), which takes twenty times as long: large objects are mostly zero.
    end = min(start + size, len(data))
    step = len(_MANY_ZEROS)
    while end - start >= step:
        if data[start : start + step] != _MANY_ZEROS:
            return False
        start += step
    piece = data[start:end]
    return piece == _MANY_ZEROS[: len(piece)]


def nonzero(data: bytes, start: int, length: int, size: int) -> Iterator[int]:
    """Yield the index of each element of an array that is not zero.

    There are `length` elements of `size` bytes (not 0), from offset `start` of `data` on.
    """
    at, end = start, start + length * size
    while (match := _NONZERO.search(data, at, end)) is not None:
        index = (match.start() - start) // size
        yield index
        at = start + (index + 1) * size


MAX_ZEROS = 1 << 12
"""Elements at the start of a long array that are passed over if all are zero."""


def reach(data: bytes, at: int, layout: ArrayLayout, most: int) -> int:
    """Return how many elements of an array at offset `at` are decoded if `most` are wanted.

    If all of these are zero, there are as many more, from the first on that is not zero.
    """
    shown = layout.shown(most)
    if shown == layout.length or not shown:
        return shown
    first = next(nonzero(data, at, layout.length, layout.element.size), 0)
    return min(layout.length, first + shown) if shown <= first < MAX_ZEROS else shown


class LeadingZeros(list[Any]):
    """The first elements of a long array: all are zero. `zeros` is how many it begins with."""

    def __init__(self, values: Iterable[Any], zeros: int) -> None:
        super().__init__(values)
        self.zeros = zeros


def with_zeros_counted(values: list[Any], data: bytes, at: int, layout: ArrayLayout) -> list[Any]:
    """Return the first elements of an array that is longer; if all are zero, with how many are."""
    if not values or any(values):
        return values
    first = next(nonzero(data, at, layout.length, layout.element.size), layout.length)
    return LeadingZeros(values, first)


EMPTY_LIST = -1
"""The `Field.elided` of a list_head that points to itself."""


class Field:
    """One member or array element of an object. A field is never modified after it is made.

    `offset` is in bytes from the start of the decoded data; `bit_size` is in bits, 0 unless this is
    a bit field. `value` is an int, float, bytes (char arrays, types that BTF does not describe), or
    the list of fields inside a struct, union or array. `facts` is what annotations state about it.
    `elided` is the number of array elements missing from `value`; `remark` is a comment to show
    with it. `has_group` is for fields in the events of `graph`: a group of events about what this
    field leads to follows the object that holds it. `data` has the bytes of a struct or an array
    whose bytes as a whole mean something, such as a set of CPUs; else it is empty.
    """

    __slots__ = (
        "bit_size",
        "data",
        "elided",
        "facts",
        "has_group",
        "layout",
        "name",
        "offset",
        "remark",
        "value",
    )

    def __init__(
        self,
        name: str,
        layout: Layout,
        offset: int,
        value: FieldValue,
        facts: Any = None,
        bit_size: int = 0,
        elided: int = 0,
        remark: str = "",
        has_group: bool = False,
        data: bytes = b"",
    ) -> None:
        # Final, as mypy checks, rather than a frozen dataclass: that takes four times as long to
        # construct, and an object has hundreds of fields.
        self.name: Final = name
        self.layout: Final = layout
        self.offset: Final = offset
        self.value: Final = value
        self.facts: Final = facts
        self.bit_size: Final = bit_size
        self.elided: Final = elided
        self.remark: Final = remark
        self.has_group: Final = has_group
        self.data: Final = data

    def replace(self, **changes: Any) -> Field:
        """Return a copy of this field with the given attributes changed."""
        get = changes.get
        return Field(
            get("name", self.name),
            get("layout", self.layout),
            get("offset", self.offset),
            get("value", self.value),
            get("facts", self.facts),
            self.bit_size,
            get("elided", self.elided),
            get("remark", self.remark),
            get("has_group", self.has_group),
            self.data,
        )

    def as_shown(self, value: FieldValue, elided: int, has_group: bool = False) -> Field:
        """Return this field as a traversal shows it: replace() takes twice as long."""
        facts, bits, remark = self.facts, self.bit_size, self.remark
        return Field(
            self.name,
            self.layout,
            self.offset,
            value,
            facts,
            bits,
            elided,
            remark,
            has_group,
            self.data,
        )


def means_as_whole(layout: Layout, facts: Any) -> bool:
    """Whether the bytes of a struct or an array may mean something as a whole."""
    if isinstance(layout, ScalarLayout):
        return False
    if layout.meaning is not None and layout.meaning.of_bytes is not None:
        return True
    return facts is not None and (facts.is_meant or bool(facts.cases))


ALL_ZERO = "all zero"
"""The `Field.remark` of a struct or array that was asked for and has nothing to show."""


def is_all_zero(layout: Layout, value: object, elided: object) -> bool:
    """Whether a struct or array has nothing to show because all in it is zero."""
    return not isinstance(layout, ScalarLayout) and layout.size > 0 and value == [] and not elided


FieldValue: TypeAlias = "int | float | bytes | list[Field] | list[int] | list[float]"
Selection: TypeAlias = "dict[str, Selection]"
"""The members to show, by name, each with what to show inside it ({} = everything)."""


class Decoder:
    """Decodes objects of one kernel into fields.

    `zero` keeps zero members. At most `elements` elements of an array are built, and the array's
    `Field.elided` counts the rest. `facts_of` supplies annotations.
    """

    def __init__(
        self,
        layouts: Layouts,
        facts_of: FactsOf | None = None,
        *,
        zero: bool = False,
        elements: int = 64,
    ) -> None:
        self.layouts = layouts
        self.facts_of = facts_of
        self.zero = zero
        self.elements = elements
        self.skipped = 0
        self._spare = Spare()
        self._budget: Budget

    def fields(
        self,
        layout: Layout,
        data: bytes,
        selection: Selection | None = None,
        *,
        at: int = 0,
        facts: Any = None,
        stated: Stated = (),
    ) -> list[Field]:
        """Decode the object at byte offset `at` of `data`.

        A scalar or an array gives one field without a name, to which `facts` apply. `selection`
        names the members to show. `stated` is what outer structs and pointers state about the
        members. Afterwards `skipped` is the number of zero members left out. Raises
        `BtfFormatError` if the type is malformed.
        """
        self.skipped = 0
        self._budget = Budget(layout, spare=self._spare)
        if isinstance(layout, StructLayout):
            return self._members(layout, data, at, selection, stated, 0)
        return [_told(self._field("", layout, data, at, facts, selection, stated, 0))]

    def _members(
        self,
        layout: StructLayout,
        data: bytes,
        start: int,
        selection: Selection | None,
        stated: Stated,
        nesting: int,
    ) -> list[Field]:
        self._budget.spend(layout, nesting)
        scope = Scope(self.facts_of(layout) if self.facts_of is not None else None, stated)
        own, is_stated = scope.own, bool(scope.stated)
        named = {"", *chain.from_iterable(paths.inner for paths in scope.stated)}
        fields: list[Field] = []
        keep_zero = self.zero
        for index, member in enumerate(layout.members):
            name = member.name
            inner_selection = selection
            wanted = keep_zero or bool(selection)  # an anonymous one may have what is selected
            if selection and name:
                if name not in selection:
                    continue
                inner_selection = selection[name]
            at = start + member.offset
            known = own.get(index)
            if member.extent > LARGE:
                self._budget.hold(layout, member.extent)
            if (
                not wanted
                and self._is_zero(member, layout, known, data, start)
                and not (
                    is_stated and name in named and self._is_counted(scope, index, member, layout)
                )
            ):
                self.skipped += 1
                continue
            inner = self.layouts.of_member(member, layout)
            if selection and not name and not isinstance(inner, StructLayout):
                continue
            if inner.size > LARGE:
                self._budget.hold(layout, inner.size)
            if is_stated:
                known = scope.of(index, name)
            if member.bit_size:
                fields.append(self._bit_field(member, inner, data, start, known))
            else:
                beyond = () if isinstance(inner, ScalarLayout) else scope.inside(name)
                field = self._field(name, inner, data, at, known, inner_selection, beyond, nesting)
                if not selection:
                    fields.append(field)
                elif name or field.value:  # else nothing in it was selected
                    fields.append(_told(field))
        return fields

    def _is_zero(
        self, member: MemberLayout, owner: StructLayout, facts: Any, data: bytes, start: int
    ) -> bool:
        """Whether a member is zero; if its extent is, its type need not be looked at."""
        if member.bit_size:
            return not self.layouts.bits(member.bit_offset, member.bit_size, False)(data, start)
        at = start + member.offset
        if facts is None and is_zero(data, at, member.extent):
            return True
        size = self.layouts.of_member(member, owner).size
        return (size > 0 or facts is None) and is_zero(data, at, size)

    def _is_counted(
        self, scope: Scope, index: int, member: MemberLayout, owner: StructLayout
    ) -> bool:
        """Whether a member has no size, and a path states something of it, such as its length."""
        inner = self.layouts.of_member(member, owner)
        return not inner.size and scope.tells(index, member.name, inner)

    def _bit_field(
        self, member: MemberLayout, layout: Layout, data: bytes, start: int, facts: Any
    ) -> Field:
        signed = isinstance(layout, ScalarLayout) and layout.is_signed
        read = self.layouts.bits(member.bit_offset, member.bit_size, signed)
        return Field(
            member.name, layout, start + member.offset, read(data, start), facts, member.bit_size
        )

    def _field(
        self,
        name: str,
        layout: Layout,
        data: bytes,
        at: int,
        facts: Any,
        selection: Selection | None,
        stated: Stated,
        nesting: int,
    ) -> Field:
        if isinstance(layout, ScalarLayout):
            return Field(name, layout, at, layout.decode(data, at), facts)
        if isinstance(layout, StructLayout):
            inner = self._members(layout, data, at, selection, stated, nesting + 1)
            whole = data[at : at + layout.size] if means_as_whole(layout, facts) else b""
            return Field(name, layout, at, inner, facts, data=whole)
        return self._array(name, layout, data, at, facts, selection, stated, nesting)

    def _array(
        self,
        name: str,
        layout: ArrayLayout,
        data: bytes,
        at: int,
        facts: Any,
        selection: Selection | None,
        stated: Stated,
        nesting: int,
    ) -> Field:
        element = layout.element
        is_text = layout.is_text or (facts is not None and facts.is_string and element.size == 1)
        if is_text:
            return Field(name, layout, at, data[at : at + layout.size], facts)
        size = element.size
        if isinstance(element, ScalarLayout):
            shown = reach(data, at, layout, self.elements)
            values: list[Any] = element.decode_many(data, at, shown)
            if shown < layout.length:
                values = with_zeros_counted(values, data, at, layout)
            whole = data[at : at + layout.size] if means_as_whole(layout, facts) else b""
            elided = layout.length - shown
            return Field(name, layout, at, values, facts, elided=elided, data=whole)
        shown = layout.shown(self.elements)
        fields: list[Field] = []
        elided = 0
        indexes = range(layout.length) if self.zero else nonzero(data, at, layout.length, size)
        for i in indexes if size else ():
            where = at + i * size
            if len(fields) >= shown:
                elided = layout.length - i
                break
            fields.append(
                self._field(f"[{i}]", element, data, where, facts, selection, stated, nesting + 1)
            )
        return Field(name, layout, at, fields, facts, elided=elided)


def _told(field: Field) -> Field:
    """Return a field that is asked for; if all in it is zero, it says so."""
    if not is_all_zero(field.layout, field.value, field.elided):
        return field
    return field.replace(remark=ALL_ZERO)


def to_python(layouts: Layouts, layout: Layout, data: bytes, at: int = 0) -> Any:
    """Decode the whole object at byte offset `at`: int, float, bool, str, bytes, dict or list.

    A char array becomes a str. Members of anonymous structs belong to the struct around them, as in
    C. Zero members are kept. Raises `BtfFormatError` if the type is malformed.
    """
    return _to_python(layouts, layout, data, at, 0, Budget(layout))


def _to_python(
    layouts: Layouts, layout: Layout, data: bytes, at: int, nesting: int, budget: Budget
) -> Any:
    if isinstance(layout, ScalarLayout):
        value = layout.decode(data, at)
        return bool(value) if layout.category is Category.BOOL else value
    if isinstance(layout, ArrayLayout):
        if layout.is_text:
            return decode_text(data[at : at + layout.size])
        element, size = layout.element, layout.element.size
        if isinstance(element, ScalarLayout) and element.category is not Category.BOOL and size:
            return element.decode_many(data, at, layout.length)
        return [
            _to_python(layouts, element, data, at + i * size, nesting + 1, budget)
            for i in range(layout.length if size else 0)
        ]
    budget.spend(layout, nesting)
    result: dict[str, Any] = {}
    for member in layout.members:
        inner = layouts.of_member(member, layout)
        if inner.size > LARGE:
            budget.hold(layout, inner.size)
        if member.bit_size:
            result[member.name] = bits_to_python(
                layouts, inner, member.bit_offset, member.bit_size, data, at
            )
            continue
        value = _to_python(layouts, inner, data, at + member.offset, nesting + 1, budget)
        if member.name:
            result[member.name] = value
        elif isinstance(value, dict):
            result.update(value)
    result.pop("", None)
    return result


def bits_to_python(
    layouts: Layouts, layout: Layout, bit_offset: int, bit_size: int, data: bytes, at: int = 0
) -> int:
    """Decode a bit field declared with the type of `layout` as an int or bool.

    It starts `bit_offset` bits after byte offset `at` of `data`.
    """
    signed = isinstance(layout, ScalarLayout) and layout.is_signed
    value = layouts.bits(bit_offset, bit_size, signed)(data, at)
    is_bool = isinstance(layout, ScalarLayout) and layout.category is Category.BOOL
    return bool(value) if is_bool else value


def decode_text(data: bytes) -> str:
    """Return the text of a char array up to its NUL; bytes that are not UTF-8 become `\\xNN`."""
    return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
