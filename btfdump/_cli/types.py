"""`btfdump types`: definitions of types, with offsets and annotations; or all of them, a header."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.options import add_base, add_cache, add_color, add_sources
from btfdump._cli.terminal import FAILED, OK, complain, is_colorful
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.types import Opened
    from btfdump._btf.reader import Btf
    from btfdump._reports.chosen import Chosen, Pattern

_EXAMPLES = """\
examples:
  btfdump types vmcore 'struct task_struct'          offsets, sizes, holes; what containers hold
  btfdump types /sys/kernel/btf/vmlinux 'tcp_*'      all of that name: structs, functions, ...
  btfdump types vmcore 'ext4:struct ext4_inode_info' that of a module
  btfdump types vmcore 'struct dev@1234' @5678       by id: of several different ones, or of no name
  btfdump types vmcore 'func bpf_task_acquire'       a prototype, with its tags
  btfdump types vmcore 'struct sock' --cacheline 64  mark the boundaries of cache lines
  btfdump types vmcore --header > vmlinux.h          all of it, for a BPF program to include
  btfdump types vmcore --header 'struct file'        what that needs, and no more
  btfdump types vmcore --header --module ext4        a module's, and the kernel's that it needs

A PATTERN is [MODULE:][KEYWORD] NAME[@ID]; KEYWORD is struct, union, enum, typedef or func, and in
NAME, * and ? are as in the shell. A name without these is looked up at once; where different types
have it, all are shown, each with its id. Beside a member stand its offset and size in bytes (of a
bit field: that of its unit, its first bit, the size of the unit), then what annotations say of it,
and in [] who says so: the library, a tag in the BTF, or an overlay.

exit status: 0 all shown, 1 a pattern means nothing, or something could not be read, 2 usage
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Print the definitions of types in C, with offsets, sizes and holes as pahole shows them,\n"
        "and with what annotations say of the members; or, with --header, a header that compiles."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("file", metavar="BTF_OR_CORE", help="raw BTF, ELF with .BTF, or vmcore")
    parser.add_argument("patterns", metavar="PATTERN", nargs="*", help="which types (default: all)")
    parser.add_argument("--header", action="store_true", help="a header in C: vmlinux.h")
    parser.add_argument("--module", metavar="NAME", help="in the BTF of this module alone")
    parser.add_argument(
        "--cacheline",
        type=_cacheline,
        default=0,
        metavar="BYTES",
        help="mark the boundaries of cache lines of that size: 64, on s390x 256",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_color(parser)
    add_base(add_sources(parser))
    add_cache(parser)


@command(configure, help="print definitions of types, with offsets and annotations; vmlinux.h")
def run(args: argparse.Namespace) -> int:
    """Print the definitions; return the exit status."""
    from btfdump._cli.tables import open_named_types
    from btfdump._reports.chosen import Pattern, words_of

    if args.header and args.format != "text":
        raise ExpressionError(f"--header is C, and has no form in {args.format}")
    patterns = [Pattern.parse(text) for text in words_of(args.patterns)]
    with open_named_types(args) as opened:
        only = opened.module(args.module) if args.module else None
        missing: list[str] = []
        found = _found(opened, patterns, only, missing)
        for piece in (
            _header(opened, found, patterns, only) if args.header else _shown(opened, found, args)
        ):
            sys.stdout.write(piece)
    for text in missing:
        complain(f"types: nothing is called {text!r}")
    return FAILED if missing else OK


def _found(
    opened: Opened, patterns: list[Pattern], only: Btf | None, missing: list[str]
) -> Iterator[Chosen]:
    """Yield what the patterns mean, each type once, and note those that mean nothing."""
    from btfdump._reports.chosen import chosen, every

    if not patterns:
        yield from every(opened, only)
    shown = set()
    for pattern in patterns:
        is_known = False
        for one in chosen(opened, pattern, only):
            is_known = True
            if one.type_ not in shown:
                shown.add(one.type_)
                yield one
        if not is_known:
            missing.append(pattern.text)


def _shown(opened: Opened, found: Iterator[Chosen], args: argparse.Namespace) -> Iterator[str]:
    """Yield the definitions as they are for people, or in JSON."""
    from btfdump._kernel.variables import globals_of
    from btfdump._reports.definitions import Style, json_pieces, texts

    kernel = opened.kernel
    if kernel is not None:
        annotations = kernel.annotations
    else:
        from btfdump._annotate.coverage import annotations_for
        from btfdump._annotate.overlay import Overlay, library

        overlays = [Overlay.load(path) for path in args.overlay]
        annotations = annotations_for(opened.btf, overlays, library())
    find_global = globals_of(kernel) if kernel is not None else None
    style = Style(annotations, find_global, args.cacheline, is_colorful(args.color))
    if args.format == "text":
        return texts(found, style)
    source = kernel.target.description if kernel is not None else args.file
    head = {"kernel": kernel.release if kernel is not None else "", "source": source}
    return json_pieces(head, found, style)


def _header(
    opened: Opened, found: Iterator[Chosen], patterns: list[Pattern], only: Btf | None
) -> Iterator[str]:
    """Yield a header: of all types of one BTF, or of those that the patterns mean."""
    from btfdump._btf.c.header import header

    if not patterns:
        yield from header(only or opened.btf)
        return
    by_btf: dict[Btf, list[Chosen]] = {}
    for one in found:
        btf = next(b for b in (only, opened.btf, *opened.btfs) if b is not None and _has(b, one))
        by_btf.setdefault(btf, []).append(one)
    modules = [btf for btf in by_btf if btf.base is not None and btf is not opened.btf]
    if len(modules) > 1:
        names = ", ".join(btf.name for btf in modules)
        raise ExpressionError(
            f"--header: types of several modules ({names}) are numbered alike: choose one by"
            " --module, or MODULE: before the name"
        )
    btf = modules[0] if modules else opened.btf if only is None else only
    if by_btf:
        yield from header(btf, [one.type_ for one in _in_order(by_btf)])


def _in_order(by_btf: dict[Btf, list[Chosen]]) -> Iterator[Chosen]:
    """Yield what was found, the kernel's own first."""
    for btf in sorted(by_btf, key=lambda btf: btf.start_id):
        yield from by_btf[btf]


def _has(btf: Btf, one: Chosen) -> bool:
    """Whether a type is one of this BTF, or of its base."""
    inner: Btf | None = btf
    while inner is not None:
        if inner is one.btf:
            return True
        inner = inner.base
    return False


def _cacheline(text: str) -> int:
    value = int(text) if text.isdecimal() and len(text) < 6 else 0
    if value < 1 or value & (value - 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no size of a cache line, such as 64")
    return value
