"""Definitions of types for people to read: in C, with offsets, holes, and what annotations say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from btfdump._btf import types as t
from btfdump._btf.c.words import comment
from btfdump._btf.names import clip, declare, prototype
from btfdump._render.escape import printable, quoted
from btfdump._reports.chosen import Chosen, spelled
from btfdump._reports.functions import function_tags
from btfdump._reports.layouts import Hole, PlacedMember, layout_of
from btfdump._reports.sayings import Sayings
from btfdump.errors import BtfFormatError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.locks import FindGlobal
    from btfdump._reports.layouts import Layout

_COLUMN = 52
_TAB = 8
_DIM, _CYAN, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[36m", "\x1b[33m", "\x1b[0m"
_COUNTED = (  # lines of the summary below the first, each where its first count is not zero
    ("holes", ("sum members", "holes", "sum holes")),
    ("bit holes", ("sum bitfield members", "bit holes", "sum bit holes")),
    ("padding", ("padding",)),
    ("bit_padding", ("bit_padding",)),
)
_IN_BITS = frozenset(("sum bitfield members", "sum bit holes", "bit_padding"))


@dataclass(frozen=True, slots=True)
class Style:
    """How definitions are shown.

    `cacheline` is the size in bytes of the cache lines whose boundaries are marked, 0 for none.
    `annotations` are what speaks beside the members; `find_global` finds what locks name.
    """

    annotations: Annotations | None = None
    find_global: FindGlobal | None = None
    cacheline: int = 0
    color: bool = False


def texts(found: Iterable[Chosen], style: Style) -> Iterator[str]:
    """Yield the definition of each type in C, with comments."""
    for number, one in enumerate(found):
        yield "\n" if number else ""
        if one.alternatives > 1:
            note = f"{spelled(one.type_)}: one of {one.alternatives} different types of that name"
            yield _paint(comment(note), _YELLOW, style) + "\n"
        yield "".join(f"{line}\n" for line in _lines(one.type_, style))


def documents(found: Iterable[Chosen], style: Style) -> Iterator[dict[str, Any]]:
    """Yield each type as a JSON object."""
    for one in found:
        yield {**_head(one), **_document(one.type_, style)}


def json_pieces(head: dict[str, str], found: Iterable[Chosen], style: Style) -> Iterator[str]:
    """Yield one JSON document, with a type as soon as it is known."""
    yield json.dumps(head, indent=2).removesuffix("\n}") + ',\n  "types": ['
    separator = "\n"
    for document in documents(found, style):
        yield f"{separator}    {json.dumps(document)}"
        separator = ",\n"
    yield "]\n}\n" if separator == "\n" else "\n  ]\n}\n"


# Text


def _lines(type_: t.Type, style: Style) -> Iterator[str]:
    if isinstance(type_, t.Composite):
        yield from _composite(type_, "", "", style)
    elif isinstance(type_, t.Enum):
        yield from _enum(type_, "", "", style)
    elif isinstance(type_, t.Typedef):
        target = type_.target
        if isinstance(target, t.Composite) and not target.name:
            yield from _composite(target, "typedef ", f" {_name(type_.name)}", style)
        elif isinstance(target, t.Enum) and not target.name:
            yield from _enum(target, "typedef ", f" {_name(type_.name)}", style)
        else:
            declared = printable(declare(target, _name(type_.name)))
            yield f"typedef {declared}; {_paint(_sized(type_), _DIM, style)}"
    elif isinstance(type_, t.Func):
        yield f"{printable(prototype(type_))};"
        for tag in function_tags(type_, style.find_global):
            text = f"! {tag.problem}" if tag.problem else tag.meaning
            yield _paint(comment(f"{tag.on}: {tag.tag}: {text}"), _CYAN, style)
    else:
        yield f"{printable(str(type_))}; {_paint(_sized(type_), _DIM, style)}"


def _composite(type_: t.Composite, before: str, behind: str, style: Style) -> Iterator[str]:
    name = f"{_name(type_.name)} " if type_.name else ""
    yield f"{before}{type_.keyword} {name}{{"
    sayings = Sayings(type_, style.annotations) if style.annotations is not None else None
    layout = layout_of(type_, sayings)
    if isinstance(layout, str):
        yield "\t" + _paint(comment(f"! {layout}"), _YELLOW, style)
        yield "\t" + _paint(comment(f"size: {type_.size}"), _DIM, style)
    else:
        yield from _members(layout, 1, _Lines(style.cacheline), style)
        yield from ["" for _ in layout.items[:1]]
        for line in _summary(layout, style):
            yield "\t" + _paint(comment(line), _DIM, style)
    for problem in sayings.problems if sayings is not None else ():
        yield "\t" + _paint(comment(f"! {problem}"), _YELLOW, style)
    for tag in type_.btf.decl_tags(type_):
        if tag.component_index < 0:
            yield "\t" + _paint(comment(f'tag "{tag.text}"'), _CYAN, style)
    yield f"}}{behind};"


class _Lines:
    """The cache lines whose boundaries have been marked."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._last = 0

    def mark(self, offset: int) -> str:
        """Return what to say before what lies at an offset in bytes, or ""."""
        if not self._size or offset // self._size <= self._last:
            return ""
        self._last = offset // self._size
        start = self._last * self._size
        ago = f" was {offset - start} bytes ago" if offset > start else ""
        return f"--- cacheline {self._last} boundary ({start} bytes){ago} ---"


