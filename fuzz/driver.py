"""Run a harness: processes that may be lost, a budget, counts, and failing inputs on disk.

Input number N of a seed is the same whenever it is asked for, so what kills a process can be made
again outside of it. The first inputs are the committed ones.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from fuzz.judge import Outcome, judge, limit_memory, watch_signals
from fuzz.known import why_known
from fuzz.minimise import minimise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fuzz.harness import Harness

FAILURES = Path(__file__).parents[1] / "build" / "fuzz"
_LOOK = 20  # seconds between looks at a process that says nothing
_LOOKS = 6  # at which it was asleep: it waits for something that will not come


@dataclass
class Tally:
    """What came of a run: inputs by verdict, faults by key (how many of each), time."""

    verdicts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    saved: list[Path] = field(default_factory=list)
    cpu: float = 0.0
    peak: int = 0
    """The most memory of one process, in bytes, with all that it had before its first input."""

    @property
    def inputs(self) -> int:
        """How many inputs were tried."""
        return self.verdicts.total()


class Inputs:
    """The inputs of a harness and a seed, by number."""

    def __init__(self, harness: Harness, seed: int) -> None:
        self._harness = harness
        self._corpus = harness.corpus()
        self._seed = seed

    def __getitem__(self, number: int) -> bytes:
        if number < len(self._corpus):
            return self._corpus[number]
        return self._harness.generate(Random(f"{self._seed}:{number}"), self._corpus)


def fuzz(
    harness: Harness,
    *,
    seed: int,
    seconds: float | None = None,
    count: int | None = None,
    failures: Path = FAILURES,
) -> Tally:
    """Try `count` inputs, or as many as `seconds` of the clock allow; return what came of them."""
    harness.prepare()
    inputs = Inputs(harness, seed)
    end = None if seconds is None else time.monotonic() + seconds
    tally = Tally()
    number = 0
    while (count is None or number < count) and (end is None or time.monotonic() < end):
        most = harness.per_process if count is None else min(harness.per_process, count - number)
        for outcome in in_process(harness, (inputs[n] for n in range(number, number + most)), end):
            tally.verdicts[outcome.verdict] += 1
            if outcome.key:
                _note(tally, harness, inputs, seed, number, outcome, failures)
            number += 1
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    tally.cpu = used.ru_utime + used.ru_stime
    tally.peak = used.ru_maxrss * 1024
    return tally


def _note(
    tally: Tally,
    harness: Harness,
    inputs: Inputs,
    seed: int,
    number: int,
    outcome: Outcome,
    failures: Path,
) -> None:
    """Count a fault; the first of its kind is made smaller and saved."""
    if why_known(harness.name, outcome.key):
        tally.known[outcome.key] += 1
        return
    tally.faults[outcome.key] += 1
    if tally.faults[outcome.key] > 1:
        return
    data = minimise(
        inputs[number],
        lambda smaller: try_one(harness, smaller).key == outcome.key,
        is_lines=harness.is_lines,
    )
    path = failures / harness.name / sha256(outcome.key.encode()).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(
        f"{outcome.key}\nseed {seed}, input {number}\n"
        f"python -m fuzz {harness.name} --replay {path}\n\n{outcome.text}\n",
        "utf-8",
        "backslashreplace",
    )
    tally.saved.append(path)


def try_one(harness: Harness, data: bytes) -> Outcome:
    """Try one input in a process of its own."""
    (outcome,) = in_process(harness, [data])
    return outcome


def in_process(
    harness: Harness, inputs: Iterable[bytes], end: float | None = None
) -> Iterator[Outcome]:
    """Try inputs in one process and yield how each went; the one that kills it is the last.

    No other is begun when the clock has passed `end`.
    """
    receive, send = os.pipe()
    with tempfile.TemporaryFile() as log:
        process = os.fork()
        if not process:
            os.close(receive)
            _work(harness, inputs, end, send, log.fileno())
        os.close(send)
        is_over = False
        try:
            for line in _lines(process, receive):
                is_over = line == "end"
                if not is_over:
                    yield Outcome(*json.loads(line))
        finally:
            os.close(receive)
            if not is_over:
                os.kill(process, signal.SIGKILL)  # it is dead, asleep for ever, or not wanted
            status = os.waitpid(process, 0)[1]
        if not is_over:
            yield _killed(status, log)


def _work(
    harness: Harness, inputs: Iterable[bytes], end: float | None, send: int, log: int
) -> None:
    """Be the process that may be lost; never returns."""
    try:
        watch_signals(log)
        limit_memory()
        for data in inputs:
            if end is not None and time.monotonic() >= end:
                break
            outcome = judge(harness, data)
            os.write(send, json.dumps(outcome).encode() + b"\n")
            if outcome.key:  # what a fault has left behind is not to be blamed on others
                break
        os.write(send, b"end\n")
    except BaseException:  # noqa: BLE001 - a harness's own fault
        os.write(log, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(0)


def _lines(process: int, receive: int) -> Iterator[str]:
    """Yield the lines that a process writes until it ends, or sleeps and sleeps."""
    pending = b""
    asleep = 0
    while asleep < _LOOKS:
        if not select.select([receive], [], [], _LOOK)[0]:
            asleep = asleep + 1 if _state(process) == "S" else 0
            continue
        asleep = 0
        piece = os.read(receive, 1 << 16)
        if not piece:
            return
        *lines, pending = (pending + piece).split(b"\n")
        yield from (line.decode() for line in lines)


def _state(process: int) -> str:
    """Return the state of a process: R, S, Z, ... as in proc(5)."""
    return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]


def _killed(status: int, log: object) -> Outcome:
    """Say what ended a process that had not ended its work."""
    assert hasattr(log, "seek")
    assert hasattr(log, "read")
    log.seek(0)
    text = log.read().decode("utf-8", "replace")
    if not os.WIFSIGNALED(status):
        return Outcome("fault", f"exit: status {os.WEXITSTATUS(status)}", text)
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return Outcome("fault", "hang: in native code", text)
    if number == signal.SIGKILL:
        return Outcome("fault", "blocked: asleep, and nothing comes", text)
    return Outcome("fault", f"killed by {signal.Signals(number).name}", text)
