"""The types of the kernel's global variables, as the DWARF of some kernels has them.

BTF describes per-CPU variables at most. What the others are is in `globals.table`, which
`python -m sample_dumps.build globals` makes from debug packages of Debian's: for each name the
types that it has had, and in which of those kernels. Types are names, without qualifiers and
without the lengths of arrays; what they amount to is for the BTF of the kernel at hand to say
(btfdump/_kernel/tabulated.py).

The file is a line of JSON and compressed blocks of lines, sorted by name::

    {"sources": [...], "families": {"__tracepoint_": "3f struct tracepoint"}, "blocks": [...]}
    boot_cpu_data<TAB>0f struct cpuinfo_x86<TAB>10 struct cpuinfo_arm64

In front of each type is a number in hexadecimal, whose bit N is set if source N has it. A family is
what a macro of the kernel's names alike; its members are listed only where they differ from it. A
`block` is the first name in it and its size in bytes.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from btfdump._files import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_BLOCK = 1 << 16
"""Bytes of text in a block: to look one name up, only its block is unpacked."""


class SourceKernel(NamedTuple):
    """A kernel whose DWARF was read: its `series` ("6.12"), `machine` and full `release`.

    `package` is the Debian package, and `version` that of the package.
    """

    series: str
    machine: str
    release: str
    package: str
    version: str


class Choice(NamedTuple):
    """A type that a variable has had: its spelling, and the numbers of the sources that have it."""

    spelling: str
    sources: tuple[int, ...]


class GlobalTypes:
    """The table: what types a name has had. Nothing of it is unpacked before it is asked for."""

    def __init__(self, data: bytes) -> None:
        head, _, self._packed = data.partition(b"\n")
        document = json.loads(head)
        self.sources = tuple(SourceKernel(*source) for source in document["sources"])
        self._families: dict[str, str] = document["families"]
        self._longest = max(map(len, self._families), default=0)
        self._firsts: list[str] = [first for first, _ in document["blocks"]]
        self._starts = [0]
        for _, size in document["blocks"]:
            self._starts.append(self._starts[-1] + size)
        self._texts: dict[int, str] = {}

    def find(self, name: str) -> tuple[Choice, ...]:
        """Return what types a variable has had, in the order in which they came up; () if none."""
        at = bisect_right(self._firsts, name) - 1
        if at >= 0:
            text = self._text(at)
            start = text.find(f"\n{name}\t")
            if start >= 0:
                start += len(name) + 2
                return _choices(text[start : text.index("\n", start)])
        for length in range(min(self._longest, len(name) - 1), 0, -1):
            family = self._families.get(name[:length])
            if family is not None:
                return _choices(family)
        return ()

    def names(self) -> list[str]:
        """Return all names that are listed, sorted; members of families are not."""
        return [
            line.partition("\t")[0]
            for at in range(len(self._firsts))
            for line in self._text(at).split("\n")[1:-1]
        ]

    def families(self) -> dict[str, tuple[Choice, ...]]:
        """Return the types of what macros name alike, by how the names begin."""
        return {prefix: _choices(text) for prefix, text in self._families.items()}

    def _text(self, at: int) -> str:
        text = self._texts.get(at)
        if text is None:
            packed = self._packed[self._starts[at] : self._starts[at + 1]]
            unpacked = zlib.decompressobj().decompress(packed, MAX_TEXT)
            text = self._texts[at] = f"\n{unpacked.decode('ascii')}"
        return text


def pack(
    sources: Sequence[SourceKernel],
    families: Mapping[str, Sequence[Choice]],
    variables: Mapping[str, Sequence[Choice]],
) -> bytes:
    """Return the file of a table; the same arguments give the same bytes."""
    blocks: list[tuple[str, bytes]] = []
    lines: list[str] = []
    size = 0
    for name in sorted(variables):
        line = f"{name}\t{_line(variables[name])}\n"
        if size + len(line) > _BLOCK:
            blocks.append(_block(lines))
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        blocks.append(_block(lines))
    head = {
        "sources": sources,
        "families": {prefix: _line(families[prefix]) for prefix in sorted(families)},
        "blocks": [(first, len(packed)) for first, packed in blocks],
    }
    text = json.dumps(head, separators=(",", ":"))
    return text.encode("ascii") + b"\n" + b"".join(packed for _, packed in blocks)


@cache
def global_types() -> GlobalTypes:
    """Return the table that comes with btfdump."""
    return GlobalTypes((Path(__file__).parent / "globals.table").read_bytes())


def _block(lines: Sequence[str]) -> tuple[str, bytes]:
    return lines[0].partition("\t")[0], zlib.compress("".join(lines).encode("ascii"), 9)


def _line(choices: Iterable[Choice]) -> str:
    return "\t".join(f"{sum(1 << n for n in c.sources):x} {c.spelling}" for c in choices)


def _choices(text: str) -> tuple[Choice, ...]:
    choices = []
    for part in text.split("\t"):
        number, _, spelling = part.partition(" ")
        bits = int(number, 16)
        having = (source for source in range(bits.bit_length()) if bits >> source & 1)
        choices.append(Choice(spelling, tuple(having)))
    return tuple(choices)
