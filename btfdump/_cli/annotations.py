"""`btfdump annotations`: check, harvest, encode and patch in annotations."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.options import add_base
from btfdump._cli.terminal import OK, complain, complain_of, write, write_file
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.coverage import CheckedHeads, Known

_CHECK = """\
Say which lines of the built-in library (and of overlays) apply to a kernel's BTF, which do not
and why, and what they cover: of every member that is a container, who knows what it holds, a tag,
the library or an overlay; whether it is a link rather than a head; or that nobody knows.

examples:
  btfdump annotations check --btf /sys/kernel/btf/vmlinux
  btfdump annotations check vmcore --overlay mine.toml
  btfdump annotations check --btf vmlinux.btf --format json | jq '.[0].coverage'
"""

_COVERAGE = """\
Say of how many of the heads of a kernel's containers it is known what they hold: of vmlinux and of
all its modules apart, of list_head and of all others apart. Links are no heads: they are counted
beside them. What several modules have is counted once. "by broad lines" are the heads of which a
line types many at once, such as what every sk_buff_head holds; "share without" leaves these out.

WHAT is a vmcore (with the modules that are loaded), a file of BTF, or a folder with the BTF of a
kernel and of its modules, such as /sys/kernel/btf.

examples:
  btfdump annotations coverage /sys/kernel/btf
  btfdump annotations coverage vmcore --unknown
  btfdump annotations coverage vmcore --format json | jq '.[0].modules.unknown'
"""

_HARVEST = """\
Read a kernel's source (or a module's) and write an overlay of what it shows: what each list, tree
and table of the BTF's structs holds, and which members are links. The source says so wherever a
container is walked or added to; pointers are followed through variables, parameters, macros and
small functions, and members are looked up in the BTF. Nothing is guessed: where sources disagree,
all of them are written down as comments, for a reader to decide. Read the result before you use it.

With --under, what files elsewhere may have to do with is written down as a comment. Ctrl-C leaves
an overlay of what was read until then; the exit status is 130.

Needs the extra 'harvest': pip install 'btfdump[harvest]'. Takes a few minutes for a whole kernel.

examples:
  btfdump annotations harvest linux-6.12 --btf /sys/kernel/btf/vmlinux -o kernel.toml
  btfdump annotations harvest linux-6.12 --under fs/xfs --btf vmlinux.btf -o xfs.toml
  btfdump annotations harvest my-module --btf my.ko --base /sys/kernel/btf/vmlinux -o my.toml
  btfdump inspect vmcore 'struct xfs_mount' 0xffff888012345000 --overlay xfs.toml
"""

_ENCODE = """\
Write what the built-in library (and overlays) say of a kernel's structs into a copy of its BTF, as
decl tags, so that tools that know no overlays see it: 'bpftool btf dump', the verifier's error
messages, or btfdump itself, which then says 'tag' where it said 'library'. With --split the file
holds the tags alone, and is read on top of the BTF it was made of ('bpftool -B').

examples:
  btfdump annotations encode --btf /sys/kernel/btf/vmlinux -o tagged.btf
  btfdump annotations encode --btf vmlinux.btf --overlay mine.toml -o tags.btf --split
  bpftool -B vmlinux.btf btf dump file tags.btf
  btfdump inspect vmcore task 1 --btf tagged.btf
"""

_PATCH = """\
Print a patch of a kernel's source that writes what the built-in library (and overlays) say of its
structs behind their members, as __attribute__((btf_decl_tag("..."))). A kernel built from it, with
clang or GCC 16 and pahole, carries the annotations in its own BTF. Members that an annotation
reaches through another struct (task_struct.pending.list) are tagged where they are declared, if
that has an annotation of its own. Needs the extra 'harvest'.

