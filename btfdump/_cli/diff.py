"""`btfdump diff`: what differs between two dumps of the same root."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from btfdump._cli.commands import command
from btfdump._cli.options import add_cache, add_color, add_extent, add_sources, add_tables, opened
from btfdump._cli.terminal import complain, complain_of, is_colorful
from btfdump.errors import BtfdumpError, ExpressionError, TargetError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from btfdump._diff.compare import Change, Comparison

SAME, DIFFERENT, TROUBLE = 0, 1, 2

_EXAMPLES = """\
A and B are vmcores, of which ROOT is compared (as in 'btfdump inspect'), or documents that
btfdump wrote with --format json or jsonl. Entries of containers are matched by what they are
(pid, id, address, name), not by where they stand. What one side leaves out because it is zero
counts as 0.

examples:
  btfdump diff vmcore.1 vmcore.2 task 1
  btfdump diff vmcore.1 vmcore.2 task --all --members comm,files
  btfdump inspect vmcore.1 init_net --format json > a.json
  btfdump diff a.json b.json

exit status: 0 no difference, 1 some, 2 something could not be compared
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = "Print what differs between two dumps of the same root, by path."
    parser.epilog = _EXAMPLES
    parser.add_argument("before", metavar="A", help="vmcore, or JSON that btfdump wrote")
    parser.add_argument("after", metavar="B", help="the same, later")
    parser.add_argument("root", metavar="ROOT", nargs="*", help="what to compare of two vmcores")
    parser.add_argument("--all", action="store_true", help="with 'task': every task in full")
    add_extent(parser)
    add_tables(parser)
    form = parser.add_argument_group("how it is shown")
    form.add_argument("--format", choices=("text", "json"), default="text")
    form.add_argument(
        "--addresses",
        choices=("auto", "show", "hide"),
        default="auto",
        help="pointers that differ only in an address (auto: shown if both dumps are of one boot)",
    )
    add_color(form)
    add_sources(parser)
    add_cache(parser)


@command(configure, help="print what differs between two vmcores, or two JSON documents")
def run(args: argparse.Namespace) -> int:
    """Print the differences; return the exit status."""
    try:
        return _run(args)
    except BtfdumpError as error:  # 1, as other commands would return, is "some" here
        complain(str(error))
        return TROUBLE


def _run(args: argparse.Namespace) -> int:
    from btfdump._diff.compare import compare

    before, after = (_document(path, args) for path in (args.before, args.after))
    if ("rows" in before) != ("rows" in after):
        raise ExpressionError(f"{args.before}, {args.after}: one is a table, the other is not")
    comparison = compare(before, after)
    is_shown = args.addresses == "show" or (args.addresses == "auto" and comparison.is_same_boot)
    shown = [change for change in comparison.changes if is_shown or not change.is_address]
    hidden = len(comparison.changes) - len(shown)
    write = _json if args.format == "json" else _text
    for piece in write(shown, hidden, comparison, args):
        sys.stdout.write(piece)
    return DIFFERENT if shown else SAME


def _document(path: str, args: argparse.Namespace) -> dict[str, Any]:
    """Return what is to be compared: of a JSON file as it is, of a vmcore its ROOT."""
    from btfdump._cli.inspection import Inspection
    from btfdump._diff.document import load

    document = load(path)
    if document is not None:
        if args.root:
            raise ExpressionError(f"{path}: is JSON, compared as a whole: no ROOT")
        return document
    if not args.root:
        _check_core(path)
        raise ExpressionError(
            f"{path}: is a vmcore: say what to compare, for example: "
            f"btfdump diff {args.before} {args.after} task 1"
        )
    with opened(path, args) as kernel:
        job = Inspection(kernel, args)
        document = job.document()
        complain_of(kernel)
    if job.failed or job.misused:
        raise TargetError(f"{path}: {' '.join(args.root)} could not be read in full")
    if job.notes:
        complain(f"{path}: {job.notes} notes in what is compared")
    return document


def _check_core(path: str) -> None:
    """Raise `TargetError`, which says what a file is, if it is no vmcore either."""
    from btfdump._diff.document import EXPECTED
    from btfdump._targets.dumpfile import sniff

    try:
        sniff(path)
    except TargetError as error:
        raise TargetError(f"{error}; 'diff' takes vmcores, and {EXPECTED}") from None


def _text(
    changes: list[Change], hidden: int, comparison: Comparison, args: argparse.Namespace
) -> Iterator[str]:
    from btfdump._diff.changes import render_changes
    from btfdump._diff.compare import Kind

    yield from render_changes(changes, is_colorful(args.color))
    counts = [f"{sum(c.kind is kind for c in changes)} {kind.value}" for kind in Kind]
    boots = "" if comparison.is_same_boot else "; two boots"
    more = f"; {hidden} pointers differ in address alone (--addresses show)" if hidden else ""
    yield f"{', '.join(counts) if changes else 'no difference'}{boots}{more}\n"


def _json(
    changes: list[Change], hidden: int, comparison: Comparison, args: argparse.Namespace
) -> Iterator[str]:
    import json

    document = {
        "before": args.before,
        "after": args.after,
        "same_boot": comparison.is_same_boot,
        "addresses_hidden": hidden,
        "changes": [{**asdict(change), "kind": change.kind.value} for change in changes],
    }
    yield json.dumps(document, indent=2) + "\n"
