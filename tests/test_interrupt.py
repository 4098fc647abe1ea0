"""Ctrl-C prints what it has: streams are ended properly, at whatever event they are stopped."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from itertools import islice

import pytest

from btfdump.cli.interrupt import INTERRUPTED, Interrupt
from btfdump.graph.events import Enter
from btfdump.graph.interrupted import Unfinished
from btfdump.graph.limits import Limits
from btfdump.graph.traverse import traverse
from btfdump.render import Root, get
from tests.support.effort import hangs_after

BTFDUMP = [sys.executable, "-m", "btfdump"]


@pytest.fixture(scope="module")
def core(sample):
    return str(sample("tagged"))


@pytest.fixture(scope="module")
def kernel(opened):
    return opened("tagged")


@pytest.fixture(scope="module")
def events(kernel):
    value = kernel.task(1)
    return value, list(traverse(value, Limits(depth=1)))


def stopped_after(events, count):
    value, stream = events
    unfinished = Unfinished(value)
    for event in islice(stream, count):
        unfinished.follow(event)
        yield event
    yield from unfinished.ends("interrupted")


def test_every_event_is_a_place_to_stop(events, kernel):
    """Each format makes sense of it, and JSON is valid and says where it was interrupted."""
    for count in [*range(40), *range(40, len(events[1]), 97)]:
        for form in ("json", "text", "tree"):
            # Renderers mark the fields of objects: each needs events of its own.
            stream = events[0], list(islice(traverse(events[0], Limits(depth=1)), count + 1))
            root = Root(stopped_after(stream, count))
            text = "".join(get(form)([root], kernel.options()))
            assert "interrupted" in text, (form, count)
            if form == "json":
                json.loads(text)


def test_a_finished_stream_needs_no_end(events):
    value, stream = events
    unfinished = Unfinished(value)
    for event in stream:
        unfinished.follow(event)
    assert list(unfinished.ends("interrupted")) == []


def test_nothing_read_yet(events):
    ends = list(Unfinished(events[0]).ends("interrupted"))
    assert isinstance(ends[0], Enter)
    assert ends[0].value is events[0]


def test_the_first_signal_ends_the_wait_the_second_is_an_exception():
    def slow():
        yield 1
        signal.raise_signal(signal.SIGINT)  # while the second item is waited for
        yield 2

    with Interrupt() as interrupt:
        assert list(interrupt.until(slow())) == [1]
        assert interrupt.came
        assert list(interrupt.until([1, 2])) == []
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_signal_elsewhere_ends_before_the_next_item():
    with Interrupt() as interrupt:
        seen = []
        for item in interrupt.until([1, 2, 3]):
            seen.append(item)
            signal.raise_signal(signal.SIGINT)
        assert seen == [1]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_outside_of_a_with_statement_nothing_is_swallowed():
    def interrupted():
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        list(Interrupt().until(interrupted()))


def fill_pipe(process):
    """Wait until half of what the pipe of its output holds is there; read nothing."""
    enough = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ) // 2
    with hangs_after(600):
        while waiting_in(process.stdout) < enough:
            assert process.poll() is None, "it ended before it was interrupted"
            time.sleep(0.01)


def waiting_in(pipe):
    """Return how many bytes there are to be read."""
    (size,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
    return size


@pytest.mark.parametrize("form", ["json", "jsonl", "text", "tree"])
def test_the_command(core, form):
    """SIGINT in the middle of a long job: what was shown stays, and is whole."""
    # Far more than a pipe holds: it waits for us to read, in the midst of a root.
    words = ["inspect", core, "task", "--all", "--depth", "3", "--elements", "0", "--format", form]
    with subprocess.Popen(
        [*BTFDUMP, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    ) as process:
        fill_pipe(process)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    text = out.decode()
    assert process.returncode == INTERRUPTED == 130
    assert b"btfdump: note: interrupted: " in errors
    assert errors.rstrip().endswith(b"shown")
    assert b"Traceback" not in errors
    if form == "json":
        assert json.loads(text)["roots"]
    elif form == "jsonl":
        for line in text.splitlines():
            json.loads(line)
    assert text.endswith("\n")


def test_progress_on_a_terminal_knows_the_total(core, tmp_path):
    """stderr is a terminal, stdout a file: how many of how many tasks, on stderr alone."""
    controller, terminal = pty.openpty()
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(
            [*BTFDUMP, "inspect", core, "task", "--all"],
            stdout=out,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(controller, 4096)
        except OSError:  # what Linux says when the other end of a terminal is closed
            break
        if not piece:
            break
        shown += piece
    os.close(controller)
    assert process.wait() == 0
    assert b" of 64 objects" in shown
    assert b"objects" not in (tmp_path / "out").read_bytes()
