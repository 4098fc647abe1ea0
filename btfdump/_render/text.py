"""`text`: C initialisers in the manner of bpf_snprintf_btf (kernel/bpf/btf.c), but correct.

Every array element is there, names are kept, small enums and floats are shown properly, and what
pointers and containers lead to is nested in place. Remarks of our own are C comments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._graph.events import GroupKind
from btfdump._render import Options, Root, renderer
from btfdump._render.escape import printable, quoted
from btfdump._render.labels import holds_text, label_text, remark_text
from btfdump._render.lines import (
    EndLine,
    FieldLine,
    GroupLine,
    NoteLine,
    NumberLine,
    ObjectLine,
    SeenLine,
    StructLine,
    TotalsLine,
)
from btfdump._render.outline import by_whom, holds_group, inline_leaves, totals_text, typed_by
from btfdump._render.painter import Painter, number_of, type_of, where_seen
from btfdump._render.scalar import meaning_of, scalar, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._decode.fields import Field
    from btfdump._graph.events import Label, Open

_INDENT = "  "


@renderer()
def render_text(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """Text, a member a line; the default in a pipe."""
    for root in roots:
        name = f"{printable(root.name)} = " if root.name else ""
        for line in TextPainter(options).paint(root.events):
            yield name + line + "\n"
            name = ""


class TextPainter(Painter):
    """Writes C initialisers."""

    def title(self, item: ObjectLine) -> str:
        """Return the name for an object that is not a struct; "" for a root, which has one."""
        return self.entry(item.enter.label).removesuffix(" = ")

    def name(self, name: str) -> str:
        """Return the start of a line: `.member = `, `[3] = `, or nothing."""
        if not name:
            return ""
        if name.startswith("["):
            return f"{name} = "
        return f".{printable(name)} = "

    def told(self, whom: str) -> str:
        """Return who has typed a root, as a comment."""
        return f" /*{by_whom(whom)} */"

    def type(self, field: Field) -> str:
        """Return the C type, in parentheses as in a cast."""
        return f"({printable(str(field.layout.type))})"

    def opening(self, field: Field) -> str:
        """Return the type and the bracket that opens an aggregate."""
        remark = f" /* {printable(field.remark)} */" if field.remark else ""
        return f"{self.type(field)}{'[' if isinstance(field.layout, ArrayLayout) else '{'}{remark}"

    def leaf(self, item: FieldLine) -> str:
        """Return the line of a field that takes one line."""
        shown, remark, _ = self.value(item.field)
        comma = "," if item.depth else ""
        remark = f"{remark}{typed_by(item.field)}".strip()
        tail = f" /* {remark} */" if remark else ""
        start = f"{_INDENT * item.depth}{self.name(item.name)}"
        return f"{start}{self.type(item.field)}{shown}{comma}{tail}"

    def branch(self, item: StructLine) -> str:
        """Return the first line of an aggregate, or all of a small one."""
        field, indent = item.field, _INDENT * item.depth
        whom = typed_by(field)
        tail = f" /*{whom} */" if whom else ""
        line = self.inline(field, item.name) or self.whole(field, item.name)
        if line:
            self.skip_inside()
            return f"{indent}{line}{tail}"
        return f"{indent}{self.name(item.name)}{self.opening(field)}{tail}"

    def inline(self, field: Field, name: str) -> str:
        """Return a struct on one line, or "" if it is not small or a member leads somewhere."""
        if not isinstance(field.layout, StructLayout) or not field.layout.is_small:
            return ""
        leaves = inline_leaves(field)
        if leaves is None:
            return ""
        parts = []
        for path, leaf in leaves:
            shown, remark, _ = self.value(leaf)
            parts.append(f"{printable(path)} = {shown}{f' /* {remark} */' if remark else ''}")
        inside = f" {', '.join(parts)} " if parts else ""
        words = printable(field.remark) or meaning_of(field, self.options)
        remark = f" /* {words} */" if words else ""
        return f"{self.name(name)}{self.type(field)}{{{inside}}},{remark}"

    def whole(self, field: Field, name: str) -> str:
        """Return a struct on one line as what it means, "" if it means nothing as a whole."""
        words = meaning_of(field, self.options)
        if not words or holds_group(field):
            return ""
        return f"{self.name(name)}{self.type(field)}{{ /* {words} */ }},"

    def pointer(self, item: GroupLine) -> str:
        """Return the line of a pointer, up to its value."""
        opened, field = item.open, item.open.field
        assert field is not None
        assert isinstance(field.layout, ScalarLayout)
        shown, _ = scalar(field.layout, field.value, self.options)
        whom = by_whom(opened.provenance)
        start = f"{_INDENT * item.depth}{self.name(item.name)}"
        return f"{start}{self.type(field)}{shown}{f' /*{whom} */' if whom else ''}"

    def joined(self, line: str, rest: str) -> str:
        """Join a pointer's line and its target's text."""
        return f"{line}{rest or ','}"

    def group(self, item: GroupLine) -> str:
        """Return the first line of a container, a map or an array of pointers."""
        opened, indent = item.open, _INDENT * item.depth
        type_ = type_of(opened)
        if opened.holds is not None:
            holds = opened.holds
            what = f"{quoted(holds.name)} id {holds.id}, {holds_text(holds, opened.count)}"
            return f"{indent}({type_} *){opened.value.address_:#x} -> {{ /* {what} */"
        return f"{indent}{self.name(item.name)}({type_}){{ /* {describe(opened)} */"

    def target(self, item: ObjectLine) -> str:
        """Return how a pointer's line describes the object that it leads to."""
        words = summary(item.enter.summary)
        if item.enter.brief:
            return f", /* {words} */" if words else ","
        return f" -> {{{f' /* {words} */' if words else ''}"

    def object(self, item: ObjectLine) -> str | None:
        """Return the first line of an object; None for one that is shown as its only field."""
        enter, indent = item.enter, _INDENT * item.depth
        words = summary(enter.summary)
        words = f" {words}" if words else ""
        label = self.entry(enter.label)
        type_ = printable(str(enter.value.type_))
        if enter.brief:
            comma = "," if item.depth else ""
            remark = f" /*{words} */" if words else ""
            return f"{indent}{label}({type_} *){enter.value.address_:#x}{comma}{remark}"
        if enter.is_bare:
            return None
        return f"{indent}{label}({type_}){{ /* {enter.value.address_:#x}{words} */"

    def entry(self, label: Label) -> str:
        """Return the start of an entry's line: `[3] = `, or nothing if it is not an entry."""
        text = label_text(label, self.options)
        remark = remark_text(label)
        return f"{text}{f' /* {remark} */' if remark else ''} = " if text else ""

    def figure(self, item: NumberLine) -> str:
        """Return the line of an entry that is not an object."""
        entry, label = item.number.entry, printable(item.number.label)
        return f"{_INDENT * item.depth}{label} = {entry.value:#x}, /* {entry.meaning} entry */"

    def seen(self, item: SeenLine) -> str:
        """Return how a line describes an object that was shown before."""
        words = summary(item.seen.summary)
        return f", /* {words + ', ' if words else ''}{where_seen(item.seen)} */"

    def reference(self, item: SeenLine) -> str:
        """Return the line of an entry that was shown before."""
        value = item.seen.value
        start = f"{_INDENT * item.depth}{self.entry(item.seen.label)}"
        return f"{start}({printable(str(value.type_))} *){value.address_:#x}{self.seen(item)}"

    def note(self, item: NoteLine) -> Iterator[str]:
        """Yield a note as a comment."""
        yield f"{_INDENT * item.depth}/* ! {printable(item.note.text)} */"

    def end(self, item: EndLine) -> Iterator[str]:
        """Yield what was left out of an aggregate, group or object, and what closes it."""
        indent = _INDENT * item.depth
        more = item.left_out()
        if more:
            yield f"{indent}{_INDENT}/* {more} */"
        if self.is_closed(item):
            is_array = isinstance(item.of, StructLine) and isinstance(
                item.of.field.layout, ArrayLayout
            )
            yield f"{indent}{']' if is_array else '}'}{',' if item.depth else ''}"

    def is_closed(self, item: EndLine) -> bool:
        """Whether what ends here has a closing bracket."""
        of = item.of
        if isinstance(of, ObjectLine):
            enter = of.enter
            has_own = not enter.is_bare or of.group is not None
            return has_own and not enter.brief and not enter.is_one_field
        return isinstance(of, StructLine) or of.open.kind is not GroupKind.POINTER

    def totals(self, totals: TotalsLine) -> Iterator[str]:
        """Yield the comment that says what a root left out, if anything."""
        words = totals_text(totals)
        if words:
            yield f"/* {words} */"


def describe(opened: Open) -> str:
    """Describe what a group holds: `4 x struct task_struct by sibling [tag]`."""
    expansion = opened.expansion
    if expansion is None:
        return f"{opened.count} set{by_whom(opened.provenance)}"
    return (
        f"{number_of(opened)}struct {printable(expansion.element.name)}"
        f"{f' by {printable(expansion.node)}' if expansion.node else ''}"
        f"{by_whom(opened.provenance)}"
    )
