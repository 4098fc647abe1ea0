"""`btfdump source`: print the code generated for a type."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from btfdump._cli.commands import command
from btfdump._cli.options import add_base, paths
from btfdump._cli.terminal import OK
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    import argparse

    from btfdump._btf import Btf
    from btfdump._decode.layout import StructLayout


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = (
        "Print the Python source that is compiled for a struct when it is hot: its\n"
        "formatter, or with --members the reader of those members; with --format what\n"
        "reads objects for `inspect`: as fields, or for json and jsonl what may lead on\n"
        "to others, and the rest as text."
    )
    parser.epilog = "example:\n  btfdump source 'struct list_head' --btf /sys/kernel/btf/vmlinux\n"
    parser.add_argument(
        "type", metavar="TYPE", help="a struct or union: 'struct foo', 'struct foo@ID'"
    )
    parser.add_argument("--btf", metavar="FILE", required=True, help="raw BTF, or ELF with .BTF")
    add_base(parser)
    parser.add_argument("--zero", action="store_true", help="the formatter that shows zeros")
    parser.add_argument("--members", type=paths, action="extend", default=[], metavar="PATH,...")
    parser.add_argument("--format", choices=("fields", "json"))


@command(configure, help="print the code generated for a type")
def run(args: argparse.Namespace) -> int:
    """Print the source; return the exit status."""
    from btfdump._api.btffile import open_btf
    from btfdump._decode.layout import Layouts, StructLayout
    from btfdump._kernel.type_names import TypeNames

    btf = open_btf(args.btf, base=args.base)
    layouts = Layouts(btf.byteorder, btf.pointer_size or 8)
    layout = layouts.of(TypeNames(btf, None).find(args.type))
    if not isinstance(layout, StructLayout):
        raise ExpressionError(f"{args.type!r} is not 'struct NAME' or 'union NAME'")
    if args.format:
        functions = _readers(args, btf, layout)
    elif args.members:
        from btfdump._decode.compiled.projection import compile_reader

        functions = [compile_reader(layouts, layout, args.members)]
    else:
        from btfdump._render.compiled_text import compile_text

        functions = [compile_text(layouts, layout, zero=args.zero)]
    sys.stdout.write("\n\n".join(function.source for function in functions))
    return OK


def _readers(args: argparse.Namespace, btf: Btf, layout: StructLayout) -> list[Any]:
    """Compile what reads an object for `inspect`, with what the library knows about its members."""
    from btfdump._api.kernel import Kernel
    from btfdump._decode.compiled.fields import compile_fields
    from btfdump._decode.compiled.plan import plan_of
    from btfdump._graph.leads import Leads, compile_leads
    from btfdump._graph.limits import Limits, chosen
    from btfdump._graph.summaries import Summaries
    from btfdump._render.compiled_json import compile_members
    from btfdump._render.json_text import Values
    from btfdump._targets.buffer import BufferTarget

    kernel = Kernel(BufferTarget({}), btf)
    limits = Limits()
    selection = chosen(args.members)
    if args.format == "fields":
        return [compile_fields(kernel.layouts, kernel.facts, layout, selection, limits.elements)]
    values = Values(kernel.options(limits=limits))
    summaries = Summaries(kernel, limits.string)
    plan = plan_of(kernel.layouts, kernel.facts, layout, selection, elements=limits.elements)
    leads = Leads(kernel, plan, is_following=limits.depth > 0)
    return [compile_leads(leads), compile_members(leads, values, summaries)]
