"""Output that cannot be written, and what else ends a command with 1."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, columns
from btfdump._roots import Query
from btfdump.errors import BtfFormatError
from tests.support.covered import covered_btf

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from btfdump._api.kernel import Kernel

FULL = Path("/dev/full")
COMMANDS = (
    ("--help",),
    ("--version",),
    ("inspect", "--help"),
    ("inspect", "CORE", "task", "1"),
    ("inspect", "CORE", "task", "--format", "tree"),
    ("inspect", "CORE", "task", "--all", "--format", "jsonl"),
    ("inspect", "CORE", "maps"),
    ("inspect", "CORE", "maps", "--format", "json"),
    ("tags", "CORE"),
    ("functions", "CORE", "tcp_v4_*"),
    ("kfuncs", "CORE"),
    ("diff", "CORE", "CORE", "task", "1", "--members", "comm"),
    ("annotations", "check", "--btf", "BTF"),
    ("source", "struct list_head", "--btf", "BTF"),
    ("completion",),
)


def start(core: str, btf: Path, words: tuple[str, ...], **how: Any) -> tuple[int, str]:
    """Run a command in a process of its own; return its status and stderr."""
    named = {"CORE": core, "BTF": str(btf)}
    command = [sys.executable, "-m", "btfdump", *(named.get(word, word) for word in words)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, **how)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def btf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The types of a few structs."""
    path = tmp_path_factory.mktemp("btf") / "vmlinux.btf"
    path.write_bytes(covered_btf().data)
    return path


NO_SPACE = f"btfdump: stdout: cannot be written: {os.strerror(errno.ENOSPC)}\n"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("is_buffered", [True, False])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_disk(
    core: str,
    btf: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    is_buffered: bool,
) -> None:
    """Whether the command learns of it at once or at its end."""
    status: object = None
    with suppress(OSError), FULL.open("wb") as full:  # what is left in its buffer is not written
        stream = TextIOWrapper(full, write_through=not is_buffered)
        monkeypatch.setattr("sys.stdout", stream)
        status = main([{"CORE": core, "BTF": str(btf)}.get(word, word) for word in words])
    monkeypatch.undo()
    assert (status, capsys.readouterr().err) == (FAILED, NO_SPACE)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [COMMANDS[0], COMMANDS[4], COMMANDS[5]], ids=" ".join)
def test_a_full_disk_ends_the_process(
    core: str, btf: Path, words: tuple[str, ...], buffered: str
) -> None:
    """Nothing is tried, or said, once more when the interpreter ends."""
    environment = {**os.environ, "PYTHONUNBUFFERED": buffered}
    with FULL.open("w") as full:
        status, err = start(core, btf, words, stdout=full, env=environment)
    assert (status, err) == (FAILED, NO_SPACE)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("watch", [[], ["--watch", "0.1"]], ids=["once", "watch"])
@pytest.mark.parametrize("command", [["live"], ["qemu", "SOCKET"]], ids=" ".join)
def test_a_full_disk_under_a_kernel_that_runs(
    core: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    watch: list[str],
) -> None:
    """They write and give up as `inspect` does, whatever they have opened."""
    opened: list[str] = []

    def open_(*_: object, **__: object) -> AbstractContextManager[Kernel]:
        opened.append(command[0])
        return open_core(core)

    monkeypatch.setattr(f"btfdump._api.opening.open_{command[0]}", open_)
    with suppress(OSError), FULL.open("w") as full:  # what is left in its buffer is not written
        monkeypatch.setattr("sys.stdout", full)
        status = main([*command, "task", "1", *watch])
    monkeypatch.undo()
    assert (status, opened) == (FAILED, [command[0]])
    assert capsys.readouterr().err == NO_SPACE


@pytest.mark.parametrize("words", [COMMANDS[0], COMMANDS[3], COMMANDS[-1]], ids=" ".join)
def test_a_closed_stdout(core: str, btf: Path, words: tuple[str, ...]) -> None:
    status, err = start(core, btf, words, preexec_fn=lambda: os.close(1))
    assert (status, err) == (FAILED, "btfdump: stdout: cannot be written: it is closed\n")


