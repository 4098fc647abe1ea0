"""The harness itself: a guest runs commands, passes files and gives its memory away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.opening import open_core
from sample_dumps.build.guest import CommandTimeout, QmpError

if TYPE_CHECKING:
    from pathlib import Path

    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel


def test_runs_the_kernel_it_was_given(guest: Guest):
    assert guest.check("uname -r").decode().strip() == guest.kernel.release


def test_a_command_gives_status_output_and_errors(guest: Guest):
    assert guest.run("echo out; echo err >&2; exit 7") == (7, b"out\n", b"err\n")


def test_a_program_gets_its_arguments_as_they_are(guest: Guest):
    assert guest.run(["printf", "%s|", "two words", "$HOME", ""]) == (0, b"two words|$HOME||", b"")


def test_a_signal_is_a_negative_status(guest: Guest):
    assert guest.run("kill -SEGV $$").status == -11


def test_no_signal_is_ignored(guest: Guest):
    assert guest.run("yes | head -n 1") == (0, b"y\n", b"")
    ignored = guest.check(["grep", "SigIgn", "/proc/self/status"]).split()[1]
    assert int(ignored, 16) == 0


def test_a_missing_program_is_an_ordinary_failure(guest: Guest):
    result = guest.run(["no-such-program"])
    assert result.status == 127
    assert b"no-such-program" in result.stderr


def test_a_command_that_takes_too_long_is_killed_with_its_children(guest: Guest):
    for seconds in (1, 10, 100):
        with pytest.raises(CommandTimeout) as caught:
            guest.run("echo begun; sleep 4242 & sleep 4242", timeout=seconds)
        if caught.value.result.stdout:  # on a busy machine it may not have come to that
            break
    assert caught.value.result.stdout == b"begun\n"
    assert guest.run("ps | grep '[s]leep 4242'").stdout == b""


def test_what_runs_in_the_background_does_not_hold_the_command(guest: Guest):
    guest.check("sleep 4242 & echo $! > /tmp/background")  # or it would be CommandTimeout
    guest.check("kill $(cat /tmp/background)")


def test_files_pass_unchanged_both_ways(guest: Guest):
    data = bytes(range(256)) * 5000
    guest.put("/tmp/it's a file", data)
    assert guest.get("/tmp/it's a file") == data


def test_btfdump_runs_inside(guest: Guest):
    assert b"inspect" in guest.check("btfdump --help")


def test_bpftool_runs_inside(guest: Guest):
    assert b"name [vmlinux]" in guest.check("bpftool btf list")


def test_a_stopped_guest_does_not_answer_until_it_goes_on(guest: Guest):
    with guest.stopped():
        assert guest.qmp("query-status")["status"] == "paused"
    assert guest.qmp("query-status")["status"] == "running"
    assert guest.check("echo awake") == b"awake\n"


def test_a_refused_command_is_an_error(guest: Guest):
    with pytest.raises(QmpError, match="no-such-command"):
        guest.qmp("no-such-command")


@pytest.mark.parametrize("form", ["elf", "kdump-zlib"])
def test_a_dump_is_read_by_btfdump(guest: Guest, tmp_path: Path, form: str):
    with guest.stopped():
        dump = guest.dump(tmp_path / "vmcore", form)
    with open_core(dump) as kernel:
        assert kernel.release == guest.kernel.release
        assert kernel.task(1).comm.string_() == "init"
    dump.unlink()
