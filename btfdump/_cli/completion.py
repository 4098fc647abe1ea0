"""`btfdump completion`: print a shell completion script."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from btfdump._cli.commands import command
from btfdump._cli.terminal import OK

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description = 'Print a completion script for bash: eval "$(btfdump completion)"'


@command(configure, help="print a shell completion script")
def run(args: argparse.Namespace) -> int:
    """Print the script; return the exit status."""
    from btfdump._cli import build_parser
    from btfdump._cli.shells import bash

    del args
    sys.stdout.write(bash(build_parser()))
    return OK
