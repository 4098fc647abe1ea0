"""The global variables that drgn's helpers ask for, and which of them btfdump types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import drgn

from btfdump._targets.memory import symbols_named
from btfdump.errors import BtfdumpError, UnknownTypeError

if TYPE_CHECKING:
    from btfdump._kernel.context import Context

_ASKED = re.compile(r"""\bprog(?:\[|\.variable\(|\.object\()\s*["'](\w+)["']""")


def asked_for() -> list[str]:
    """Return what drgn's helpers look up by name in a kernel: variables, and constants too."""
    folder = Path(drgn.__file__).parent / "helpers" / "linux"
    files = sorted(folder.rglob("*.py"))
    return sorted({name for file in files for name in _ASKED.findall(file.read_text("utf-8"))})


def typed_of(kernel: Context) -> tuple[list[str], dict[str, str]]:
    """Return the variables among them that a kernel has: those typed, and why others are not."""
    typed: list[str] = []
    untyped: dict[str, str] = {}
    for name in asked_for():
        symbols = symbols_named(kernel.target, name)
        if not symbols or all(symbol.is_code for symbol in symbols):
            continue
        try:
            kernel.variable(name)
        except UnknownTypeError as error:
            untyped[name] = error.reason
        except BtfdumpError as error:
            untyped[name] = str(error)
        else:
            typed.append(name)
    return typed, untyped
