"""Commands: the words that they take, in any order, and their help."""

from __future__ import annotations

import signal
import sys

import pytest

from btfdump._cli import build_parser, main
from btfdump._cli.terminal import USAGE


def test_options_may_stand_between_words(run):
    assert run("task", "--members", "pid", "1", "74") == run("task", "1", "74", "--members", "pid")
    status, out, err = run("kfuncs", "--hook", "xdp", "bpf_throw", "--nonsense")
    assert (status, out) == (USAGE, "")
    assert "--nonsense" in err


@pytest.mark.parametrize(
    "words",
    [
        ["\x1b[31m"],
        ["inspect", "core", "task", "--bad\x1b[31m"],
        ["inspect", "core", "task", "--format", "\x1b]0;x\x07"],
        ["inspect", "core", "task", "--elements", "\x1b[31m"],
        ["annotations", "\x1b[31m"],
    ],
)
def test_what_was_typed_cannot_drive_the_terminal(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == USAGE
    err = capsys.readouterr().err
    assert "x1b" in err
    assert err.replace("\n", "").isprintable()


@pytest.mark.parametrize("words", [["--help"], ["inspect", "--help"], ["tags", "--help"]])
def test_help(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "btfdump" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_ctrl_c_at_any_call_of_the_parser_is_ctrl_c():
    """argparse undoes its preparations in a `finally`, also those that it had not come to."""
    parser = build_parser("inspect")

    def interrupted_at(number):
        calls = 0

        def count(frame, event, argument):
            nonlocal calls
            calls += event in ("call", "c_call") and argument is not sys.setprofile
            if calls == number:
                calls += 1
                signal.raise_signal(signal.SIGINT)

        try:
            sys.setprofile(count)
            parser.parse_args(["inspect", "CORE", "task"])
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    number = 1
    while interrupted_at(number):
        number += 1
    assert number > 100
