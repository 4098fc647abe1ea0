"""Print roots of an opened kernel, for `inspect` and for the commands that read live kernels."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from btfdump._cli.interrupt import INTERRUPTED, Interrupt
from btfdump._cli.options import (
    BARE,
    OBJECTS,
    add_cache,
    add_extent,
    add_form,
    add_sources,
    add_tables,
    arranged_by,
    arrangement_of,
    filters_of,
)
from btfdump._cli.progress import with_progress
from btfdump._cli.terminal import (
    FAILED,
    OK,
    USAGE,
    columns,
    complain,
    complain_of,
    is_colorful,
    is_unicode,
    write,
)
from btfdump.errors import BtfdumpError, ExpressionError, PluginError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._graph.events import Event
    from btfdump._graph.limits import Limits
    from btfdump._graph.readers import Reader
    from btfdump._kernel.notes import Note
    from btfdump._render import Options, Root
    from btfdump._roots import Selected
    from btfdump._roots.table import Row, Table
    from btfdump._roots.words import Job

_SNPRINTF_FLAGS = ("compact", "noname", "ptr_raw")

_ROOTS = """\
  'TYPE' ADDRESS...       Objects of a C type; ADDRESS may be a symbol, and have an offset
                          (+0x10). Another 'TYPE' may follow, with addresses of its own.
  SYMBOL...               Global variables; a per-CPU one of every CPU, or SYMBOL[CPU].
  'EXPRESSION'...         Of C: '((struct foo *)SYMBOL.member)->list[id == 3]', *x, &x,
                          'container_of(x, struct foo, member)', arithmetic, comparisons.
  p, sym, rd, search, vtop, list, bt and the other commands of crash: see docs/from-crash.md.
and ADDRESS, SYMBOL, task(PID|NAME) and map(ID|NAME) may be followed by a path of .member, ->member
and [index], [key] or [condition]. Where several symbols have one name, SYMBOL@N is the Nth by
address, MODULE:SYMBOL that of a module ('vmlinux' is one here); where several types have,
'MODULE:struct NAME' and 'struct NAME@ID' say which.
"""
_COLUMN = 26
_WIDTH = 79


def root_help() -> str:
    """Explain ROOT and FORMAT, for the end of a command's help."""
    from btfdump._render import RENDERERS, TABLE_FORMATS
    from btfdump._roots import ROOTS

    roots = "".join(
        _entry(
            name if isinstance(kind, PluginError) else f"{name} [{kind.argument}]...",
            str(kind) if isinstance(kind, PluginError) else kind.help,
        )
        for name, kind in ROOTS.items()
    )
    formats = "".join(
        _entry(name, str(found) if isinstance(found, PluginError) else found.help)
        for name, found in RENDERERS.items()
    ) + "".join(_entry(name, text) for name, text in TABLE_FORMATS.items())
    return f"ROOT is one of\n{roots}{_ROOTS}\nFORMAT is one of\n{formats}"


