"""Ctrl-C at any call of any function: what was shown is whole, and one line says what came.

The signal comes at a call that is counted, not at a time: so it comes to every place, and comes
again where it came before.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any, ClassVar

from btfdump._cli.interrupt import INTERRUPTED
from fuzz.harness import Harness, Wrong, command, expect
from fuzz.lines import Script, line
from fuzz.samples import path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random
    from types import FrameType

_COMMANDS = (
    "task --all --elements 8 --objects 200", "task 1", "task 1 --depth 1", "maps", "progs",
    "init_net --depth 1", "slab_caches --members name", "task --members pid,comm,children.comm",
    "kfuncs --hook tracing", "task", "map 1",
)  # fmt: skip
_FORMATS = ("json", "json", "jsonl", "text", "tree")
_CORE = "tagged-6.12"


class InterruptsHarness(Harness):
    """An input names a command, and the call at which the signal comes, once or twice."""

    name: ClassVar[str] = "interrupts"
    is_lines: ClassVar[bool] = True
    per_process: ClassVar[int] = 1

    def prepare(self) -> None:
        """Count the calls of each command, from the start to the end."""
        self._calls = {}
        for words in _COMMANDS:
            counter = _Calls(())
            sys.setprofile(counter.count)
            try:
                command(["inspect", str(path(_CORE)), *words.split(), "--format", "jsonl"])
            finally:
                sys.setprofile(None)
            self._calls[words] = counter.calls

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return a command and calls of it: early ones, which open, as often as late ones."""
        words = rng.choice(_COMMANDS)
        most = self._calls[words]
        calls = [int(most ** rng.random()) if rng.random() < 0.3 else rng.randrange(most)]
        if rng.random() < 0.15:
            calls.append(calls[0] + rng.choice((1, 2, 10, 1000)))
        lines = [line("run", *words.split(), "--format", rng.choice(_FORMATS))]
        return "".join([*lines, line("at", *calls)]).encode()

    def run(self, data: bytes) -> str:
        """Run the command; send the signal."""
        script = Script.parse(data)
        words = script.one("run", ["task", "1", "--format", "json"])
        calls = _Calls([int(call) for call in script.one("at", [])])
        signal.signal(signal.SIGINT, signal.default_int_handler)
        is_twice = len(calls.at) > 1
        try:
            sys.setprofile(calls.count)
            try:
                status, out, errors = command(["inspect", str(path(_CORE)), *words])
            finally:
                sys.setprofile(None)
        except KeyboardInterrupt:  # before main() has begun, after it has ended, or the second one
            return "outside" if not is_twice else "cut off"
        expect("Traceback" not in errors, "a traceback", errors)
        expect("Exception ignored" not in errors, "an exception that nobody saw", errors)
        if is_twice:
            return "twice"
        expect(status in (0, INTERRUPTED), "exit status", f"{status} {errors}")
        _expect_whole(out, words[-1], status)
        return "interrupted" if status else "finished"


class _Calls:
    """Counts calls of functions, those in C too, and sends the signal at some."""

    def __init__(self, at: Sequence[int]) -> None:
        self.at = frozenset(at)
        self.calls = 0

    def count(self, frame: FrameType, event: str, argument: Any) -> None:
        """Take an event of sys.setprofile()."""
        if event in ("call", "c_call"):
            self.calls += 1
            if self.calls in self.at:
                signal.raise_signal(signal.SIGINT)


def _expect_whole(out: str, format_: str, status: int) -> None:
    """JSON can be read if there is any; text ends with its line."""
    expect(not out or out.endswith("\n"), "a line that is cut", out[-80:])
    if format_ not in ("json", "jsonl"):
        return
    expect(out or status, "nothing at all")
    try:
        for text in [out] if format_ == "json" and out else out.splitlines():
            json.loads(text)
    except ValueError as error:
        raise Wrong(f"{format_} is cut off: {error}: {out[-80:]!r}") from error
