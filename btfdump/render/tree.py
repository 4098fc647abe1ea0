"""`tree`: nested lines for a terminal. Names, values, and dimmed what a reader may skip.

It streams: each line is yielded as soon as its object has been read. Guides know the last entry of
an object or container because its fields, or its number of entries, are known when it begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.color import ColorSystem
from rich.style import Style

from btfdump.decode.layout import ArrayLayout, Category, ScalarLayout
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
    children,
    holds_group,
    inline_leaves,
    is_cut,
    is_empty,
    totals_text,
    typed_by,
)
from btfdump.render.scalar import array, field_scalar, summary, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump.decode.fields import Field
    from btfdump.graph.events import Enter, Holds, Open

_WIDTH = 110
"""Structs are written on one line up to about this many columns."""
_COLUMN = 22
"""Names up to this long are padded, so that values stand in a column."""
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
        painter = _Painter(options, root.name)
        outline = Outline(keep_empty=options.zero, title=painter.title)
        for item in outline.items(root.events):
            for line in painter.lines(item):
                yield line + "\n"


class _Painter:
    """Paints items. `open_` remembers, by depth, whether more follows there (the guide goes on)."""

    def __init__(self, options: Options, root_name: str) -> None:
        self.options = options
        self.root_name = root_name
        self.open_: list[bool] = []
        self.widths: dict[int, int] = {}
        self.has_totals = False
        self.is_list = False
        self.skip = 0
        self.held: tuple[str, int, bool] | None = None

    # Pieces

    def style(self, what: str, text_: str) -> str:
        if not text_ or not self.options.color:
            return text_
        return _STYLES[what].render(text_, color_system=ColorSystem.STANDARD)

    def guide(self, depth: int, last: bool) -> str:
        """Return the guides of a line, and remember whether this level goes on below it."""
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
        """Put the values of these fields, which are `depth` deep, into one column."""
        shown = [f for f in fields if self.options.zero or not is_empty(f)]
        widest = max((len(f.name) for f in shown), default=0)
        self.widths[depth] = min(widest, _COLUMN)

    def value_of(self, field: Field) -> tuple[str, str]:
        """Return (value, remark) of a field on one line, styled."""
        layout = field.layout
        if isinstance(layout, ScalarLayout):
            shown, remark = field_scalar(field, self.options)
            what = "enum" if layout.category is Category.ENUM else "value"
            return self.style(what, shown), self.remark(remark)
        if isinstance(layout, ArrayLayout) and isinstance(field.value, bytes):
            return self.style("string", text(field.value, self.options)), ""
        if isinstance(layout, ArrayLayout) and isinstance(layout.element, ScalarLayout):
            whom = field.facts.provenance if field.facts is not None and field.facts.length else ""
            return array(field, layout.element, self.options), self.style("dim", by_whom(whom))
        return "{}", ""

    def remark(self, remark: str) -> str:
        if not remark:
            return ""
        return " " + self.style("string" if remark.startswith('"') else "symbol", remark)

    def type(self, field: Field) -> str:
        is_link = field.facts is not None and field.facts.is_link
        role = " (link)" if is_link else f" ({printable(field.remark)})" if field.remark else ""
        return "  " + self.style(
            "dim", f"{printable(str(field.layout.type))}{role}{typed_by(field)}"
        )

    # Lines

    def lines(self, item: Item) -> Iterator[str]:
        if isinstance(item, Totals):
            words = totals_text(item) or ("all shown" if self.has_totals else "")
            if words:
                # A list that is the root itself has ended its tree with its last entry.
                yield ("" if self.is_list else self.guide(1, True)) + self.style("dim", words)
            return
        if self.skip:  # inside a struct that was written on one line
            if isinstance(item, Branch):
                self.skip += 1
            elif isinstance(item, End) and isinstance(item.of, Branch):
                self.skip -= 1
            return
        if isinstance(item, Leaf):
            value, remark = self.value_of(item.field)
            name = self.label(item.name, item.depth)
            space = " " if name else ""
            yield f"{self.start(item)}{name}{space}{value}{remark}{self.type(item.field)}"
        elif isinstance(item, Branch):
            yield self.branch(item)
        elif isinstance(item, Group):
            yield from self.group(item)
        elif isinstance(item, Object):
            yield from self.object(item)
        elif isinstance(item, Reference | Figure):
            yield self.reference(item)
        elif isinstance(item, Remark):
            yield from self.note(item)
        else:
            yield from self.end(item)

    def start(self, item: Leaf | Branch | Group | Object | Reference | Figure) -> str:
        # The last thing below a root may be the line of totals.
        return self.guide(item.depth, item.is_last and (item.depth > 1 or not self.has_totals))

    def branch(self, item: Branch) -> str:
        field, name = item.field, item.name
        if not name and not isinstance(field.layout, ScalarLayout | ArrayLayout):
            name = f"<{field.layout.base.keyword}>"
        line = f"{self.start(item)}{self.label(name, item.depth)}"
        inline = self.inline(field, len(name) + 4 * item.depth)
        self.align(children(field), item.depth + 1)
        if inline:
            self.skip = 1
            return f"{line} {inline}{self.type(field)}"
        return f"{line} {self.type(field).lstrip()}"

    def inline(self, field: Field, indent: int) -> str:
        """Return a small struct on one line, "" if it does not fit."""
        leaves = inline_leaves(field) or []
        plain = sum(len(name) + 8 for name, _ in leaves)
        if not leaves or (indent + plain > _WIDTH and len(leaves) > 1):
            return ""
        parts = []
        for name, leaf in leaves:
            value, remark = self.value_of(leaf)
            parts.append(f"{self.label(name.lstrip('.'))} {value}{remark}")
        return ", ".join(parts)

    def group(self, item: Group) -> Iterator[str]:
        opened = item.open
        field = opened.field
        self.is_list |= item.depth == 0
        if opened.behind is Kind.POINTER and field is not None:
            assert isinstance(field.layout, ScalarLayout)
            line = self.start(item) + self.label(item.name, item.depth)
            self.held = (line, item.depth, item.is_last)
            return
        name = item.name if field is not None else self.root_name
        head = printable(str(field.layout.type if field is not None else opened.value.type_))
        if opened.holds is not None:
            yield self.map_heading(opened, opened.holds)
            return
        label = f"{self.label(name, item.depth)} " if name else ""
        line = f"{self.start(item)}{label}{self.style('dim', head)} -> "
        yield line + self.describe(opened)

    def map_heading(self, opened: Open, holds: Holds) -> str:
        """Return the line of a map, below which its elements stand."""
        name = self.style("string", quoted(holds.name))
        address = f"{self.style('object', 'struct bpf_map')} {opened.value.address_:#x}"
        what = self.style("dim", holds_text(holds, opened.count))
        return f"{address} {name} id {holds.id}  {what}"

    def describe(self, opened: Open) -> str:
        expansion = opened.expansion
        whom = self.style("dim", by_whom(opened.provenance))
        if expansion is None:
            return f"{opened.count} entries{whom}"
        number = f"{opened.count} x " if opened.count is not None else "many x "
        return (
            f"{number}{self.style('object', printable(expansion.element.name))}"
            f"{f' ({printable(expansion.node)})' if expansion.node else ''}{whom}"
        )

    def release(self, rest: str) -> str:
        """Complete the line of a pointer, which waits for what its target is."""
        assert self.held is not None
        line, self.held = self.held[0], None
        return f"{line} {rest}"

    def heading(self, enter: Enter) -> str:
        value = enter.value
        words = summary(enter.summary)
        type_ = self.style("object", printable(str(value.type_)))
        tail = f" {self.style('string', words)}" if words else ""
        return f"{type_} {value.address_:#x}{tail}"

    def pointer(self, field: Field | None) -> str:
        """Return what a pointer's own line says before its target: tags, and a symbol."""
        if field is None or not isinstance(field.layout, ScalarLayout):
            return "-> "
        base = field.layout.base
        tags = base.btf.type_tags(base.type_id) if hasattr(base, "type_id") else ()
        shown = "".join(f"__{printable(tag)} " for tag in tags)
        return f"{self.style('dim', shown)}-> "

    def object(self, item: Object) -> Iterator[str]:
        enter = item.enter
        self.align(enter.fields, item.depth + 1)
        if self.held is not None:
            group = item.group
            whom = self.style("dim", by_whom(group.provenance)) if group is not None else ""
            pointer = self.pointer(group.field if group is not None else None)
            yield self.release(f"{pointer}{self.heading(enter)}{whom}")
            return
        if item.depth == 0:
            # What lies deeper, and notes, may add to the totals later.
            self.has_totals = bool(enter.skipped or enter.empty_lists or enter.unfollowed) or any(
                holds_group(field) for field in enter.fields
            )
            if enter.is_bare:
                self.has_totals = False
                return
            name = f"{self.label(self.root_name)} " if self.root_name else ""
            source = self.style("dim", printable(self.source()))
            yield f"{name}{self.heading(enter)}  {source}"
            return
        label = label_text(enter.label, self.options)
        if enter.is_one_field:
            self.widths[item.depth] = 0
            return
        remark = self.style("dim", remark_text(enter.label))
        heading = f"{self.start(item)}{self.label(label)} {self.heading(enter)}"
        yield f"{heading}  {remark}" if remark else heading

    def title(self, item: Object) -> str:
        """Return what an object that is no struct is called: as the root, or as an element."""
        label = item.enter.label
        if item.depth == 0:
            return self.root_name
        return " ".join(filter(None, (label_text(label, self.options), remark_text(label))))

    def source(self) -> str:
        """Say what the objects come from: `vmcore (ELF) of 6.12.1, 2 CPUs`."""
        options = self.options
        if not options.release:
            return options.source
        cpus = f", {options.cpus} CPU{'s' if options.cpus > 1 else ''}" if options.cpus else ""
        return f"{options.source} of {options.release}{cpus}"

    def reference(self, item: Reference | Figure) -> str:
        if isinstance(item, Figure):
            entry = item.number.entry
            meaning = self.style("dim", f"{entry.meaning} entry")
            return f"{self.start(item)}{self.label(item.number.label)} {entry.value:#x}  {meaning}"
        seen = item.seen
        words = summary(seen.summary)
        where = "cycle: this is inside it" if seen.is_cycle else "seen above"
        line = f"^ {printable(str(seen.value.type_))} {seen.value.address_:#x}"
        line += f" {self.style('string', words)}" if words else ""
        line += self.style("dim", f" ({where})")
        if self.held is not None:
            return self.release(line)
        return f"{self.start(item)}{self.label(label_text(seen.label, self.options))} {line}"

    def note(self, item: Remark) -> Iterator[str]:
        if self.held is not None:
            yield self.release("")
        del self.open_[max(item.depth - 1, 0) :]
        bars = "".join("│   " if more else "    " for more in self.open_)
        note = self.style("note", f"! {printable(item.note.text)}")
        yield f"{self.style('dim', bars)}{note}"

    def end(self, item: End) -> Iterator[str]:
        of = item.of
        if isinstance(of, Branch):
            if of.field.elided > 0:
                yield self.guide(item.depth + 1, True) + self.style(
                    "dim", f"{of.field.elided} more (--elements)"
                )
        elif isinstance(of, Object):
            enter = of.enter
            is_array = enter.is_bare and of.group is not None and not enter.is_one_field
            if is_array and is_cut(enter.fields[0]):
                more = f"{enter.fields[0].elided} more (--elements)"
                yield self.guide(item.depth + 1, True) + self.style("dim", more)
        elif isinstance(of, Group):
            if self.held is not None:
                yield self.release("")
            more = item.left_out() if of.open.behind is not Kind.POINTER else ""
            if more:
                yield self.guide(item.depth + 1, True) + self.style("dim", more)
