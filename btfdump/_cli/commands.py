"""Commands of the command line: a function each, declared with what it takes.

`COMMANDS`, or an entry point of another package, has the name of a command; only the file of the
one that was given is loaded.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from btfdump._cli.terminal import USAGE, columns
from btfdump._plugins.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._plugins.entry_points import Guard

    Configure: TypeAlias = "Callable[[CommandParser], None]"
    Run: TypeAlias = "Callable[[argparse.Namespace], int]"


class Parser(argparse.ArgumentParser):
    """Adds where help is to what argparse says of a mistake."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Exit with 2, saying what is wrong; what was typed may hold anything."""
        from btfdump._render.escape import printable

        self.exit(USAGE, f"{self.prog}: {printable(message)}\ntry '{self.prog} --help'\n")

    def _get_formatter(self) -> argparse.HelpFormatter:
        """Return what formats help: argparse makes one for each option, just to check that."""
        return self.formatter_class(prog=self.prog, width=self._width)  # type: ignore[call-arg]

    @cached_property
    def _width(self) -> int:
        return columns() - 2

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help, or the version; argparse keeps quiet about a full disk."""
        if message and file is not None and file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)


class CommandParser(Parser):
    """The parser of one command: options may stand between the words, as GNU programs take them.

    `explain()` makes the end of the help, when help is asked for.
    """

    explain: Callable[[], str] | None = None
    _is_parsing = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse options and words in any order."""
        # What is called below calls this for the options, and for the rest; it has no way with
        # commands of a command.
        has_commands = any(action.nargs == argparse.PARSER for action in self._actions)
        if self._is_parsing or has_commands:
            return super().parse_known_args(args, namespace)
        self._is_parsing = True
        try:
            return self.parse_known_intermixed_args(_joined(args), namespace)
        except AttributeError as error:
            # Interrupted in its preparations, it fails to undo those that it had not made yet.
            if isinstance(error.__context__, KeyboardInterrupt):
                raise error.__context__ from None
            raise
        finally:
            self._is_parsing = False

    def format_help(self) -> str:
        """Return the help."""
        if self.explain is not None:
            self.epilog = self.explain()
        return super().format_help()


def _joined(args: Sequence[str] | None) -> list[str]:
    """Return arguments with those values joined to their options that begin with a minus sign."""
    found: list[str] = []
    for word in sys.argv[1:] if args is None else args:
        if found and found[-1] in _SIGNED and word[:1] == "-" and word[:2] != "--":
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


_SIGNED = ("--sort",)
"""Options whose values may begin with a minus sign, which argparse takes for another option."""


@dataclass(frozen=True, eq=False)
class Command:
    """A registered command: `configure(parser)` says what it takes, `run(args)` does it.

    `help` is what the list of commands says of it. `run` returns the exit status.
    """

    help: str
    configure: Configure
    run: Run

    def registered(self, name: str, guard: Guard | None) -> Command:
        """Return it as the command `name`."""
        del name
        if guard is None:
            return self
        return replace(self, configure=guard.call(self.configure), run=guard.call(self.run, int))


COMMANDS: Registry[Command] = Registry(
    "command",
    "btfdump._cli",
    {
        "inspect": "inspect:run",
        "live": "live:run",
        "qemu": "qemu:run",
        "diff": "diff:run",
        "annotations": "annotations:run",
        "types": "types:run",
        "btf": "btf:run",
        "tags": "tags:run",
        "functions": "functions:run",
        "kfuncs": "kfuncs:run",
        "globals": "globals:run",
        "source": "source:run",
        "completion": "completion:run",
    },
)
"""By the word that is given, in the order of the help."""


def command(configure: Configure, *, help: str) -> Callable[[Run], Run]:
    """Declare a function to be a command: `run(args)` carries it out and returns the exit status.

    `configure(parser)` adds its arguments to an `argparse` parser, and `help` is its line in the
    list of commands.
    """

    def declare(run: Run) -> Run:
        COMMANDS.declare(run, Command(help, configure, run))
        return run

    return declare
