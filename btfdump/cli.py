"""The command line: arguments in, text and an exit status out. Only here is printed and exited.

Exit status: 0 everything asked for was shown; 1 something could not be shown (with --strict: any
note); 2 the command line was not understood.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING, TextIO

from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump.events import Event
    from btfdump.kernel import Kernel
    from btfdump.limits import Limits
    from btfdump.render import Root
    from btfdump.roots import Selected

OK, FAILED, USAGE = 0, 1, 2
_SNPRINTF_FLAGS = ("compact", "noname", "ptr_raw")

_INSPECT_EXAMPLES = """\
ROOT is one of
  task                     every task, one line each (--all: in full)
  task PID|NAME...         tasks by process or thread id, or name (* and ? as in the shell)
  'TYPE' ADDRESS...        objects of a C type; ADDRESS may be a symbol, or SYMBOL+0xOFFSET
  SYMBOL...                global variables; a per-CPU one of every CPU, or SYMBOL[CPU]
and ADDRESS, SYMBOL and task(PID|NAME) may be followed by a path of .member, ->member and [index].

examples:
  btfdump inspect vmcore task                       one line for each task
  btfdump inspect vmcore task 1                     a task, with what hangs off it
  btfdump inspect vmcore task 'kworker*' sshd       tasks by name
  btfdump inspect vmcore task --all --format jsonl  every task, a JSON object a line
  btfdump inspect vmcore 'task(1).signal->thread_head'
  btfdump inspect vmcore init_task.children[0].comm
  btfdump inspect vmcore 'struct file' 0xffff9caa83317f00
  btfdump inspect vmcore task 1 --members comm,mm.pgd,children.comm
  btfdump inspect vmcore task 1 --follow mm,signal --depth 1

