"""Dump files with damaged headers, opened in processes that may be lost."""

from __future__ import annotations

import gc
import json
import shutil
from typing import TYPE_CHECKING, ClassVar

from fuzz.harness import Harness, command, expect, expect_printable
from fuzz.lines import Script, line
from fuzz.mutation import NUMBERS
from fuzz.samples import path, room

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

_FILES = ("tagged-6.12", "filtered", "s390x-6.12")
_COMMANDS = (
    ("task", "1", "--objects", "20", "--elements", "4", "--format", "jsonl"),
    ("task",),
    ("maps", "--format", "json"),
    ("modules",),
)
# Where the headers are: of kdump, those of the file, of the kernel, bitmaps, page descriptors; of
# ELF, the header, program headers and notes. The last of each is the whole file.
_REGIONS = {
    "kdump": ((0, 512), (4096, 8192), (0, 20480), (8192, 208192)),
    "elf": ((0, 64), (64, 736), (64, 736), (0, 8192)),
}
_STATUSES = (0, 1, 2)


class HeadersHarness(Harness):
    """An input names a sample, a command, and bytes to be written over, or where to cut."""

    name: ClassVar[str] = "headers"
    is_lines: ClassVar[bool] = True
    per_process: ClassVar[int] = 16  # a process that is lost says which input it was

    def prepare(self) -> None:
        """Load what opening a dump loads, so that each process need not."""
        for name in _FILES:
            command(["inspect", str(path(name)), "task", "--no-cache"])
        gc.freeze()

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return damage of any kind to some sample."""
        name = rng.choice(_FILES)
        size = path(name).stat().st_size
        kind = "kdump" if name == "tagged-6.12" else "elf"
        lines = [line("file", name), line("run", *rng.choice(_COMMANDS))]
        if rng.random() < 0.15:
            ends = (0, 1, 4, 7, 8, 16, 63, 64, 100, 511, 512, 4095, 4096, 4097, 8192, size - 1)
            end = rng.choice((*ends, size - 4096, size // 2, rng.randrange(1 << 16)))
            lines.append(line("cut", end))
        for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
            low, high = rng.choice((*_REGIONS[kind], (0, size)))
            at = rng.randrange(low, min(high, size) - 8)
            lines.append(line("write", *_change(rng, at, size)))
        return "".join(lines).encode()

    def run(self, data: bytes) -> str:
        """Run the command on the damaged file."""
        script = Script.parse(data)
        (name,) = script.one("file", [_FILES[0]])
        file = _whole(name)
        _last(name).write_bytes(data)
        _damage(file, script)
        words = script.one("run", list(_COMMANDS[0]))
        status, out, errors = command(["inspect", str(file), *words, "--no-cache"])
        expect(status in _STATUSES, "exit status", status)
        expect("Traceback" not in errors, "a traceback", errors)
        expect(status != 1 or errors or out, "failed without a word")
        expect_printable(out, "stdout")
        expect_printable(errors, "stderr")
        if "--format" in words:
            for text in out.splitlines() if "jsonl" in words else [out] if out else []:
                json.loads(text)
        return ("shown", "refused", "misused")[status]


def _change(rng: Random, at: int, size: int) -> tuple[int, str]:
    """Return a place in the file and the bytes to be written there, in hexadecimal."""
    kind = rng.randrange(4)
    if kind == 0:
        return at, rng.randbytes(1).hex()
    if kind == 1:
        width = rng.choice((2, 4, 8))
        value = rng.choice((*NUMBERS, size, size - 1)) & (1 << width * 8) - 1
        return at - at % width, value.to_bytes(width, rng.choice(("little", "big"))).hex()
    if kind == 2:
        return at, rng.randbytes(rng.randrange(1, 40)).hex()
    return at, bytes((1 << rng.randrange(8),)).hex()


def _whole(name: str) -> Path:
    """Return a copy of a sample: the one before, put right, for copying 45 MB takes long.

    What was done to it is in a file beside it, for the process that did it may be lost.
    """
    source, file = path(name), room() / f"damaged-{name}"
    last = _last(name)
    if not last.exists():
        shutil.copyfile(source, file)
        return file
    script = Script.parse(last.read_bytes())
    size = source.stat().st_size
    parts = [(int(at), len(written) // 2) for at, written in script.all("write")]
    parts += [(int(end), size) for (end,) in script.all("cut")]
    with source.open("rb") as sound, file.open("r+b") as opened:
        for at, length in parts:
            sound.seek(at)
            opened.seek(at)
            opened.write(sound.read(length))
        opened.truncate(size)
    return file


def _last(name: str) -> Path:
    return room() / f"damaged-{name}.last"


def _damage(file: Path, script: Script) -> None:
    with file.open("r+b") as opened:
        for at, written in script.all("write"):
            opened.seek(int(at))
            opened.write(bytes.fromhex(written))
        for (end,) in script.all("cut"):
            opened.truncate(int(end))