def test_nobody_can_be_told_of_stderr(core: str, btf: Path) -> None:
    for close in (lambda: os.close(2), lambda: os.dup2(os.open(FULL, os.O_WRONLY), 2)):
        status, err = start(core, btf, ("inspect", "CORE", "nosuch"), preexec_fn=close)
        assert (status, err) == (FAILED, "")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_a_file_that_cannot_be_written(core: str, btf: Path) -> None:
    encode = ("annotations", "encode", "--btf", "BTF", "-o")
    status, err = start(core, btf, (*encode, str(FULL)))
    assert (status, err) == (
        FAILED,
        f"btfdump: /dev/full: cannot be written: {os.strerror(errno.ENOSPC)}\n",
    )
    status, err = start(core, btf, (*encode, "/nowhere/at/all"))
    assert (status, err.count("\n")) == (FAILED, 1)
    assert "/nowhere/at/all: cannot be written: " in err


# A pattern that matches nothing


@pytest.mark.parametrize(
    "table",
    ["maps", "progs", "links", "kfuncs", "struct-ops", "tcp-cc", "trampolines", "lsm-hooks"],
)
def test_a_name_that_a_table_does_not_have(
    run: Callable[..., tuple[int, str, str]], table: str
) -> None:
    status, out, err = run(table, "nosuch*", "*")
    assert (status, err) == (FAILED, f"btfdump: {table}: nothing is called 'nosuch*'\n")
    assert len(out.splitlines()) > 1  # what there is, is shown
    assert run(table)[0] == OK


def test_a_kfunc_that_only_a_filter_leaves_out(
    run: Callable[..., tuple[int, str, str]],
) -> None:
    status, out, err = run("kfuncs", "bpf_throw", "--flag", "acquire")
    assert (status, err) == (OK, "")
    assert "bpf_throw" not in out


@pytest.mark.parametrize("command", ["functions", "kfuncs"])
def test_a_name_that_no_function_has(core: str, btf: Path, command: str) -> None:
    status, err = start(core, btf, (command, "BTF", "nosuch"), stdout=subprocess.DEVNULL)
    assert (status, err) == (FAILED, f"btfdump: {command}: nothing is called 'nosuch'\n")


def test_a_table_that_asks_about_no_pattern() -> None:
    query = Query(("a*", "b"))
    assert query.unmatched(0) == ["a*", "b"]
    assert query.unmatched(3) == []  # another package's, which takes none
    assert query.wants("x", "ab")
    assert not query.wants("c")
    assert query.unmatched(1) == ["b"]


# Nothing of the object is shown


def test_a_struct_that_is_too_large(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("btfdump._graph.objects.MAX_OBJECT", 100)
    status, out, _ = run("init_task")
    assert "too large to be real" in out
    assert status == FAILED


def test_a_struct_that_cannot_be_decoded(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise BtfFormatError(0, "it contains itself")

    monkeypatch.setattr("btfdump._graph.objects._decoded", fail)
    status, out, _ = run("init_task")
    assert "cannot be decoded" in out
    assert status == FAILED


def test_containers(run: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """An empty one is shown; one of which only a note can be told is not."""
    overlay = tmp_path / "wrong.toml"
    overlay.write_text('[struct.task_struct]\nptraced = "nosuch:link"\n')
    status, out, _ = run("task(2).ptraced")
    assert (status, "0 x struct task_struct" in out) == (OK, True)
    status, out, _ = run("init_task.ptraced", "--overlay", str(overlay))
    assert (status, "no struct nosuch" in out) == (FAILED, True)


@pytest.mark.parametrize("stated", ["", "0", "-3", "72", "many", "132"])
def test_columns_are_those_that_python_counts(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv("COLUMNS", stated)
    assert columns() == shutil.get_terminal_size().columns


def test_a_closed_stdout_has_the_usual_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.__stdout__", None)
    assert columns() == 80


def test_a_start_imports_nothing_for_help_that_nobody_asks_for() -> None:
    program = "import sys; from btfdump._cli import build_parser; build_parser('inspect'); "
    found = subprocess.run(
        [sys.executable, "-c", program + "print('shutil' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "False\n"