exit status: 0 all shown, 1 something could not be shown (--strict: any note), 2 usage
"""


class _Parser(argparse.ArgumentParser):
    """Adds where help is to what argparse says of a mistake."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(USAGE, f"{self.prog}: {message}\ntry '{self.prog} --help'\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    from btfdump import __version__

    parser = _Parser(
        prog="btfdump",
        description="Print any kernel object, opaque containers included, from BTF alone.",
        epilog="'btfdump COMMAND --help' explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"btfdump {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    inspect = commands.add_parser(
        "inspect",
        help="print objects out of a vmcore",
        description="Print objects out of a vmcore; no debuginfo is needed.",
        epilog=_INSPECT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect.add_argument("core", metavar="CORE", help="vmcore: ELF or kdump-compressed")
    inspect.add_argument("root", metavar="ROOT", nargs="+", help="what to print, see below")
    inspect.add_argument("--all", action="store_true", help="with 'task': every task in full")
    _add_shape(inspect)
    _add_sources(inspect)
    inspect.set_defaults(run=_run_inspect)

    tags = commands.add_parser(
        "tags",
        help="list the decl tags and type tags in a BTF or vmcore",
        description="List every decl tag (on structs, members, variables, functions, parameters)\n"
        "with what it was understood as, and every type tag with where it stands.",
        epilog="examples:\n  btfdump tags vmcore\n  btfdump tags /sys/kernel/btf/vmlinux --decl\n"
        "  btfdump tags prog.bpf.o --format json\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    tags.add_argument("file", metavar="BTF_OR_CORE", help="raw BTF, ELF with .BTF, or vmcore")
    kind = tags.add_mutually_exclusive_group()
    kind.add_argument("--decl", action="store_true", help="decl tags only")
    kind.add_argument("--type", action="store_true", help="type tags only")
    tags.add_argument("--format", choices=("text", "json"), default="text")
    _add_sources(tags)
    tags.set_defaults(run=_run_tags)

    source = commands.add_parser(
        "source",
        help="print the code generated for a type",
        description="Print the Python source that is compiled for a struct when it is hot: its\n"
        "formatter, or with --members the reader of those members.",
        epilog="example:\n  btfdump source 'struct list_head' --btf /sys/kernel/btf/vmlinux\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source.add_argument("type", metavar="TYPE", help="a struct or union: 'struct foo'")
    source.add_argument("--btf", metavar="FILE", required=True, help="raw BTF, or ELF with .BTF")
    source.add_argument("--base", metavar="FILE", help="the BTF that a module's is split on")
    source.add_argument("--zero", action="store_true", help="the formatter that shows zeros")
    source.add_argument("--members", type=_paths, action="extend", default=[], metavar="PATH,...")
    source.set_defaults(run=_run_source)

    completion = commands.add_parser(
        "completion",
        help="print a shell completion script",
        description='Print a completion script for bash: eval "$(btfdump completion)"',
    )
    completion.set_defaults(run=_run_completion, parser=parser)
    return parser


def _add_shape(parser: argparse.ArgumentParser) -> None:
    shape = parser.add_argument_group("what is shown, and how")
    shape.add_argument(
        "--format",
        choices=("tree", "text", "json", "jsonl", "snprintf"),
        help="default: tree on a terminal, text in a pipe",
    )
    shape.add_argument(
        "--depth",
        type=_count,
        default=0,
        metavar="N",
        help="follow plain pointers to structs N levels (default 0)",
    )
    shape.add_argument(
        "--follow",
        type=_paths,
        action="extend",
        default=[],
        metavar="PATH,...",
        help="follow the pointers at these member paths, whatever the depth",
    )
    shape.add_argument(
        "--members",
        type=_paths,
        action="extend",
        default=[],
        metavar="PATH,...",
        help="show these members only; a path leads through pointers and containers",
    )
    shape.add_argument("--zero", action="store_true", help="show zero members and empty lists")
    shape.add_argument(
        "--elements",
        type=_count,
        default=64,
        metavar="N",
        help="entries shown of each container and array (default 64, 0: all)",
    )
    shape.add_argument(
        "--objects",
        type=_count,
        default=10_000,
        metavar="N",
        help="objects shown of each root (default 10000, 0: all)",
    )
    shape.add_argument(
        "--string", type=_count, default=256, metavar="N", help="bytes of a string (default 256)"
    )
    shape.add_argument("--strict", action="store_true", help="exit with 1 if there was any note")
    shape.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour in the tree format (auto: on a terminal, and NO_COLOR is not set)",
    )
    flags = parser.add_argument_group(
        "flags of bpf_snprintf_btf()", "for --format snprintf; --zero is the fourth"
    )
    flags.add_argument("--compact", action="store_true", help="no indentation, no newlines")
    flags.add_argument("--noname", action="store_true", help="no names of members and types")
    flags.add_argument(
        "--ptr-raw", action="store_true", help="raw pointers (as they are without it: no hashes)"
    )


def _add_sources(parser: argparse.ArgumentParser) -> None:
    sources = parser.add_argument_group("where types and annotations come from")
    sources.add_argument(
        "--overlay", action="append", default=[], metavar="FILE", help="TOML file of annotations"
    )
    sources.add_argument("--btf", metavar="FILE", help="BTF to use: a raw blob, or ELF with .BTF")
    sources.add_argument(
        "--vmlinux", metavar="FILE", help="vmlinux ELF file: BTF, and symbols if the dump has none"
    )


def _count(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def _paths(text: str) -> list[str]:
    if "[" in text:
        raise argparse.ArgumentTypeError(
            f"{text!r}: no indexes here; a path leads through every entry of a container"
        )
    return [path.strip() for path in text.split(",") if path.strip()]


# inspect


def _run_inspect(args: argparse.Namespace) -> int:
    from btfdump.graph import Limits
    from btfdump.kernel import open_core

    unlimited = sys.maxsize
    limits = Limits(
        depth=args.depth,
        elements=args.elements or unlimited,
        objects=args.objects or unlimited,
        string=args.string,
    )
    with open_core(args.core, btf=args.btf, vmlinux=args.vmlinux, overlays=args.overlay) as kernel:
        job = _Inspection(kernel, args, limits)
        job.write()
        return job.status()


class _Inspection:
    """One `inspect` command: selects roots, writes them, and keeps account of what went wrong."""

    def __init__(self, kernel: Kernel, args: argparse.Namespace, limits: Limits) -> None:
        self.kernel = kernel
        self.args = args
        self.limits = limits
        self.failed = False
        self.misused = False
        self.notes = 0
        self.shown = 0

    def status(self) -> int:
        if self.misused:
            return USAGE
        return FAILED if self.failed or (self.args.strict and self.notes) else OK

    def write(self) -> None:
        from btfdump.render import get

        is_terminal = sys.stdout.isatty()
        name = self.args.format or ("tree" if is_terminal else "text")
        color = self.args.color == "always" or (
            self.args.color == "auto"
            and is_terminal
            and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb"
        )
        flags = {flag: getattr(self.args, flag) for flag in _SNPRINTF_FLAGS}
        if any(flags.values()) and name != "snprintf":
            given = ", ".join(f"--{f.replace('_', '-')}" for f, is_set in flags.items() if is_set)
            raise ExpressionError(f"{given}: for --format snprintf only")
        if name == "snprintf" and (self.args.members or self.args.follow or self.args.depth):
            raise ExpressionError(
                "--format snprintf prints whole objects alone: no --members, --follow or --depth"
            )
        options = self.kernel.options(zero=self.args.zero, color=color, limits=self.limits, **flags)
        guides = str.maketrans("│├└─", "||`-") if not _is_unicode() else {}
        for piece in get(name)(self.roots(), options):
            sys.stdout.write(piece.translate(guides) if guides else piece)
        sys.stdout.flush()
        for problem in (*self.kernel.problems, *self.kernel.loaded_modules.problems):
            _complain(f"note: {problem}")
            self.notes += 1

    def roots(self) -> Iterator[Root]:
        from btfdump.graph import traverse
        from btfdump.limits import selection_of
        from btfdump.render import Root

        members = selection_of(self.args.members) or None
        follow = frozenset(tuple(path.replace("->", ".").split(".")) for path in self.args.follow)
        is_table = self.args.root == ["task"] and not self.args.all and not members
        for selected in _with_progress(self.selected()):
            try:
                events = traverse(
                    selected.value,
                    self.limits,
                    zero=self.args.zero,
                    members=members,
                    follow=follow,
                    brief=is_table,
                )
            except BtfdumpError as error:
                self.failed = True
                _complain(f"{selected.name}: {error}")
                continue
            yield Root(self.counted(events), "" if selected.is_plain else selected.name)

    def counted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Keep account of notes, and of a root of which nothing could be read."""
        from btfdump.events import Enter, Note

        is_root = True
        for event in events:
            if isinstance(event, Note):
                self.notes += 1
            elif isinstance(event, Enter):
                self.failed |= is_root and event.is_missing
            is_root = False
            yield event

    def selected(self) -> Iterator[Selected]:
        """Yield every root asked for; report one that cannot be had, and try the next."""
        for words in self.jobs():
            try:
                yield from words
            except ExpressionError as error:
                self.misused = True
                _complain(str(error))
            except BtfdumpError as error:
                self.failed = True
                _complain(str(error))

    def jobs(self) -> Iterator[Iterator[Selected]]:
        from btfdump import roots

        words: list[str] = list(self.args.root)
        if len(words) > 1 and words[0] in ("struct", "union", "enum"):
            words[:2] = [" ".join(words[:2])]
        kind = roots.kinds().get(words[0])
        if kind is not None:
            arguments: list[str | None] = list(words[1:])
            for argument in arguments or [None]:
                yield kind.find(self.kernel, argument)
        elif len(words) > 1 and roots.is_type(words[0], words[1]):
            for word in words[1:]:
                yield (roots.at_address(self.kernel, words[0], w) for w in (word,))
        elif roots.is_type(words[0]):
            raise ExpressionError(f"{words[0]!r} is a type: an address or a symbol must follow it")
        else:
            for word in words:
                yield roots.select(self.kernel, word)


def _is_file(stream: TextIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False


def _with_progress(roots: Iterator[Selected]) -> Iterator[Selected]:
    """Show on a terminal how many roots are done, where the output itself goes to a file."""
    if not sys.stderr.isatty() or not _is_file(sys.stdout):
        yield from roots
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} objects"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=None)
        for root in roots:
            yield root
            progress.advance(task)


# tags


def _run_tags(args: argparse.Namespace) -> int:
    from btfdump.tags import list_tags, render_tags

    rows = list_tags(args.file, btf=args.btf, vmlinux=args.vmlinux, overlays=args.overlay)
    if args.decl or args.type:
        rows = (row for row in rows if row.is_type_tag == bool(args.type))
    for piece in render_tags(rows, args.format):
        sys.stdout.write(piece)
    return OK


# source


def _run_source(args: argparse.Namespace) -> int:
    from btfdump.btffile import open_btf
    from btfdump.codegen import compile_reader
    from btfdump.layout import Layouts, StructLayout
    from btfdump.render.compiled import compile_text

    btf = open_btf(args.btf, base=args.base)
    keyword, _, name = args.type.strip().partition(" ")
    if keyword not in ("struct", "union") or not name:
        raise ExpressionError(f"{args.type!r} is not 'struct NAME' or 'union NAME'")
    layouts = Layouts(btf.byteorder, btf.pointer_size or 8)
    layout = layouts.of(btf.find(keyword, name.strip()))
    assert isinstance(layout, StructLayout)
    if args.members:
        function = compile_reader(layouts, layout, args.members)
    else:
        function = compile_text(layouts, layout, zero=args.zero)  # type: ignore[assignment]
    sys.stdout.write(function.source.lstrip("\n"))  # type: ignore[attr-defined]
    return OK


# completion


def _run_completion(args: argparse.Namespace) -> int:
    from btfdump.completion import bash

    sys.stdout.write(bash(args.parser))
    return OK


# main


def _is_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def _complain(message: str) -> None:
    from btfdump.render.escape import printable

    sys.stdout.flush()
    sys.stderr.write(f"btfdump: {printable(message)}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `btfdump ... | head` ends without a word
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    args = build_parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except ExpressionError as error:
        _complain(str(error))
        return USAGE
    except BtfdumpError as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        sys.stdout.flush()
        return 128 + signal.SIGINT
    return status


if __name__ == "__main__":
    raise SystemExit(main())
