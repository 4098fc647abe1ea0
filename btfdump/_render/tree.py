"""`tree`: nested lines for a terminal, with less important text dimmed.

It streams: each line is yielded as soon as its object has been read. Guides can mark the last entry
of an object or container because its fields, or its number of entries, are known when it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import ColorSystem
from rich.style import Style

from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._render import Options, Root, renderer
from btfdump._render.escape import printable, quoted
from btfdump._render.fitting import fit, visible
from btfdump._render.labels import holds_text, label_text, remark_text
from btfdump._render.lines import is_branch
from btfdump._render.outline import (
    by_whom,
    children,
    holds_group,
    inline_leaves,
    is_empty,
    totals_text,
    typed_by,
)
from btfdump._render.painter import Painter, number_of, type_of, where_seen
from btfdump._render.scalar import is_folded, meaning_of, summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._decode.fields import Field
    from btfdump._graph.events import Enter, Holds, Open
    from btfdump._render import Interest
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

_WIDTH = 110
"""Structs are written on one line up to about this many columns."""
_COLUMN = 22
"""Names are padded up to this many columns, so that values are aligned."""
_STYLES = {
    "name": Style(color="cyan"),
    "value": Style(),
    "string": Style(color="green"),
    "enum": Style(color="yellow"),
    "symbol": Style(color="magenta"),
    "object": Style(bold=True),
    "dim": Style(dim=True),
    "note": Style(color="red", bold=True),
}


@renderer()
def render_tree(roots: Iterable[Root], options: Options) -> Iterator[str]:
    """A tree, for people; the default on a terminal."""
    for number, root in enumerate(roots):
        if number:
            yield "\n"
        for line in _TreePainter(options, root.name).paint(root.events):
            yield fit(line, options.width) + "\n"


class _TreePainter(Painter):
    """Draws a tree. `open_` records for each depth whether its guide goes on."""

    def __init__(self, options: Options, root_name: str) -> None:
        super().__init__(options)
        self.root_name = root_name
        self.open_: list[bool] = []
        self.widths: dict[int, int] = {}
        self.has_totals = False
        self.is_list = False

    # Pieces

    def style(self, what: str, text_: str) -> str:
        if not text_ or not self.options.color:
            return text_
        return _STYLES[what].render(text_, color_system=ColorSystem.STANDARD)

    def told(self, whom: str) -> str:
        return self.style("dim", by_whom(whom))

    def guide(self, depth: int, last: bool) -> str:
        """Return the guides of a line, and record whether its level goes on below it."""
        if depth == 0:
            self.open_ = []
            return ""
        del self.open_[depth - 1 :]
        while len(self.open_) < depth - 1:
            self.open_.append(True)
        bars = "".join("│   " if more else "    " for more in self.open_)
        self.open_.append(not last)
        return self.style("dim", bars + ("└── " if last else "├── "))

    def label(self, name: str, depth: int = 0) -> str:
        return self.style("name", printable(name).ljust(self.widths.get(depth, 0))) if name else ""

    def align(self, fields: Sequence[Field], depth: int) -> None:
        """Align the values of these fields, which are at `depth`, in one column."""
        shown = [f for f in fields if self.options.zero or not is_empty(f)]
        widest = max((len(f.name) for f in shown), default=0)
        self.widths[depth] = min(widest, _COLUMN)

    def styled(self, field: Field) -> tuple[str, str]:
        """Return (value, remark) of a field on one line, styled."""
        shown, remark, what = self.value(field)
        if isinstance(field.layout, ArrayLayout) and not field.data:
            return self.style(what, shown), self.style("dim", f" {remark}" if remark else "")
        return self.style(what, shown), self.remark(remark)

    def remark(self, remark: str) -> str:
        if not remark:
            return ""
        return " " + self.style("string" if remark.startswith('"') else "symbol", remark)

    def type(self, field: Field) -> str:
        is_link = field.facts is not None and field.facts.is_link
        is_said = isinstance(field.layout, ScalarLayout)  # beside the value
        remark = "" if is_said or not field.remark else f" ({printable(field.remark)})"
        role = " (link)" if is_link else remark
        return "  " + self.style(
            "dim", f"{printable(str(field.layout.type))}{role}{typed_by(field)}"
        )

    # Lines

    def leaf(self, item: FieldLine) -> str:
        value, remark = self.styled(item.field)
        name = self.label(item.name, item.depth)
        space = " " if name else ""
        return f"{self.start(item)}{name}{space}{value}{remark}{self.type(item.field)}"

    def start(
        self, item: FieldLine | StructLine | GroupLine | ObjectLine | SeenLine | NumberLine
    ) -> str:
        # The line of totals may follow the last item below a root.
        return self.guide(item.depth, item.is_last and (item.depth > 1 or not self.has_totals))

    def branch(self, item: StructLine) -> str:
        field, name = item.field, item.name
        if item.is_minor or (self.options.interest is not None and is_folded(field)):
            return self.folded(item)
        if not name and not isinstance(field.layout, ScalarLayout | ArrayLayout):
            name = f"<{field.layout.base.keyword}>"
        line = f"{self.start(item)}{self.label(name, item.depth)}"
        words = meaning_of(field, self.options)
        is_short = not words or (isinstance(field.layout, StructLayout) and field.layout.is_small)
        inline = self.inline(field, len(name) + 4 * item.depth) if is_short else ""
        self.align(children(field), item.depth + 1)
        if inline or (words and not holds_group(field)):
            self.skip_inside()
            said = self.remark(words)
            return f"{line} {inline}{said if inline else said[1:]}{self.type(field)}"
        return f"{line} {self.type(field).lstrip()}"

    def folded(self, item: StructLine) -> str:
        """Return a struct of interest to few on one line, with the members that matter most."""
        self.skip_inside()
        field, layout = item.field, item.field.layout
        names: Sequence[str] = ()
        if isinstance(layout, StructLayout) and self.options.interest is not None:
            names, _ = self.options.interest(layout)
        found = {inner.name: inner for inner in children(field)}
        parts = []
        for name in names:
            inner = found.get(name)
            if inner is not None and not is_branch(inner) and not inner.has_group:
                value, remark = self.styled(inner)
                parts.append(f"{self.label(name)} {value}{remark}")
        name = item.name or (f"<{layout.base.keyword}>" if isinstance(layout, StructLayout) else "")
        inside = ", ".join([*parts, "..."])
        line = f"{self.start(item)}{self.label(name, item.depth)} {inside}{self.type(field)}"
        return f"{line} {self.style('dim', '(--unfold)')}"

    def interest(self) -> Interest | None:
        """Return what tells which members matter."""
        return self.options.interest

    def inline(self, field: Field, indent: int) -> str:
        """Return a small struct on one line, or "" if it does not fit."""
        if any(inner.data and is_branch(inner) for inner in children(field)):
            return ""  # what these mean has its place on lines of their own
        leaves = inline_leaves(field) or []
        width = self.options.width or _WIDTH
        plain = sum(len(name) + 8 for name, _ in leaves)
        if not leaves or (indent + plain > width and len(leaves) > 1):
            return ""
        parts = []
        for name, leaf in leaves:
            value, remark = self.styled(leaf)
            parts.append(f"{self.label(name.lstrip('.'))} {value}{remark}")
        line = ", ".join(parts)
        is_long = self.options.width and indent + visible(line) > width
        return "" if is_long and len(leaves) > 1 else line

    def pointer(self, item: GroupLine) -> str:
        self.is_list |= item.depth == 0
        return self.start(item) + self.label(item.name, item.depth)

    def joined(self, line: str, rest: str) -> str:
        return f"{line} {rest}"

    def group(self, item: GroupLine) -> str:
        opened = item.open
        self.is_list |= item.depth == 0
        if opened.holds is not None:
            return self.map_heading(opened, opened.holds)
        name = item.name if opened.field is not None else self.root_name
        label = f"{self.label(name, item.depth)} " if name else ""
        head = self.style("dim", type_of(opened))
        return f"{self.start(item)}{label}{head} -> {self.describe(opened)}"

    def map_heading(self, opened: Open, holds: Holds) -> str:
        """Return the heading of a map, with its elements below it."""
        name = self.style("string", quoted(holds.name))
        address = f"{self.style('object', 'struct bpf_map')} {opened.value.address_:#x}"
        what = self.style("dim", holds_text(holds, opened.count))
        return f"{address} {name} id {holds.id}  {what}"

    def describe(self, opened: Open) -> str:
        expansion = opened.expansion
        whom = self.style("dim", by_whom(opened.provenance))
        if expansion is None:
            return f"{opened.count} entries{whom}"
        return (
            f"{number_of(opened)}{self.style('object', printable(expansion.element.name))}"
            f"{f' ({printable(expansion.node)})' if expansion.node else ''}{whom}"
        )

    def heading(self, enter: Enter) -> str:
        value = enter.value
        words = summary(enter.summary)
        type_ = self.style("object", printable(str(value.type_)))
        tail = f" {self.style('string', words)}" if words else ""
        return f"{type_} {value.address_:#x}{tail}"

    def arrow(self, field: Field | None) -> str:
        """Return the part of a pointer's line before its target: type tags and an arrow."""
        if field is None or not isinstance(field.layout, ScalarLayout):
            return "-> "
        base = field.layout.base
        tags = base.btf.type_tags(base.type_id) if hasattr(base, "type_id") else ()
        shown = "".join(f"__{printable(tag)} " for tag in tags)
        return f"{self.style('dim', shown)}-> "

    def target(self, item: ObjectLine) -> str:
        self.align(item.enter.fields, item.depth + 1)
        group = item.group
        whom = self.style("dim", by_whom(group.provenance)) if group is not None else ""
        arrow = self.arrow(group.field if group is not None else None)
        return f"{arrow}{self.heading(item.enter)}{whom}"

    def object(self, item: ObjectLine) -> str | None:
        enter = item.enter
        self.align(enter.fields, item.depth + 1)
        if item.depth == 0:
            return self.root(enter)
        if enter.is_one_field:
            self.widths[item.depth] = 0
            return None
        label = label_text(enter.label, self.options)
        remark = self.style("dim", remark_text(enter.label))
        heading = f"{self.start(item)}{self.label(label)} {self.heading(enter)}"
        return f"{heading}  {remark}" if remark else heading

    def root(self, enter: Enter) -> str | None:
        """Return the heading of a root; None if it is not a struct and its field's line is all."""
        if enter.is_bare:
            self.has_totals = False
            return None
        # Deeper objects and notes may add to the totals later.
        self.has_totals = bool(enter.skipped or enter.empty_lists or enter.unfollowed) or any(
            holds_group(field) for field in enter.fields
        )
        name = f"{self.label(self.root_name)} " if self.root_name else ""
        return f"{name}{self.heading(enter)}  {self.style('dim', printable(self.source()))}"

    def title(self, item: ObjectLine) -> str:
        """Return the name for an object that is not a struct: the root's, or an element's."""
        label = item.enter.label
        if item.depth == 0:
            return self.root_name
        return " ".join(filter(None, (label_text(label, self.options), remark_text(label))))

    def source(self) -> str:
        """Describe where the objects come from: `vmcore (ELF) of 6.12.1, 2 CPUs`."""
        options = self.options
        if not options.release:
            return options.source
        cpus = f", {options.cpus} CPU{'s' if options.cpus > 1 else ''}" if options.cpus else ""
        return f"{options.source} of {options.release}{cpus}"

    def figure(self, item: NumberLine) -> str:
        entry = item.number.entry
        meaning = self.style("dim", f"{entry.meaning} entry")
        return f"{self.start(item)}{self.label(item.number.label)} {entry.value:#x}  {meaning}"

    def seen(self, item: SeenLine) -> str:
        seen = item.seen
        words = summary(seen.summary)
        line = f"^ {printable(str(seen.value.type_))} {seen.value.address_:#x}"
        line += f" {self.style('string', words)}" if words else ""
        return line + self.style("dim", f" ({where_seen(seen)})")

    def reference(self, item: SeenLine) -> str:
        label = self.label(label_text(item.seen.label, self.options))
        return f"{self.start(item)}{label} {self.seen(item)}"

    def note(self, item: NoteLine) -> Iterator[str]:
        del self.open_[max(item.depth - 1, 0) :]
        bars = "".join("│   " if more else "    " for more in self.open_)
        note = self.style("note", f"! {printable(item.note.text)}")
        yield f"{self.style('dim', bars)}{note}"

    def end(self, item: EndLine) -> Iterator[str]:
        more = item.left_out()
        if more:
            yield self.guide(item.depth + 1, True) + self.style("dim", more)

    def totals(self, totals: TotalsLine) -> Iterator[str]:
        words = totals_text(totals) or ("all shown" if self.has_totals else "")
        if words:
            # If the root is a list, its last entry has already ended the tree.
            yield ("" if self.is_list else self.guide(1, True)) + self.style("dim", words)