def _members(layout: Layout, depth: int, lines: _Lines, style: Style) -> Iterator[str]:
    indent = "\t" * depth
    for item in layout.items:
        if isinstance(item, Hole):
            if not item.is_padding or depth > 1:  # else it is in the summary
                yield from _hole(item, indent, style)
            continue
        boundary = lines.mark(item.bit_offset // 8)
        if boundary:
            yield indent + _paint(comment(boundary), _DIM, style)
        member = item.member
        if item.inner is None:
            declared = declare(member.type, _name(member.name), member.bit_size)
            yield _placed(f"{indent}{printable(declared)};", item, style)
            continue
        qualifiers, declarator = _around(member)
        yield f"{indent}{qualifiers}{item.inner.composite.keyword} {{"
        yield from _members(item.inner, depth + 1, lines, style)
        yield _placed(f"{indent}}}{declarator};", item, style)


def _around(member: t.Member) -> tuple[str, str]:
    """Return what stands before and behind a struct that is spelled out as a member's type."""
    declared = printable(declare(member.type, _name(member.name)))
    before, _, behind = declared.partition("{...}")
    words = before.split()[:-1]
    return "".join(f"{word} " for word in words), behind.rstrip()


def _placed(text: str, item: PlacedMember, style: Style) -> str:
    """Put offset and size behind a member, then what is said of it."""
    offset, bit = item.place
    size = "?" if item.size is None else str(item.size)
    if bit is None:
        place = f"/* {offset:>5} {size:>5} */"
    else:
        place = f"/* {offset:>5}:{bit:>2} {size:>2} */"
    width = len(text.expandtabs(_TAB))
    said = [_paint(comment(words), _CYAN, style) for words in item.says]
    if item.problem:
        said.append(_paint(comment(f"! {item.problem}"), _YELLOW, style))
    return " ".join([text + " " * max(1, _COLUMN - width) + _paint(place, _DIM, style), *said])


def _hole(hole: Hole, indent: str, style: Style) -> Iterator[str]:
    parts = []
    if hole.loose_bits:
        parts.append(f"{hole.loose_bits} bit{'s' * (hole.loose_bits > 1)}")
    if hole.size:
        parts.append(f"{hole.size} byte{'s' * (hole.size > 1)}")
    what = "padding" if hole.is_padding else "hole"
    yield ""
    for part in parts:
        yield indent + _paint(comment(f"XXX {part} {what}"), _YELLOW, style)
    yield ""


def _summary(layout: Layout, style: Style) -> Iterator[str]:
    counts = layout.counts()
    size, line = counts["size"], style.cacheline
    lines = f"cachelines: {-(-size // line)}, " if line else ""
    yield f"size: {size}, {lines}members: {counts['members']}"
    for condition, names in _COUNTED:
        if counts[condition]:
            yield ", ".join(
                f"{name}: {counts[name]}{' bits' if name in _IN_BITS else ''}" for name in names
            )
    if line and size % line:
        yield f"last cacheline: {size % line} bytes"


def _enum(type_: t.Enum, before: str, behind: str, style: Style) -> Iterator[str]:
    name = f"{_name(type_.name)} " if type_.name else ""
    yield f"{before}enum {name}{{"
    for one in type_.enumerators:
        yield f"\t{_name(one.name)} = {one.value},"
    sign = "signed" if type_.is_signed else "unsigned"
    number = len(type_.enumerators)
    yield "\t" + _paint(comment(f"size: {type_.size}, {sign}, values: {number}"), _DIM, style)
    yield f"}}{behind};"


def _name(name: str) -> str:
    """Return a name as it stands in C; one that cannot stand there in quotes."""
    is_plain = not name or (name.isascii() and name.isidentifier())
    return name if is_plain else quoted(clip(name))


def _sized(type_: t.Type) -> str:
    size = _size(type_)
    return comment(f"size: {size}" if size is not None else "no size")


def _size(type_: t.Type) -> int | None:
    try:
        return type_.btf.sizeof(type_)
    except (BtfFormatError, TypeNotFoundError):
        return None


def _paint(text: str, color: str, style: Style) -> str:
    return f"{color}{text}{_PLAIN}" if style.color else text


# JSON


def _head(one: Chosen) -> dict[str, Any]:
    type_ = one.type_
    keyword = getattr(type_, "keyword", type_.kind.name.lower().removesuffix("64"))
    head = {"kind": keyword, "name": type_.name, "id": type_.id, "module": type_.btf.name}
    return {**head, "alternatives": one.alternatives} if one.alternatives > 1 else head


def _document(type_: t.Type, style: Style) -> dict[str, Any]:
    if isinstance(type_, t.Composite):
        return _composite_document(type_, style)
    if isinstance(type_, t.Enum):
        values = [{"name": one.name, "value": one.value} for one in type_.enumerators]
        return {"size": type_.size, "signed": type_.is_signed, "values": values}
    if isinstance(type_, t.Func):
        tags = [
            {"on": tag.on, "tag": tag.tag, "meaning": tag.meaning, "problem": tag.problem or None}
            for tag in function_tags(type_, style.find_global)
        ]
        return {"prototype": prototype(type_), "tags": tags}
    if not isinstance(type_, t.Typedef):
        return {"size": _size(type_)}
    target = type_.target
    document: dict[str, Any] = {"type": str(target), "size": _size(type_)}
    if isinstance(target, t.Composite | t.Enum) and not target.name:
        document |= _document(target, style)
    return document


def _composite_document(type_: t.Composite, style: Style) -> dict[str, Any]:
    sayings = Sayings(type_, style.annotations) if style.annotations is not None else None
    problems = list(sayings.problems) if sayings is not None else []
    layout = layout_of(type_, sayings)
    if isinstance(layout, str):
        return {"size": type_.size, "problems": [layout, *problems]}
    counts = {name.replace(" ", "_"): count for name, count in layout.counts().items()}
    size = counts.pop("size")
    counts["count"] = counts.pop("members")
    tags = [tag.text for tag in type_.btf.decl_tags(type_) if tag.component_index < 0]
    document = {"size": size, "members": _member_documents(layout), "counts": counts}
    document |= {"tags": tags} if tags else {}
    return document | ({"problems": problems} if problems else {})


def _member_documents(layout: Layout) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for item in layout.items:
        if isinstance(item, Hole):
            what = "padding" if item.is_padding else "hole"
            found.append({what: item.bits, "bit_offset": item.bit_offset})
            continue
        member = item.member
        document: dict[str, Any] = {
            "name": member.name,
            "type": str(member.type),
            "offset": item.bit_offset // 8,
            "size": item.size,
        }
        if member.bit_size:
            document |= {"bit_offset": item.bit_offset, "bit_size": member.bit_size}
        document |= {"says": list(item.says)} if item.says else {}
        document |= {"problem": item.problem} if item.problem else {}
        document |= {"members": _member_documents(item.inner)} if item.inner is not None else {}
        found.append(document)
    return found
