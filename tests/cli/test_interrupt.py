"""Ctrl-C prints what it has: streams are ended properly, at whatever event they are stopped."""

import fcntl
import json
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from btfdump._cli.interrupt import INTERRUPTED, Interrupt
from tests.support.effort import hangs_after

BTFDUMP = [sys.executable, "-m", "btfdump"]


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


def test_a_signal_while_something_is_destroyed_is_neither_lost_nor_a_traceback(capsys):
    """A KeyboardInterrupt does not get out of there: it was printed, and the command went on."""

    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def items():
        yield 1
        Dying()
        yield 2
        yield 3

    with Interrupt() as interrupt:
        assert list(interrupt.until(items())) == [1, 2]
    assert interrupt.came
    assert capsys.readouterr().err == ""


def test_another_error_while_something_is_destroyed_is_told(monkeypatch):
    class Dying:
        def __del__(self):
            raise ValueError("x")

    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda it: told.append(it.exc_type))
    with Interrupt():
        Dying()
    assert told == [ValueError]


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
