"""What represents an object on one line, by annotation: members such as comm and pid, or words."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._decode.compiled.projection import Located, compile_reader
from btfdump._decode.compiled.source import HOT
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.paths import split_path
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._kernel.pointers import read_string
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, BtfFormatError, FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from btfdump._btf import types
    from btfdump._graph.telling import Surroundings, Telling
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

Summary: TypeAlias = tuple[tuple[str, "str | int"], ...]
"""(label, value) of each member, each label once; what is not UTF-8 becomes surrogates.

Where a template tells the object, its words come first.
"""


class Words(str):
    """A summary that a template has made: it is shown as it is."""

    __slots__ = ()


TEXT = "text"
"""The label of a template's words; the members in them come after it."""
MAX_DEPTH = 2
"""How deep summaries contain those of other objects: file, socket, sock."""

_WRAPPERS = frozenset({"val", "counter", "refs"})
"""Members that are all there is of a struct: `kuid_t.val`, `atomic_t.counter`."""

FIRST_OBJECT = 4096
"""The least virtual address of an object that is told: below are numbers that share a union with a
pointer, such as flags, though on s390x something is there to be read, the lowcore."""
MAX_KNOWN = 1 << 12
"""The most summaries that are remembered."""
MAX_SPAN = 1 << 14
"""The most bytes read at once for the members of one summary."""


class Summaries:
    """The summaries of one run, each read once. Strings are cut at `limit` bytes."""

    def __init__(self, context: Context, limit: int) -> None:
        self._context = context
        self._limit = limit
        self._bare: set[types.Type] = set()  # types that have none
        self._plans: dict[StructLayout, _Plan | _Words] = {}
        self._known: dict[tuple[int, types.Type], Summary] = {}
        self._nested: dict[tuple[int, types.Type, int], str] = {}
        self._surroundings: Surroundings | None = None

    def forget(self) -> None:
        """Forget what was read: memory may have changed since."""
        self._known.clear()
        self._nested.clear()
        if self._surroundings is not None:
            self._surroundings.forget()

    def of(self, value: Value, room: int | None = None) -> Summary:
        """Return the summary of an object, () for a type that has none.

        With `room`, only so many bytes from its start on belong to it: members past them, or
        reached through those, are left out, from now on also where nothing is said of the room.
        """
        try:
            layout = value._layout_
        except BtfFormatError:
            return ()
        if not isinstance(layout, StructLayout) or not self._has(layout):
            return ()
        if value.address_ < FIRST_OBJECT:
            return ()
        key = value.address_, layout.base
        known = self._known.get(key) if room is None else None
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[key] = self._read(value, layout, room)
        return known

    def has(self, type_: types.Composite) -> bool:
        """Whether objects of a type have a summary, even if one cannot be read."""
        if type_ in self._bare:
            return False
        try:
            layout = self._context.layouts.of(type_)
        except BtfFormatError:
            return False
        return isinstance(layout, StructLayout) and self._has(layout)

    def _has(self, layout: StructLayout) -> bool:
        if layout.base in self._bare:
            return False
        if self._context._summary_of(layout):
            return True
        self._bare.add(layout.base)
        return False

    def at(self, address: int, type_: types.Composite) -> Summary:
        """Return the summary of the object at a virtual address, () if it has none."""
        if type_ in self._bare:
            return ()
        known = self._known.get((address, type_))
        return known if known is not None else self.of(value_at(self._context, type_, address))

    def _read(self, value: Value, layout: StructLayout, room: int | None) -> Summary:
        """Read the members that represent an object; those that cannot be read are left out."""
        plan = self._plans.get(layout)
        if plan is None:
            plan = self._plans[layout] = self._plan(layout)
        if isinstance(plan, _Words):
            return plan.summary(value, room, partial(self._tell, 1))
        quick = plan.read(value, self._limit) if room is None else {}
        found: list[tuple[str, str | int]] = []
        for path, label in plan.labels.items():
            shown = quick[path] if path in quick else self._follow(value, path, room)
            if isinstance(shown, str | int):
                found.append((label, shown))
        return tuple(found)

    def _plan(self, layout: StructLayout) -> _Plan | _Words:
        """Return how objects of a type are told."""
        stated = self._context._summary_of(layout)
        paths = tuple(path for path in stated if isinstance(path, str))
        if paths:
            return _Plan(self._context, layout, paths)
        from btfdump._graph.telling import Surroundings, Telling

        if self._surroundings is None:
            self._surroundings = Surroundings(self._context, self._limit)
        templates = [template for template in stated if not isinstance(template, str)]
        return _Words(Telling(self._surroundings, layout.base, templates))

    def _tell(self, depth: int, value: Value) -> str:
        """Return the summary of an object within that of another, `depth` of them around it."""
        layout = value._layout_
        if depth > MAX_DEPTH or not isinstance(layout, StructLayout) or not self._has(layout):
            return ""
        key = value.address_, layout.base, depth
        known = self._nested.get(key)
        if known is None:
            if len(self._nested) >= MAX_KNOWN:
                self._nested.clear()
            plan = self._plans.get(layout)
            if plan is None:
                plan = self._plans[layout] = self._plan(layout)
            if isinstance(plan, _Words):
                found = plan.summary(value, None, partial(self._tell, depth + 1))
            else:
                found = self._read(value, layout, None)
            known = self._nested[key] = in_words(found)
        return known

    def _follow(self, value: Value, path: str, room: int | None) -> object:
        """Read one member, through pointers if necessary; None if it cannot be read."""
        try:
            member, is_inside = value, room is not None
            for name in split_path(path):
                is_inside &= not member.is_pointer_
                member = member.member_(name)
                if is_inside and room is not None:
                    bits = member.bit_offset_ + (member.bit_size_ or member.size_ * 8)
                    if (member.address_ - value.address_) * 8 + bits > room * 8:
                        return None
            return summary_value(member, self._limit)
        except (BtfdumpError, LookupError):
            return None


