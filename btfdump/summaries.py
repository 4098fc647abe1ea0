"""What stands for an object in one line: the members that annotations list: comm, pid."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from btfdump.errors import BtfdumpError, BtfFormatError
from btfdump.layout import ArrayLayout, StructLayout
from btfdump.value import Value, read_string

if TYPE_CHECKING:
    from btfdump.btf import types
    from btfdump.context import Context

Summary: TypeAlias = tuple[tuple[str, "str | int"], ...]
"""(label, value) of each member; bytes of strings that are not UTF-8 are surrogates."""

MAX_KNOWN = 1 << 14
"""Summaries that are remembered."""


class Summaries:
    """The summaries of one run, each read once. Strings are cut at `limit` bytes."""

    def __init__(self, context: Context, limit: int) -> None:
        self._context = context
        self._limit = limit
        self._known: dict[tuple[int, types.Type], Summary] = {}

    def of(self, value: Value) -> Summary:
        """Return the summary of an object, () for a type that has none."""
        try:
            layout = value.layout_
        except BtfFormatError:
            return ()
        if not isinstance(layout, StructLayout) or not self._context.facts(layout).summary:
            return ()
        key = value.address_, layout.base
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[key] = self._read(value, layout)
        return known

    def at(self, address: int, type_: types.Composite) -> Summary:
        """Return the summary of the object at an address."""
        known = self._known.get((address, type_))
        return known if known is not None else self.of(Value(self._context, type_, address))

    def _read(self, value: Value, layout: StructLayout) -> Summary:
        """Read the members that stand for an object; what cannot be read is left out."""
        found: list[tuple[str, str | int]] = []
        for path in self._context.facts(layout).summary:
            try:
                member = value
                for name in path.split("."):
                    member = member.member_(name)
                shown = summary_value(member, self._limit)
            except (BtfdumpError, LookupError):
                continue
            if isinstance(shown, str | int):
                names = [n for n in path.split(".") if n not in ("val", "counter", "refs")]
                found.append((names[-1], shown))
        return tuple(found)


def summary_value(member: Value, limit: int) -> object:
    """Return a member for a summary; bytes of a string that are not UTF-8 become surrogates."""
    layout = member.layout_
    if member.is_pointer_:
        data = read_string(member.context_, int(member), limit)
    elif isinstance(layout, ArrayLayout) and layout.is_text:
        data = member.bytes_().split(b"\0", 1)[0]
        if len(data) > limit:
            return data[:limit].decode("utf-8", "surrogateescape") + "..."
    else:
        return member.value_()
    return data.decode("utf-8", "surrogateescape")
