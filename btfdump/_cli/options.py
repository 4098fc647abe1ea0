"""Groups of options that several commands share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from btfdump._decode.paths import split_path

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._roots.arrangement import Arrangement

_METAVARS = {"since": "TIME", "level": "LEVEL"}
"""What options of single tables take, where it is not a name."""
OBJECTS = 10_000
"""Objects that are shown of each root."""
BARE = -1
"""What stands for the number in --objects that was given none."""


def add_extent(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is shown of a root."""
    shape = parser.add_argument_group("what is shown")
    shape.add_argument(
        "--depth",
        type=_count,
        default=0,
        metavar="N",
        help="follow plain pointers to structs N levels (default 0)",
    )
    shape.add_argument(
        "--follow",
        type=paths,
        action="extend",
        default=[],
        metavar="PATH,...",
        help="follow the pointers at these member paths, whatever the depth",
    )
    shape.add_argument(
        "--members",
        type=paths,
        action="extend",
        default=[],
        metavar="PATH,...",
        help="show these members only; a path leads through pointers and containers",
    )
    shape.add_argument(
        "--no-infer",
        dest="infer",
        action="store_false",
        help="infer nothing from slab caches where the type of entries is not known",
    )
    shape.add_argument("--zero", action="store_true", help="show zero members and empty lists")
    shape.add_argument(
        "--unfold",
        action="store_true",
        help="in a tree, show every member, also of what has one line for all (FPU registers), "
        "and links of lists; --members and --zero do, too",
    )
    shape.add_argument(
        "--raw", action="store_true", help="show numbers alone, not what they mean (flags, times)"
    )
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
        nargs="?",
        default=OBJECTS,
        const=BARE,
        metavar="N",
        help=f"objects shown of each root (default {OBJECTS}, 0: all); of stack, without N: what "
        "the words of each frame point to",
    )
    shape.add_argument(
        "--string", type=_count, default=256, metavar="N", help="bytes of a string (default 256)"
    )


def add_tables(parser: argparse.ArgumentParser) -> None:
    """Add the options of tables."""
    from btfdump._roots import FILTERS, FLAGS

    tables = parser.add_argument_group("tables: rows and columns")
    tables.add_argument(
        "--columns",
        type=_names,
        action="extend",
        default=[],
        metavar="NAME,...",
        help="show these columns, in this order",
    )
    tables.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="EXPR",
        help="show rows of which this is true: 'state == \"D\"', 'rss > 100M && age > 5m', "
        "'comm ~ \"^kworker\"'",
    )
    tables.add_argument("--sort", metavar="NAME", help="sort by a column; -NAME: the largest first")
    tables.add_argument("--limit", type=_count, metavar="N", help="show at most N rows")
    tables.add_argument("--count", action="store_true", help="show how many rows there are")
    for name, meaning in FILTERS.items():
        metavar = _METAVARS.get(name, "NAME")
        tables.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=meaning)
    for name, meaning in FLAGS.items():
        tables.add_argument(f"--{name}", action="store_true", help=meaning)


def filters_of(args: argparse.Namespace) -> dict[str, tuple[str, ...]]:
    """Return those of the options of single tables that were given."""
    from btfdump._roots import FILTERS, FLAGS

    found = {name: tuple(given) for name in FILTERS if (given := getattr(args, name, None))}
    found |= {name: () for name in FLAGS if getattr(args, name, False)}
    return found | {"objects": ()} if getattr(args, "objects", None) == BARE else found


def arranged_by(args: argparse.Namespace) -> list[str]:
    """Return those of the options of all tables that were given."""
    given = {
        "columns": args.columns,
        "where": args.where,
        "sort": args.sort,
        "limit": args.limit is not None,
        "count": args.count,
    }
    return [name for name, is_given in given.items() if is_given]


def arrangement_of(args: argparse.Namespace) -> Arrangement:
    """Return what those options ask for."""
    from btfdump._roots.arrangement import Arrangement  # most looks are at no table

    return Arrangement(
        tuple(args.columns), tuple(args.where), args.sort or "", args.limit, args.count
    )


def add_form(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how it is shown."""
    from btfdump._render import FORMATS

    form = parser.add_argument_group("how it is shown")
    form.add_argument(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help="see below (default: tree on a terminal, text in a pipe)",
    )
    form.add_argument(
        "--width",
        type=_count,
        metavar="COLUMNS",
        help="fit the output in so many columns (default: the terminal's; in a pipe, any number)",
    )
    form.add_argument("--strict", action="store_true", help="exit with 1 if there was any note")
    add_color(form)
    flags = parser.add_argument_group(
        "flags of bpf_snprintf_btf()", "for --format snprintf; --zero is the fourth"
    )
    flags.add_argument("--compact", action="store_true", help="no indentation, no newlines")
    flags.add_argument("--noname", action="store_true", help="no names of members and types")
    flags.add_argument(
        "--ptr-raw", action="store_true", help="raw pointers (as they are without it: no hashes)"
    )


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Add the option to look again and again, for live kernels."""
    parser.add_argument(
        "--watch",
        type=_seconds,
        metavar="SECONDS",
        help="look again every so many seconds, and mark what changed, until Ctrl-C",
    )


def add_color(parser: argparse._ActionsContainer) -> None:
    """Add the option for colour."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colour (auto: on a terminal, and NO_COLOR is not set)",
    )


def add_base(parser: argparse._ActionsContainer) -> None:
    """Add the option that names the base of split BTF."""
    parser.add_argument(
        "--base", metavar="FILE", help="the BTF that a module's is split on: that of its kernel"
    )


def add_sources(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that name other sources of types, symbols and annotations.

    Returns their group.
    """
    sources = parser.add_argument_group("where types and annotations come from")
    sources.add_argument(
        "--overlay", action="append", default=[], metavar="FILE", help="TOML file of annotations"
    )
    sources.add_argument("--btf", metavar="FILE", help="BTF to use: a raw blob, or ELF with .BTF")
    sources.add_argument(
        "--vmlinux", metavar="FILE", help="vmlinux ELF file: BTF, and symbols if the dump has none"
    )
    return sources


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Add the option to work without the cache, for commands that open a kernel."""
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="neither read nor write the cache of BTF indexes, XDG_CACHE_HOME/btfdump",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, up to 86400")
    return value


def _count(text: str) -> int:
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return value


def _names(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r}: a name is missing; expected NAME,NAME,...")
    return found


def paths(text: str) -> list[str]:
    """Parse an argument of comma-separated member paths."""
    if "[" in text:
        raise argparse.ArgumentTypeError(
            f"{text!r}: no indexes here; a path leads through every entry of a container"
        )
    found = [path.strip() for path in text.split(",")]
    if not all(all(split_path(path)) for path in found):
        raise argparse.ArgumentTypeError(f"{text!r}: a name is missing; expected PATH,PATH,...")
    return found


def opened(path: str, args: argparse.Namespace) -> Kernel:
    """Open a vmcore as `add_sources()` and `add_cache()` let users say; raises what it does."""
    from btfdump._api.opening import open_core

    return open_core(
        path,
        btf=args.btf,
        vmlinux=args.vmlinux,
        overlays=args.overlay,
        cache=not args.no_cache,
    )
