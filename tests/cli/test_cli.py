"""The command line: what it prints, where, and the exit status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from btfdump import _roots as roots
from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, USAGE


def test_task(run):
    status, out, err = run("task", "1")
    assert (status, err) == (OK, "")
    assert '(struct task_struct){ /* 0xffff9caa829c5900 "init" pid 1 */' in out
    assert "3 x struct bpf_local_storage_elem by snode [tag]" in out


def test_help_names_every_root(run):
    status, out, _ = run("--help")
    assert status == OK
    for name in roots.ROOTS:
        assert re.search(rf"^ [^.\n]*\b{name}\b", out, re.MULTILINE), name


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], USAGE, "the following arguments are required: ROOT"),
        (["task", "1", "--format", "xml"], USAGE, "invalid choice: 'xml'"),
        (["task", "1", "--depth", "x"], USAGE, "'x' is not a number from 0 on"),
        (["task", "1", "--depth", "-1"], USAGE, "'-1' is not a number from 0 on"),
        (["task", "1", "--members", "children[0].comm"], USAGE, "no indexes here"),
        (["task", "1", "--compact"], USAGE, "--compact: for --format snprintf only"),
        (["struct file"], USAGE, "an address or a symbol must follow"),
        (["struct file", "0x1ffffffffffffffff"], USAGE, "does not fit into a pointer"),
        (["task(1).mm->pgd["], USAGE, "at character 17, the end: expected a number"),
        (["nosuch(1)"], USAGE, "there are task(PID or COMM)"),
        (["_stext"], USAGE, "expected a variable"),
        (["struct rq", "runqueues"], USAGE, "runqueues is per-CPU"),
        (["task", "99999"], FAILED, "no task has pid 99999 among the 64 found"),
        (["task", "nosuch"], FAILED, "no task is called 'nosuch'"),
        (["nosuch"], FAILED, "no symbol 'nosuch'"),
        (["struct nosuch", "0x10"], FAILED, "no struct nosuch in the BTF"),
        (["task(1).nosuch"], FAILED, "struct task_struct has no member 'nosuch'"),
        (["task(1).children[9]"], FAILED, "no entry 9"),
        (["task(2).mm.pgd"], FAILED, "mm is NULL"),
        (["runqueues[7].cpu"], FAILED, "CPU 7: this kernel has CPUs 0 to 1"),
        (["task", "1", "--members", "mm.nosuch"], FAILED, "struct mm_struct has no member"),
        (["task", "1", "--follow", "nosuch"], FAILED, "struct task_struct has no member 'nosuch'"),
    ],
)
def test_errors(run, words, status, message):
    got, out, err = run(*words)
    assert got == status
    assert message in err
    assert not out or words[0] == "runqueues[7].cpu"


@pytest.mark.parametrize("path", ["README.md", "/nonexistent", "."])
def test_what_is_no_dump(path, capsys):
    assert main(["inspect", path, "task", "1"]) == FAILED
    err = capsys.readouterr().err
    assert err.startswith("btfdump: ")
    assert err.count("\n") == 1


# As a process of its own


def start(*words: str, **options) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "COLUMNS": "100"}
    command = [sys.executable, "-m", "btfdump", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options
    )


def test_a_caller_keeps_its_signals(run):
    before = signal.getsignal(signal.SIGPIPE)
    run("task", "1")
    assert signal.getsignal(signal.SIGPIPE) is before


def test_a_closed_pipe_is_quiet(core):
    process = start("inspect", core, "task", "--all", "--zero")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == -signal.SIGPIPE


def test_interrupt_is_no_traceback(core):
    process = start("inspect", core, "task", "--all", "--zero", "--depth", "2")
    assert process.stdout is not None
    assert process.stdout.read(1000)  # it is at work
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert err == b"btfdump: note: interrupted: 1 shown\n"
    assert process.returncode == 128 + signal.SIGINT


def test_a_narrow_encoding_is_no_failure(core):
    process = start("inspect", core, "task", "1", "--format", "tree", "--color", "never")
    out, _ = process.communicate()
    assert "├──".encode() in out
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "btfdump", "inspect", core, "task", "1", "--format", "tree"]
    plain = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert plain.returncode == OK
    assert plain.stdout.isascii()
    assert b"|-- " in plain.stdout


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import btfdump", ["drgn", "_drgn", "rich", "elftools"]),
        (
            "from btfdump import Btf, BtfBuilder, snprintf_btf",
            ["drgn", "_drgn", "rich", "elftools"],
        ),
        (
            "from btfdump._cli import main; main(['inspect', CORE, 'task', '1'])",
            ["rich", "elftools", "btfdump._btf.builder", "btfdump._render.tree"],
        ),
    ],
)
def test_what_is_not_loaded(core, statement, absent):
    code = (
        f"import sys\nCORE = {core!r}\n{statement}\n"
        f"loaded = sorted(set({absent!r}) & set(sys.modules))\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
