"""What a harness is: where its inputs come from, and what is done with one of them."""

from __future__ import annotations

import io
import sys
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

CORPUS = Path(__file__).parent / "corpus"


class Wrong(Exception):
    """A property that does not hold; the text before the first colon says which."""


class Harness(ABC):
    """One seam. Inputs are bytes, so that each can be a file, and any can be made smaller.

    `is_lines` says that an input is made of lines, each of which can be left out. `per_process` is
    the number of inputs that one process takes before another one replaces it: an input that kills
    it is the last one, wherever it is, but what inputs leave behind in a process adds up.
    """

    name: ClassVar[str]
    is_lines: ClassVar[bool] = False
    per_process: ClassVar[int] = 2000

    def prepare(self) -> None:  # noqa: B027 - one that needs nothing need not say so
        """Load what every input needs; called once, before processes are forked."""

    @abstractmethod
    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return an input, new or made of one of the corpus; the same for the same `rng`."""

    @abstractmethod
    def run(self, data: bytes) -> str:
        """Try one input and return a word for how it went, to be counted.

        Raises `Wrong` for a property that does not hold. Any other exception is a fault as well:
        btfdump's own errors are caught here, where they are due.
        """

    def corpus(self) -> list[bytes]:
        """Return the committed inputs, by name."""
        folder = CORPUS / self.name
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []


def expect(condition: object, what: str, detail: object = "") -> None:
    """Raise `Wrong` unless a condition holds; `what` is the same for every input."""
    if not condition:
        raise Wrong(f"{what}: {detail}")


def expect_printable(text: str, where: str) -> None:
    """Raise `Wrong` where text could drive a terminal."""
    if not text.replace("\n", "").isprintable():
        bad = next(line for line in text.split("\n") if not line.isprintable())
        raise Wrong(f"{where} is not printable: {bad[:200]!r}")


class Captured:
    """The standard streams of a command that runs in this process."""

    def __init__(self) -> None:
        self.out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        self.errors = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)

    def texts(self) -> tuple[str, str]:
        """Return what was written to stdout and to stderr."""
        found = []
        for stream in (self.out, self.errors):
            stream.flush()
            stream.seek(0)
            found.append(stream.read())
        return found[0], found[1]


@contextmanager
def captured() -> Iterator[Captured]:
    """Take what is written to the standard streams in a `with` statement."""
    streams = Captured()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams.out, streams.errors
    try:
        yield streams
    finally:
        sys.stdout, sys.stderr = before


def command(words: Sequence[str]) -> tuple[int, str, str]:
    """Run a command line in this process; return its exit status, stdout and stderr."""
    from btfdump._cli import main

    with captured() as streams:
        try:
            status = main(words)
        except SystemExit as end:  # argparse's way
            status = end.code if isinstance(end.code, int) else 1
    return status, *streams.texts()
