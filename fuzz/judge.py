"""Whether an input went well: judged by CPU time and memory, never by the clock."""

from __future__ import annotations

import faulthandler
import resource
import signal
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fuzz.harness import Wrong

if TYPE_CHECKING:
    from types import FrameType

    from fuzz.harness import Harness

CPU_SECONDS = 10
"""What one input may take of a processor."""
MEMORY = 1 << 30
"""Bytes that one input may add to the process."""
_GRACE = 5  # seconds from the exception that ends Python code to the signal that ends native code
_PROJECT = str(Path(__file__).parents[1])


class Hang(BaseException):
    """An input took too much CPU time; no `except Exception` may swallow it."""


class Outcome(NamedTuple):
    """How one input went: the harness's word, or a fault: `key` tells it from others."""

    verdict: str
    key: str = ""
    text: str = ""


def judge(harness: Harness, data: bytes) -> Outcome:
    """Run one input within its limits; the process is one that may be lost."""
    start_clock()
    try:
        verdict = harness.run(data)
    except Hang as error:
        return _fault("hang", error)
    except MemoryError as error:
        return _fault("memory", error)
    except Wrong as error:
        return Outcome("fault", f"wrong: {str(error).partition(':')[0]}", _text(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return _fault(type(error).__name__, error)
    finally:
        stop_clock()
    return Outcome(verdict)


def limit_memory() -> None:
    """Let this process grow by `MEMORY` and no more; it dumps no core."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def start_clock() -> None:
    """End what follows after `CPU_SECONDS`: by an exception, or by a signal if that is no use."""
    signal.signal(signal.SIGPROF, _end)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS, 1)
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = int(used.ru_utime + used.ru_stime) + CPU_SECONDS + _GRACE
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


def stop_clock() -> None:
    """End no input any more."""
    signal.setitimer(signal.ITIMER_PROF, 0)


def watch_signals(log: int) -> None:
    """Write where the process was to the file descriptor `log` when a signal kills it."""
    faulthandler.enable(log)
    faulthandler.register(signal.SIGXCPU, log, chain=True)


def _end(number: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {CPU_SECONDS} s of CPU time")


def _fault(what: str, error: BaseException) -> Outcome:
    """Name a fault by the place that raised it: the innermost one in the project's own code."""
    places = [
        f"{Path(frame.filename).relative_to(_PROJECT)}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(f"{_PROJECT}/btfdump/")
    ]
    # A hang is met at any depth: its outermost frames tell more.
    place = " ".join(places[:3]) if what == "hang" else " ".join(places[-1:])
    return Outcome("fault", f"{what}: {place}", _text(error))


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-20_000:]
