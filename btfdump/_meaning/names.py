"""Names that are macros in the kernel's source, and so in no BTF: tables in TOML, beside this file.

::

    [task_state]
    see = "include/linux/sched.h"
    kind = "mask"                  # or "bit": bit numbers; or "value": one of several
    zero = "TASK_RUNNING"          # what 0 is called
    kernel = "vmaflag_names"       # the kernel's own table, which is asked first
    letters = "RS"                 # what words in it begin with, for 0 and each bit, if it has such
    names = { TASK_INTERRUPTIBLE = 0x1 }

    [open_flags.fields.O_ACCMODE]  # several bits that are one number
    mask = 0x3
    names = { O_RDONLY = 0, O_WRONLY = 1 }

    [open_flags.machines.aarch64]  # what one machine has besides, by its name in `uname -m`
    O_DIRECTORY = 0x4000

A name is in a table only if its value is the same in all versions of the kernel that have it: an
unknown bit is shown as a number, a wrong name would be believed.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from btfdump._files.plain_toml import plain_table
from btfdump._meaning.bits import BitField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parent / "names"


class Names(NamedTuple):
    """A table: `names` by mask, or by value where `is_values`. `zero` is the name of 0.

    `kernel` is the symbol of the kernel's own table, and `see` where the source has the macros.
    Where that table has words instead of names, `letters` are the initials of 0 and of bits 0, 1,
    2, ... that our names go with.
    """

    names: Mapping[int, str]
    fields: Sequence[BitField]
    zero: str
    kernel: str
    letters: str
    is_values: bool
    see: str


def has_table(name: str) -> bool:
    """Whether there is a table of that name."""
    return name in _tables() and "." not in name


def table_names() -> list[str]:
    """Return the names of all tables."""
    return sorted(name for name in _tables() if "." not in name)


@cache
def table(name: str, machine: str = "") -> Names:
    """Return a table, for a machine called that by `uname -m`; "" is any.

    Raises `KeyError` if there is none of that name.
    """
    if not has_table(name):
        raise KeyError(name)
    parsed = _parsed(name)
    kind = parsed.get("kind", "mask")
    by_number: dict[int, str] = {}
    besides = parsed.get("machines", {}).get(machine, {})
    for macro, value in {**parsed.get("names", {}), **besides}.items():
        by_number.setdefault(1 << value if kind == "bit" else value, macro)
    fields = [
        BitField(macro, field["mask"], {value: key for key, value in field["names"].items()})
        for macro, field in parsed.get("fields", {}).items()
    ]
    return Names(
        by_number,
        tuple(fields),
        parsed.get("zero", ""),
        parsed.get("kernel", ""),
        parsed.get("letters", ""),
        kind == "value",
        parsed.get("see", ""),
    )


@cache
def _tables() -> dict[str, str]:
    """Return the text under each heading of the files: only what is asked for is parsed."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for piece in f"\n{path.read_text('utf-8')}".split("\n[")[1:]:
            heading, _, text = piece.partition("]")
            found[heading] = text
    return found


def _parsed(name: str) -> dict[str, Any]:
    """Return one table, parsed, with the tables inside it."""
    found: dict[str, Any] = {}
    for heading, text in _tables().items():
        if heading != name and not heading.startswith(f"{name}."):
            continue
        inner = found
        for part in heading.split(".")[1:]:
            inner = inner.setdefault(part, {})
        inner.update(_parse(text))
    return found


def _parse(text: str) -> dict[str, Any]:
    plain = plain_table(text.partition("\n")[2])
    if plain is not None:
        return plain
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text.partition("\n")[2])
