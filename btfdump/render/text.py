"""`text`: C initialisers in the manner of bpf_snprintf_btf (kernel/bpf/btf.c), but right.

Every array element is there, names stay, small enums and floats read as they are, and what lies
behind pointers and containers is nested in place. Remarks of our own are C comments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.decode.layout import ArrayLayout, ScalarLayout, StructLayout
from btfdump.graph.events import Group as Kind
from btfdump.render import Options, Root, renderer
from btfdump.render.escape import printable, quoted
from btfdump.render.labels import holds_text, label_text, remark_text
from btfdump.render.outline import (
    Branch,
    End,
    Figure,
    Group,
    Item,
    Leaf,
    Object,
    Outline,
    Reference,
    Remark,
    Totals,
    by_whom,
    inline_leaves,
    is_cut,
    totals_text,
    typed_by,
)
from btfdump.render.scalar import array, field_scalar, scalar, summary, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump.decode.fields import Field
    from btfdump.graph.events import Label, Open

_INDENT = "  "


@renderer()
def render_text(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """Text, a member a line; the default in a pipe."""
    for root in roots:
        painter = TextPainter(options)
        outline = Outline(keep_empty=options.zero, title=painter.title)
        name = f"{printable(root.name)} = " if root.name else ""
        for item in outline.items(root.events):
            for line in painter.lines(item):
                yield name + line + "\n"
                name = ""


class TextPainter:
    """Turns outline items into lines."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.skip = 0
        self.held = ""

    def lines(self, item: Item) -> Iterator[str]:
        """Yield the lines of one item."""
        if self.skip:  # inside a struct that was written on one line
            if isinstance(item, Branch):
                self.skip += 1
            elif isinstance(item, End) and isinstance(item.of, Branch):
                self.skip -= 1
            return
        indent = _INDENT * item.depth
        if isinstance(item, Leaf):
            yield self.leaf(item.field, item.name, item.depth)
        elif isinstance(item, Branch):
            yield indent + self.branch(item.field, item.name)
        elif isinstance(item, Group):
            yield from self.group(item, indent)
        elif isinstance(item, Object):
            yield from self.object(item, indent)
        elif isinstance(item, Reference | Figure):
            yield self.reference(item, indent)
        elif isinstance(item, Remark):
            if self.held:
                yield self.release("")
            yield f"{indent}/* ! {printable(item.note.text)} */"
        elif isinstance(item, Totals):
            yield from self.totals(item)
        else:
            yield from self.end(item, indent)

    def title(self, item: Object) -> str:
        """Return what an object that is no struct is called, "" for a root: it has a name."""
        return self.entry(item.enter.label).removesuffix(" = ")

    def name(self, name: str) -> str:
        """Return what a line begins with: `.member = `, `[3] = `, or nothing."""
        if not name:
            return ""
        if name.startswith("["):
            return f"{name} = "
        return f".{printable(name)} = "

    def type(self, field: Field) -> str:
        """Return the C type, in parentheses as in a cast."""
        return f"({printable(str(field.layout.type))})"

    def opening(self, field: Field) -> str:
        """Return the type and the bracket that opens an aggregate."""
        remark = f" /* {printable(field.remark)} */" if field.remark else ""
        return f"{self.type(field)}{'[' if isinstance(field.layout, ArrayLayout) else '{'}{remark}"

    def leaf(self, field: Field, name: str, depth: int) -> str:
        """Return the line of a field that takes one."""
        shown, remark = self.value(field)
        comma = "," if depth else ""
        remark = f"{remark}{typed_by(field)}".strip()
        tail = f" /* {remark} */" if remark else ""
        return f"{_INDENT * depth}{self.name(name)}{self.type(field)}{shown}{comma}{tail}"

    def branch(self, field: Field, name: str) -> str:
        """Return the first line of an aggregate, or all of a small one."""
        whom = typed_by(field)
        tail = f" /*{whom} */" if whom else ""
        line = self.inline(field, name)
        if line:
            self.skip = 1
            return f"{line}{tail}"
        return f"{self.name(name)}{self.opening(field)}{tail}"

    def value(self, field: Field) -> tuple[str, str]:
        """Return (value, remark) of a field that takes one line."""
        layout = field.layout
        if isinstance(layout, ScalarLayout):
            return field_scalar(field, self.options)
        if isinstance(field.value, bytes):
            return text(field.value, self.options), ""
        if isinstance(layout, ArrayLayout) and isinstance(layout.element, ScalarLayout):
            whom = field.facts.provenance if field.facts is not None and field.facts.length else ""
            return array(field, layout.element, self.options), by_whom(whom).strip()
        return "{}", ""

    def inline(self, field: Field, name: str) -> str:
        """Return a struct on one line if its type is small and nothing lies behind its members."""
        if not isinstance(field.layout, StructLayout) or not field.layout.is_small:
            return ""
        leaves = inline_leaves(field)
        if leaves is None:
            return ""
        parts = []
        for path, leaf in leaves:
            shown, remark = self.value(leaf)
            parts.append(f"{printable(path)} = {shown}{f' /* {remark} */' if remark else ''}")
        inside = f" {', '.join(parts)} " if parts else ""
        remark = f" /* {printable(field.remark)} */" if field.remark else ""
        return f"{self.name(name)}{self.type(field)}{{{inside}}},{remark}"

    def group(self, item: Group, indent: str) -> Iterator[str]:
        """Yield the first line of what lies behind a field; a pointer's waits for its target."""
        opened = item.open
        field = opened.field
        name = self.name(item.name)
        if opened.behind is Kind.POINTER and field is not None:
            assert isinstance(field.layout, ScalarLayout)
            shown, _ = scalar(field.layout, field.value, self.options)
            whom = by_whom(opened.provenance)
            self.held = f"{indent}{name}{self.type(field)}{shown}{f' /*{whom} */' if whom else ''}"
            return
        type_ = printable(str(field.layout.type if field is not None else opened.value.type_))
        if opened.holds is not None:
            holds = opened.holds
            what = f"{quoted(holds.name)} id {holds.id}, {holds_text(holds, opened.count)}"
            yield f"{indent}({type_} *){opened.value.address_:#x} -> {{ /* {what} */"
            return
        yield f"{indent}{name}({type_}){{ /* {describe(opened)} */"

    def release(self, rest: str) -> str:
        """Complete the line of a pointer, which waits for what its target is."""
        line, self.held = self.held, ""
        return f"{line}{rest or ','}"

    def object(self, item: Object, indent: str) -> Iterator[str]:
        """Yield the first line of an object."""
        enter = item.enter
        words = summary(enter.summary)
        if self.held:  # the target of a pointer
            if enter.brief:
                yield self.release(f", /* {words} */" if words else ",")
                return
            yield self.release(f" -> {{{f' /* {words} */' if words else ''}")
            return
        label = self.entry(enter.label)
        type_ = printable(str(enter.value.type_))
        words = f" {words}" if words else ""
        comma = "," if item.depth else ""
        if enter.brief:
            yield (
                f"{indent}{label}({type_} *){enter.value.address_:#x}{comma}"
                f"{f' /*{words} */' if words else ''}"
            )
            return
        if enter.is_bare:
            return  # its one field is the line
        yield f"{indent}{label}({type_}){{ /* {enter.value.address_:#x}{words} */"

    def entry(self, label: Label) -> str:
        """Return what the line of an entry begins with: `[3] = `; nothing for what is none."""
        text = label_text(label, self.options)
        remark = remark_text(label)
        return f"{text}{f' /* {remark} */' if remark else ''} = " if text else ""

    def reference(self, item: Reference | Figure, indent: str) -> str:
        """Return the line of an object that was shown before, or of an entry that is no object."""
        if isinstance(item, Figure):
            entry, label = item.number.entry, printable(item.number.label)
            return f"{indent}{label} = {entry.value:#x}, /* {entry.meaning} entry */"
        seen = item.seen
        words = summary(seen.summary)
        where = "cycle: this is inside it" if seen.is_cycle else "seen above"
        remark = f" /* {words + ', ' if words else ''}{where} */"
        if self.held:
            return self.release(f",{remark}")
        label = self.entry(seen.label)
        type_ = printable(str(seen.value.type_))
        return f"{indent}{label}({type_} *){seen.value.address_:#x},{remark}"

    def end(self, item: End, indent: str) -> Iterator[str]:
        """Yield what closes an aggregate, group or object."""
        of = item.of
        comma = "," if item.depth else ""
        if isinstance(of, Branch):
            if of.field.elided > 0:
                yield f"{indent}{_INDENT}/* {of.field.elided} more (--elements) */"
            yield f"{indent}{']' if isinstance(of.field.layout, ArrayLayout) else '}'}{comma}"
        elif isinstance(of, Object):
            if of.enter.is_one_field:
                return
            yield from self.elided(of)
            if not of.enter.brief and (not of.enter.is_bare or of.group is not None):
                yield f"{indent}}}{comma}"
        else:
            if self.held:
                yield self.release("")
            if of.open.behind is not Kind.POINTER:
                more = item.left_out()
                if more:
                    yield f"{indent}{_INDENT}/* {more} */"
                yield f"{indent}}}{comma}"

    def elided(self, of: Object) -> Iterator[str]:
        """Yield what was left out of an array that a pointer leads to."""
        if of.enter.is_bare and of.group is not None and is_cut(of.enter.fields[0]):
            indent = _INDENT * (of.depth + 1)
            yield f"{indent}/* {of.enter.fields[0].elided} more (--elements) */"

    def totals(self, totals: Totals) -> Iterator[str]:
        """Yield what a root left out."""
        words = totals_text(totals)
        if words:
            yield f"/* {words} */"


def describe(opened: Open) -> str:
    """Say what a group holds: `4 x struct task_struct by sibling [tag]`."""
    expansion = opened.expansion
    if expansion is None:
        return f"{opened.count} set{by_whom(opened.provenance)}"
    number = f"{opened.count} x " if opened.count is not None else "many x "
    return (
        f"{number}struct {printable(expansion.element.name)}"
        f"{f' by {printable(expansion.node)}' if expansion.node else ''}"
        f"{by_whom(opened.provenance)}"
    )