examples:
  btfdump annotations patch linux-6.12 > tags.patch
  patch -d linux-6.12 -p1 --dry-run < tags.patch
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = "Work with annotations: what the members of a kernel's structs hold."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="which annotations apply to a BTF, and what they cover",
        description="Say which annotations apply to a BTF, and what they cover.",
        epilog=_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument("core", metavar="CORE", nargs="?", help="a vmcore; its modules count too")
    _add_btf(check)
    check.add_argument("--overlay", action="append", default=[], metavar="FILE")
    check.add_argument("--all", action="store_true", help="list the lines that apply as well")
    check.add_argument("--format", choices=("text", "json"), default="text")
    check.set_defaults(act=_check)
    coverage = actions.add_parser(
        "coverage",
        help="how many heads of a kernel's containers are typed",
        description="Say how many of the heads of a kernel's containers are typed.",
        epilog=_COVERAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    coverage.add_argument("what", metavar="WHAT", nargs="+", help="a vmcore, a BTF, or a folder")
    coverage.add_argument("--overlay", action="append", default=[], metavar="FILE")
    coverage.add_argument("--unknown", action="store_true", help="list what is unknown, by module")
    coverage.add_argument("--format", choices=("text", "json"), default="text")
    coverage.set_defaults(act=_coverage)
    harvest = actions.add_parser(
        "harvest",
        help="write an overlay of what a kernel's source shows",
        description="Write an overlay of what a kernel's source shows.",
        epilog=_HARVEST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    harvest.add_argument("source", metavar="LINUX_SRC", help="the top folder of the source")
    harvest.add_argument(
        "--under",
        action="append",
        default=[],
        metavar="FOLDER",
        help="read this folder of it (and include/) only; may be given again",
    )
    harvest.add_argument("-o", "--output", metavar="FILE", default="-", help="default: stdout")
    _add_btf(harvest)
    harvest.set_defaults(act=_harvest)
    encode = actions.add_parser(
        "encode",
        help="write annotations into a BTF, as decl tags",
        description="Write annotations into a BTF, as decl tags.",
        epilog=_ENCODE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_btf(encode)
    encode.add_argument("--overlay", action="append", default=[], metavar="FILE")
    encode.add_argument("--split", action="store_true", help="write the tags alone")
    encode.add_argument("-o", "--output", metavar="FILE", required=True)
    encode.set_defaults(act=_encode)
    patch = actions.add_parser(
        "patch",
        help="print a patch that adds annotations to a kernel's source",
        description="Print a patch that adds annotations to a kernel's source.",
        epilog=_PATCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    patch.add_argument("source", metavar="LINUX_SRC", help="the top folder of the source")
    patch.add_argument("--overlay", action="append", default=[], metavar="FILE")
    patch.set_defaults(act=_patch)


def _add_btf(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--btf", metavar="FILE", help="raw BTF, or ELF with .BTF")
    add_base(parser)


@command(configure, help="check, harvest and write what the members of structs hold")
def run(args: argparse.Namespace) -> int:
    """Do what was asked for; return the exit status."""
    status: int = args.act(args)
    return status


def _check(args: argparse.Namespace) -> int:
    from btfdump._render.coverage import render_json, render_text

    reports = list(_reports(args))
    if args.format == "json":
        sys.stdout.writelines(render_json(reports))
    else:
        for name, checked, members in reports:
            sys.stdout.writelines(render_text(name, checked, members, every=args.all))
    return OK


def _coverage(args: argparse.Namespace) -> int:
    from btfdump._api.headcount import headcount
    from btfdump._cli.progress import Steps
    from btfdump._render.headcount import render_json, render_text

    counted = []
    for what in args.what:
        with Steps() as steps:
            counts = headcount(what, args.overlay, complain, steps.show)
        counted.append((what, counts))
        if args.format == "text":
            sys.stdout.writelines(render_text(what, counts, unknown=args.unknown))
            sys.stdout.flush()
    if args.format == "json":
        sys.stdout.writelines(render_json(counted))
    return OK


def _harvest(args: argparse.Namespace) -> int:
    from btfdump._api.btffile import open_btf
    from btfdump._cli.interrupt import INTERRUPTED, Interrupts
    from btfdump._cli.progress import Steps
    from btfdump._harvest import harvest
    from btfdump._harvest.reading import require_parser
    from btfdump._harvest.report import render_overlay

    require_parser()
    if args.btf is None:
        raise ExpressionError("say which structs to look for: --btf FILE")
    btf = open_btf(args.btf, base=args.base)
    with Interrupts() as interrupts:
        with Steps() as steps:
            done = harvest(
                Path(args.source),
                btf,
                under=args.under,
                progress=steps.show,
                until=interrupts.until,
            )
        title = (
            f"Harvested from {Path(args.source).name} for {btf.name}: to be read before it is used."
        )
        pieces = render_overlay(done, title)
        if args.output == "-":
            for piece in pieces:
                write(piece)
            sys.stdout.flush()
        else:
            write_file(args.output, "".join(pieces).encode("utf-8"))
    for problem in done.program.problems:
        complain(f"{problem}; passed over")
    found = done.conclusions
    lengths = sum(len(table.lengths) == 1 for table in found.tables)
    complain(
        f"{len(found.entries)} heads, {len(found.links)} links, {len(found.rings)} rings, "
        f"{len(found.tables)} pointers to heads ({lengths} with their number), "
        f"{len(found.conflicts)} conflicts, "
        f"{len(found.unsettled)} not settled by what was read"
    )
    if done.cut_short:
        complain(f"interrupted: {done.cut_short}")
    return INTERRUPTED if interrupts.came else OK


def _encode(args: argparse.Namespace) -> int:
    from btfdump._annotate.encode import encode
    from btfdump._annotate.overlay import Overlay, library
    from btfdump._api.btffile import open_btf

    if args.btf is None:
        raise ExpressionError("say what to write tags into: --btf FILE")
    btf = open_btf(args.btf, base=args.base)
    overlays = [Overlay.load(path) for path in reversed(args.overlay)]
    result = encode(btf, [*overlays, library()], split=args.split)
    write_file(args.output, result.data)
    for place, why in result.left_out:
        complain(f"{place} is left out: {why}")
    complain(f"{args.output}: {result.tags} decl tags added")
    return OK


def _patch(args: argparse.Namespace) -> int:
    from btfdump._annotate.overlay import Overlay, library
    from btfdump._cli.progress import Steps
    from btfdump._harvest.patch import make_patch, render_patch
    from btfdump._harvest.reading import require_parser, source_files

    require_parser()
    root = Path(args.source)
    overlays = [Overlay.load(path) for path in reversed(args.overlay)]
    with Steps() as steps:
        patch = make_patch(root, source_files(root), [*overlays, library()], steps.show)
    for piece in render_patch(root, patch):
        sys.stdout.buffer.write(piece.encode("utf-8", "surrogateescape"))
    for place, why in patch.left_out:
        complain(f"{place} is left out: {why}")
    complain(f"{patch.tags} tags in {len(patch.edits)} files")
    return OK


def _reports(args: argparse.Namespace) -> Iterator[tuple[str, list[CheckedHeads], list[Known]]]:
    from btfdump._annotate.coverage import annotations_for, check, coverage
    from btfdump._annotate.lookup import Lookup
    from btfdump._annotate.overlay import Overlay, library

    if (args.core is None) == (args.btf is None):
        raise ExpressionError("say what to check: a vmcore, or --btf FILE")
    if args.core is not None and args.base is not None:
        raise ExpressionError(
            f"{args.core}: is a vmcore, whose modules bring their base along: no --base"
        )
    overlays = [Overlay.load(path) for path in args.overlay]
    sources = [*overlays, library()]
    if args.core is None:
        from btfdump._api.btffile import open_btf

        btf = open_btf(args.btf, base=args.base)
        known = list(coverage(btf, annotations_for(btf, overlays, library()), complain))
        rows = [row for source in sources for row in check((btf,), source, Lookup(btf))]
        yield btf.name, rows, known
        return
    from btfdump._api.opening import open_core
    from btfdump._tables.checking import check_tables

    with open_core(args.core, overlays=args.overlay) as kernel:
        btfs = tuple(kernel.btfs())
        rows = [row for source in sources for row in check(btfs, source, kernel.lookup)]
        rows += check_tables(kernel, overlays)
        yield kernel.btf.name, rows, list(coverage(kernel.btf, kernel.annotations, complain))
        for module in btfs[1:]:
            yield module.name, [], list(coverage(module, kernel.annotations, complain))
        complain_of(kernel)