def labels(paths: Iterable[str]) -> dict[str, str]:
    """Return what each member of a summary is called, by path: each has a name of its own.

    That is the last name of its path which says anything; of several members of that name, the one
    with the shortest path has it, and the others have their paths.
    """
    names = {split_path(path): path for path in reversed([*paths])}  # `a->b` is `a.b`
    short = {
        parts: next((part for part in reversed(parts) if part not in _WRAPPERS), parts[-1])
        for parts in reversed(names)
    }
    owners: dict[str, tuple[str, ...]] = {}
    for parts in sorted(short, key=lambda parts: (len({*parts} - _WRAPPERS), len(parts))):
        owners.setdefault(short[parts], parts)
    return {
        names[parts]: label if owners[label] == parts else ".".join(parts)
        for parts, label in short.items()
    }


class _Plan:
    """How to read the summaries of one type: the members in the object itself, all at once."""

    def __init__(self, context: Context, layout: StructLayout, paths: Sequence[str]) -> None:
        self.labels = labels(paths)
        self._layouts = context.layouts
        self._layout = layout
        self._texts: dict[str, Located] = {}
        self._numbers: dict[str, Located] = {}
        for path in self.labels:
            try:
                located = Located(context.layouts, layout, path)
            except (BtfdumpError, LookupError):  # reached through a pointer, or missing
                continue
            inner = located.layout
            if isinstance(inner, ArrayLayout) and inner.is_text:
                self._texts[path] = located
            elif isinstance(inner, ScalarLayout) and inner.category is not Category.POINTER:
                self._numbers[path] = located
        own = [*self._texts.values(), *self._numbers.values()]
        self._start = min((located.offset for located in own), default=0)
        self._end = max((located.end for located in own), default=0)
        self._count = 0
        self._reader: Callable[[bytes], tuple[Any, ...]] = self._read_numbers

    def read(self, value: Value, limit: int) -> dict[str, object]:
        """Return the members in the object itself, by path; {} if they cannot be read at once."""
        start = self._start
        if not 0 < self._end - start <= MAX_SPAN:
            return {}
        try:
            data = value._span_(start, self._end - start)
        except FaultError:
            return {}
        self._count += 1
        if self._count == HOT:
            self._reader = compile_reader(self._layouts, self._layout, list(self._numbers), start)
        found: dict[str, object] = dict(zip(self._numbers, self._reader(data), strict=True))
        for path, text in self._texts.items():
            found[path] = shown_text(data[text.offset - start : text.end - start], limit)
        return found

    def _read_numbers(self, data: bytes) -> tuple[Any, ...]:
        return tuple(located.read(data, -self._start) for located in self._numbers.values())


def in_a_word(value: Value) -> Summary:
    """Return what a struct means as a whole, for one that has no summary; () for anything else."""
    try:
        layout = value._layout_
    except BtfFormatError:
        return ()
    facts = value.facts_
    if layout.meaning is None and (facts is None or not facts.is_meant):
        return ()
    from btfdump._kernel.means import text_of  # few objects have no summary and mean something

    try:
        text = text_of(value) if isinstance(layout, StructLayout) else ""
    except FaultError:  # said where it is shown
        return ()
    return ((TEXT, Words(text)),) if text else ()


class _Words:
    """How to tell objects of one type by templates."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._labels: dict[tuple[str, ...], dict[str, str]] = {}

    def summary(self, value: Value, room: int | None, nested: Callable[[Value], str]) -> Summary:
        """Return the words for an object, and the members that are in them."""
        told = self._telling.tell(value, room, nested)
        if told is None:
            return ()
        text, found = told
        paths = tuple(found)
        named = self._labels.get(paths)
        if named is None:
            named = self._labels[paths] = labels(paths)
        members = [(named[path], plain) for path, plain in found.items()]
        return ((TEXT, Words(text)), *(pair for pair in members if pair[0] != TEXT))


def in_words(pairs: Iterable[tuple[str, str | int]]) -> str:
    """Return a summary as one text: `"init" pid 1`. It may hold whatever the kernel has."""
    words = []
    for label, value in pairs:
        if isinstance(value, Words):  # the members after it are in it
            return str(value)
        if isinstance(value, str):
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            words.append(f'"{escaped}"')
        else:
            words.append(f"{label} {value}")
    return " ".join(words)


def summary_value(member: Value, limit: int) -> object:
    """Return a member for a summary; bytes of a string that are not UTF-8 become surrogates."""
    layout = member._layout_
    if member.is_pointer_:
        data = read_string(member._context_, int(member), limit)
        return data.decode("utf-8", "surrogateescape")
    if isinstance(layout, ArrayLayout) and layout.is_text:
        return shown_text(member.bytes_(), limit)
    return member.value_()


def shown_text(data: bytes, limit: int) -> str:
    """Return a char array for a summary, marked if it was cut at `limit` bytes."""
    text = data.split(b"\0", 1)[0]
    shown = text[:limit].decode("utf-8", "surrogateescape")
    return f"{shown}..." if len(text) > limit else shown