def _entry(name: str, text: str) -> str:
    """Lay out one entry of a list in the help, on as many lines as it takes."""
    import textwrap

    indent = " " * _COLUMN
    lines = textwrap.wrap(text, _WIDTH - _COLUMN, break_on_hyphens=False) or [""]
    if len(name) + 4 > _COLUMN:
        lines.insert(0, "")
    first, *others = lines
    return "\n".join(
        [f"  {name:<{_COLUMN - 2}}{first}".rstrip(), *(indent + o for o in others), ""]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every command that prints roots."""
    parser.add_argument("root", metavar="ROOT", nargs="+", help="what to print, see below")
    parser.add_argument("--all", action="store_true", help="with 'task': every task in full")
    add_extent(parser)
    add_tables(parser)
    add_form(parser)
    add_sources(parser)
    add_cache(parser)


def inspect(kernel: Kernel, args: argparse.Namespace) -> int:
    """Write the roots that `args` asks for; return the exit status."""
    job = Inspection(kernel, args)
    job.write()
    return job.status()


def limits_of(args: argparse.Namespace) -> Limits:
    """Return the bounds that the options set."""
    from btfdump._graph.limits import Limits

    unlimited = sys.maxsize
    return Limits(
        depth=args.depth,
        elements=args.elements or unlimited,
        objects=(OBJECTS if args.objects == BARE else args.objects) or unlimited,
        string=args.string,
    )


class Inspection:
    """One look at some roots: selects and writes them, and keeps account of what went wrong."""

    def __init__(
        self,
        kernel: Kernel,
        args: argparse.Namespace,
        complain: Callable[[str], None] = complain,
    ) -> None:
        self.kernel = kernel
        self.kernel.infers = args.infer
        if getattr(args, "strict", False):  # `diff` takes no such option
            self.kernel.annotations.is_strict = True
            self.kernel._forget_facts()
        self.args = args
        self.complain = complain
        self.limits = limits_of(args)
        self.failed = False
        self.misused = False
        self.notes = 0
        self.shown = 0
        self.interrupt = Interrupt()
        self.jobs: list[Job] = []

    def status(self) -> int:
        """Return the exit status."""
        if self.interrupt.came:
            return INTERRUPTED
        if self.misused:
            return USAGE
        return FAILED if self.failed or (self.args.strict and self.notes) else OK

    def write(self) -> None:
        """Write everything asked for to stdout."""
        with self.interrupt:
            for piece in self.pieces(self.format(), color=is_colorful(self.args.color)):
                write(piece)
            sys.stdout.flush()
        if self.interrupt.came:
            self.complain(f"note: interrupted: {self.shown} shown")
        self.notes += complain_of(self.kernel, self.complain)

    def document(self) -> dict[str, Any]:
        """Return everything that was asked for as the document of `--format json`, parsed."""
        import json

        document: dict[str, Any] = json.loads("".join(self.pieces("json")))
        return document

    def pieces(self, format: str, *, color: bool = False) -> Iterator[str]:
        """Yield the text of everything that was asked for."""
        from btfdump._render import get, reader_for

        flags = {flag: getattr(self.args, flag, False) for flag in _SNPRINTF_FLAGS}
        if any(flags.values()) and format != "snprintf":
            given = ", ".join(f"--{f.replace('_', '-')}" for f, is_set in flags.items() if is_set)
            raise ExpressionError(f"{given}: for --format snprintf only")
        if format == "snprintf" and (self.args.members or self.args.follow or self.args.depth):
            raise ExpressionError(
                "--format snprintf prints whole objects alone: no --members, --follow or --depth"
            )
        options = self.kernel.options(
            zero=self.args.zero,
            raw=self.args.raw,
            unfold=bool(self.args.unfold or self.args.members or self.args.zero),
            width=self.width(),
            color=color,
            limits=self.limits,
            **flags,
        )
        table = self.table()
        if table is None:
            from btfdump._roots.words import jobs

            self.jobs = jobs(self.kernel, self.args.root)
            reader = reader_for(format, self.kernel, self.limits, options)
            pieces = get(format)(self.roots(reader), options)
        else:
            pieces = self.rows(table, format, options)
        guides = str.maketrans("│├└─", "||`-") if not is_unicode() else {}
        yield from (piece.translate(guides) for piece in pieces) if guides else pieces

    def width(self) -> int:
        """Return the columns that there are for the output, 0 for any number."""
        asked: int | None = getattr(self.args, "width", None)  # `diff` takes no such option
        if asked is not None:
            return asked
        return columns() if sys.stdout.isatty() else 0

    def format(self) -> str:
        """Return the name of the format to write."""
        chosen: str | None = self.args.format
        return chosen or ("tree" if sys.stdout.isatty() else "text")

    def table(self) -> Table | None:
        """Return the table that was asked for, None if the roots are not tabular."""
        from btfdump import _roots as roots
        from btfdump._roots import words

        filters, asked = filters_of(self.args), arranged_by(self.args)
        kind = words.named(self.kernel, *self.args.root[:2])
        if self.is_of_all_tasks():
            kind = roots.table_of("ps")
        if not isinstance(kind, roots.TableKind):
            if given := [*filters, *asked]:
                raise ExpressionError(f"--{given[0]}: for tables such as ps and maps only")
            return None
        self.query = roots.Query(tuple(self.args.root[1:]), filters)
        table = kind.table(self.kernel, self.query)
        return arrangement_of(self.args).of(table) if asked or table.tree else table

    def is_of_all_tasks(self) -> bool:
        """Whether `task` stands alone, for the table of them all."""
        args = self.args
        is_in_full = args.all or args.members or args.follow or args.depth
        return args.root == ["task"] and not is_in_full and args.format != "snprintf"

    def rows(self, table: Table, format: str, options: Options) -> Iterator[str]:
        """Yield a table as text, and keep account of its notes, and of what matches no row."""
        from btfdump._cli.tables import unmatched
        from btfdump._kernel.notes import Note
        from btfdump._render.table import render_table

        def counted() -> Iterator[Row | Note]:
            for row in self.interrupt.until(table.rows):
                self.shown += not isinstance(row, Note)
                self.notes += isinstance(row, Note)
                if format == "csv" and isinstance(row, Note):  # which has no place for it
                    self.complain(row.text)
                else:
                    yield row
            self.failed |= bool(self.notes and not self.shown)  # nothing but what is wrong

        yield from render_table(replace(table, rows=counted()), format, options)
        if not self.interrupt.came:
            for text in unmatched(table, self.query, self.shown):
                self.complain(text)
                self.failed = True
            self.failed |= bool(self.notes) and not self.shown

    def roots(self, reader: Reader) -> Iterator[Root]:
        """Yield what is shown of every root that was asked for."""
        from btfdump._decode.paths import split_path
        from btfdump._graph.limits import chosen
        from btfdump._graph.traverse import traverse
        from btfdump._render import Root

        members = chosen(self.args.members)
        follow = frozenset(split_path(path) for path in self.args.follow)
        is_table = self.args.root == ["task"] and not self.args.all and not members
        for selected in self.interrupt.until(with_progress(self.selected(), self.total)):
            try:
                events = traverse(
                    selected.value,
                    self.limits,
                    zero=self.args.zero,
                    members=members,
                    follow=follow,
                    brief=is_table,
                    reader=reader,
                    doubt=selected.doubt,
                )
            except BtfdumpError as error:
                self.failed = True
                self.complain(f"{selected.name}: {error}")
                continue
            if self.format() == "snprintf":  # whose text has no place for it
                self.doubt_aloud(selected)
            events = self.counted(selected, events)
            yield Root(events, "" if selected.is_plain else selected.name, self.nothing_shown)

    def doubt_aloud(self, selected: Selected) -> None:
        """Say on stderr why a root is hardly what it is taken for, or that it ends too early."""
        from btfdump._kernel.bounds import overrun

        if selected.doubt:
            self.complain(f"{selected.name}: {selected.doubt}")
        elif reason := overrun(selected.value):
            self.complain(f"{selected.name}: {reason}")

    def counted(self, selected: Selected, events: Iterable[Event]) -> Iterator[Event]:
        """Pass events on, and count notes and roots of which nothing could be shown.

        If the user interrupts, everything that is open is closed properly.
        """
        from btfdump._graph.events import Enter, Number, Seen
        from btfdump._graph.interrupted import InterruptedEvents
        from btfdump._kernel.notes import Note

        self.shown += 1
        is_wrong, is_something_shown = False, False
        unfinished = InterruptedEvents(selected.value)
        try:
            for event in self.interrupt.until(events):
                if isinstance(event, Note):
                    self.notes += 1
                    is_wrong = True
                elif not is_something_shown:
                    is_missing = isinstance(event, Enter) and event.is_missing
                    is_wrong |= is_missing
                    is_something_shown = not is_missing and isinstance(event, Enter | Seen | Number)
                unfinished.follow(event)
                yield event
            if self.interrupt.came:
                yield from unfinished.ends("interrupted")
        finally:  # a renderer need not read to the end: `snprintf` looks at the object alone
            # With nothing wrong, there was nothing to show: the root is an empty container.
            self.failed |= is_wrong and not is_something_shown
        fate = selected.fate()
        if fate:
            self.notes += 1
            yield Note(fate, selected.value.address_)

    def nothing_shown(self) -> None:
        """Take note of a root that the format cannot show."""
        self.failed = True

    def total(self) -> int | None:
        """Return how many roots there will be, if that can be said quickly."""
        from btfdump import _roots as roots
        from btfdump._roots import words

        if len(self.args.root) > 1:
            return None
        kind = words.named(self.kernel, self.args.root[0])
        if not isinstance(kind, roots.RootKind) or kind.count is None:
            return None
        return kind.count(self.kernel)

    def selected(self) -> Iterator[Selected]:
        """Yield every root that was asked for; report one that is not found, and try the next."""
        for find in self.jobs:
            try:
                yield from find()
            except ExpressionError as error:
                self.misused = True
                self.complain(str(error))
            except BtfdumpError as error:
                from btfdump._roots.names import advice_on

                self.failed = True
                self.complain(f"{error}{advice_on(error)}")
