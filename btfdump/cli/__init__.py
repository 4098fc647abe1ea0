"""The command line: arguments in, text and an exit status out. Only here is printed and exited.

A command is one file in this folder, with `configure(parser)` and `run(args)`, and a line in
`COMMANDS`; only the file of the command that was given is loaded.

Exit status: 0 everything asked for was shown; 1 something could not be shown (with --strict: any
note); 2 the command line was not understood.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from typing import TYPE_CHECKING, Any, Protocol, cast

from btfdump.cli.interrupt import INTERRUPTED
from btfdump.cli.terminal import FAILED, USAGE, complain
from btfdump.errors import BtfdumpError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "inspect": "print objects out of a vmcore",
    "live": "print objects of the running kernel",
    "qemu": "print objects of a QEMU guest's kernel",
    "diff": "print what differs between two vmcores, or two JSON documents",
    "annotations": "check, harvest and write what the members of structs hold",
    "tags": "list the decl tags and type tags in a BTF or vmcore",
    "functions": "list functions, and what is tagged on them: locks, pointers",
    "kfuncs": "list the kernel functions that a BTF marks as callable from BPF",
    "source": "print the code generated for a type",
    "completion": "print a shell completion script",
}
"""Every command and its help in one line; its file is named after it, with `_` for `-`."""


class Command(Protocol):
    """What the file of a command holds."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Say what the command takes."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit status."""


class _Parser(argparse.ArgumentParser):
    """Adds where help is to what argparse says of a mistake."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(USAGE, f"{self.prog}: {message}\ntry '{self.prog} --help'\n")


class _CommandParser(_Parser):
    """The parser of one command: options may stand between the words, as GNU programs take them."""

    _is_parsing = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        # What is called below calls this for the options, and for the rest; it has no way with
        # commands of a command.
        has_commands = any(action.nargs == argparse.PARSER for action in self._actions)
        if self._is_parsing or has_commands:
            return super().parse_known_args(args, namespace)
        self._is_parsing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_parsing = False


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of the command line: whole, or with the arguments of one command alone."""
    from btfdump import __version__

    parser = _Parser(
        prog="btfdump",
        description="Print any kernel object, opaque containers included, from BTF alone.",
        epilog="'btfdump COMMAND --help' explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"btfdump {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_CommandParser
    )
    for name, line in COMMANDS.items():
        command = commands.add_parser(
            name, help=line, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if only in ("", name):
            module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
            cast("Command", module).configure(command)
            command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `btfdump ... | head` ends without a word
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--diff"]:
        words[0] = "diff"
    command = next((word for word in words if not word.startswith("-")), "")
    args = build_parser(command).parse_args(words)
    try:
        status: int = args.run(args)
    except ExpressionError as error:
        complain(str(error))
        return USAGE
    except BtfdumpError as error:
        complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        sys.stdout.flush()
        return INTERRUPTED
    return status
