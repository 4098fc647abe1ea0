"""What all commands share: the exit statuses, and how errors are reported."""

from __future__ import annotations

import os
import sys

OK, FAILED, USAGE = 0, 1, 2


_PIECE = 2000
"""Characters that Python's buffers take whole: of more, it loses the rest when a signal comes."""


def write(text: str) -> None:
    """Write to stdout so that all of it arrives even if the user interrupts."""
    for start in range(0, len(text), _PIECE):
        sys.stdout.write(text[start : start + _PIECE])


def complain(message: str) -> None:
    """Write one line to stderr, after everything that has gone to stdout so far."""
    from btfdump._render.escape import printable

    sys.stdout.flush()
    sys.stderr.write(f"btfdump: {printable(message)}\n")


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
