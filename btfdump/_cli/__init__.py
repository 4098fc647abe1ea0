"""The command line: arguments in, text and an exit status out. Only here is printed and exited.

A command is a function in a file of this folder, and a line in `COMMANDS` (`commands.py`), or an
entry point of another package; only the file of the command that was given is loaded.

Exit status: 0 everything asked for was shown; 1 something could not be shown (with --strict: any
note); 2 the command line was not understood.
"""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from btfdump._cli.commands import COMMANDS, CommandParser, Parser
from btfdump._cli.interrupt import INTERRUPTED
from btfdump._cli.terminal import FAILED, USAGE, complain, give_up_stdout
from btfdump.errors import BtfdumpError, ExpressionError, PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_parser(only: str = "") -> argparse.ArgumentParser:
    """Return the parser of the command line: whole, or with one command alone.

    Raises `PluginError` where another package has that command, and it cannot be used.
    """
    from btfdump import __version__

    parser = Parser(
        prog="btfdump",
        description="Print any kernel object, opaque containers included, from BTF alone.",
        epilog="'btfdump COMMAND --help' explains a command, with examples.",
    )
    parser.add_argument("--version", action="version", version=f"btfdump {__version__}")
    # Without `prog`, argparse formats a usage to find out, for which it imports much.
    commands = parser.add_subparsers(
        dest="command",
        metavar="COMMAND",
        required=True,
        parser_class=CommandParser,
        prog=parser.prog,
    )
    command = COMMANDS.get(only)
    for name, found in [(only, command)] if command is not None else COMMANDS.items():
        line = str(found) if isinstance(found, PluginError) else found.help
        added = commands.add_parser(
            name, help=line, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if isinstance(found, PluginError):
            continue
        try:
            found.configure(added)
        except PluginError as error:
            if command is not None:
                raise
            complain(str(error))  # the others are to be had nevertheless
        added.set_defaults(run=found.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, or that of this process; return the exit status.

    Output that cannot be written is an error like any other: a full disk, a closed stdout.
    """
    if sys.stdout is None:  # closed before the start
        return give_up_stdout("it is closed", is_own=argv is None)
    try:
        try:
            return _run(argv)
        finally:  # after what argparse prints before it exits, too
            sys.stdout.flush()
    except OSError as error:
        return give_up_stdout(error.strerror or str(error), is_own=argv is None)


def _run(argv: Sequence[str] | None) -> int:
    if argv is None and hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `btfdump ... | head` ends without a word
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["--diff"]:
        words[0] = "diff"
    # No next() of a generator: a Ctrl-C that comes while one is destroyed is lost.
    command = ([word for word in words if not word.startswith("-")] or [""])[0]
    try:
        args = build_parser(command).parse_args(words)
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
