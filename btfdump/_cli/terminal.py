"""What all commands share: the exit statuses, and how errors are reported."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel

OK, FAILED, USAGE = 0, 1, 2

_COMPLAINT = (3000, 1000)
"""How many characters of the beginning and of the end of a message are written."""

_PIECE = 2000
"""Characters that Python's buffers take whole: of more, it loses the rest when a signal comes."""


def write(text: str) -> None:
    """Write to stdout so that all of it arrives even if the user interrupts."""
    for start in range(0, len(text), _PIECE):
        sys.stdout.write(text[start : start + _PIECE])


def write_file(path: str, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file that the user names; raises `TargetError` if that cannot be done.

    Without `overwrite`, a file that is there already is left as it is.
    """
    from pathlib import Path

    try:
        with Path(path).open("wb" if overwrite else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise TargetError(f"{path}: is there already: --force overwrites it") from None
    except OSError as error:
        raise TargetError(f"{path}: cannot be written: {error.strerror or error}") from None


def complain(message: str) -> None:
    """Write one line to stderr, after everything that has gone to stdout so far.

    Of a message that quotes something of any length, such as a tag, the middle is left out.
    """
    from btfdump._kernel.notes import shortened
    from btfdump._render.escape import printable

    message = shortened(message, *_COMPLAINT)
    # Whatever is wrong with stdout is told at the end, and nobody can be told of stderr.
    with suppress(OSError, AttributeError):
        sys.stdout.flush()
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"btfdump: {printable(message)}\n")
        sys.stderr.flush()


def complain_of(kernel: Kernel, complain: Callable[[str], None] = complain) -> int:
    """Say what is wrong with a kernel as a whole, such as a dump that is cut; return how much is.

    What is wrong with its modules is known once they have been asked.
    """
    problems = (*kernel.problems, *kernel.modules.problems)
    for problem in problems:
        complain(f"note: {problem}")
    return len(problems)


def give_up_stdout(reason: str, *, is_own: bool) -> int:
    """Say that stdout cannot be written to; return the exit status.

    Where the process is our own, what is still to be written is lost: Python would try again when
    it ends, and say so at length.
    """
    complain(f"stdout: cannot be written: {reason}")
    if not is_own:
        return FAILED
    with suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return FAILED


def columns() -> int:
    """Return how wide the terminal is, by COLUMNS or by stdout; 80 if stdout is no terminal.

    shutil.get_terminal_size() says the same, but has all of shutil imported for it.
    """
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return int(stated)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


def is_unicode() -> bool:
    """Whether stdout can encode the guides of a tree."""
    return (sys.stdout.encoding or "").lower().replace("-", "") in ("utf8", "utf16", "utf32")


def is_colorful(choice: str) -> bool:
    """Whether to write colour: `choice` is the value of --color, "auto", "always" or "never"."""
    return choice == "always" or (
        choice == "auto"
        and sys.stdout.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
    )
