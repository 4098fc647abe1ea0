"""The command line: what it prints, where, and the exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from btfdump import _roots as roots
from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, USAGE
from tests.support.case_files import CASES


@pytest.fixture(autouse=True)
def pipe_signal():
    """Undo what main() sets for its own process."""
    before = signal.getsignal(signal.SIGPIPE)
    yield
    signal.signal(signal.SIGPIPE, before)


def test_task(run):
    status, out, err = run("task", "1")
    assert (status, err) == (OK, "")
    assert '(struct task_struct){ /* 0xffff9caa829c5900 "init" pid 1 */' in out
    assert "3 x struct bpf_local_storage_elem by snode [tag]" in out


def test_tasks_by_id_and_name(run):
    status, out, _ = run("task", "1", "w_alpha", "w_[bg]*", "--members", "pid", "--format", "jsonl")
    assert status == OK
    comms = [json.loads(line)["summary"]["comm"] for line in out.splitlines()]
    assert comms == ["init", "w_alpha", "w_beta", "w_gamma"]


def test_help_names_every_root(run):
    status, out, _ = run("--help")
    assert status == OK
    for name in roots.ROOTS:
        assert re.search(rf"^ [^.\n]*\b{name}\b", out, re.MULTILINE), name


def test_options_may_stand_between_words(run):
    assert run("task", "--members", "pid", "1", "74") == run("task", "1", "74", "--members", "pid")
    status, out, err = run("kfuncs", "--hook", "xdp", "bpf_throw", "--nonsense")
    assert (status, out) == (USAGE, "")
    assert "--nonsense" in err


def test_table_of_tasks(run):
    status, out, _ = run("task", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == OK
    assert len(rows) == 64
    assert all(row["brief"] for row in rows)


def test_all_tasks(run):
    status, out, _ = run("task", "--all", "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == OK
    assert len(rows) == 64
    assert all(row["members"] for row in rows)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["init_task.children[0].comm"], 'init_task.children[0].comm = (char[16])"init"\n'),
        (["task(1).signal->thread_head[0].pid"], "(pid_t)1\n"),
        (["struct", "task_struct", "init_task", "--members", "comm"], '"swapper/0"'),
        (["struct task_struct", "init_task+0x0", "--members", "comm"], '"swapper/0"'),
        (["pid_t", "0xffff9caa829c5900"], "(pid_t)2\n"),
        (["runqueues[1].cpu"], "runqueues[1].cpu = (int)1\n"),
        (["runqueues.cpu"], "runqueues[0].cpu = (int)0\nrunqueues[1].cpu = (int)1\n"),
        (["struct sample_root", "sample_root", "--members", "one.id"], ".id = (sample_id_t)20"),
    ],
)
def test_roots(run, words, expected):
    status, out, err = run(*words)
    assert (status, err) == (OK, "")
    assert expected in out


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
        (["task(1).mm->pgd["], USAGE, "expected .MEMBER, ->MEMBER or [INDEX]"),
        (["nosuch(1)"], USAGE, "there are task(PID or COMM)"),
        (["_stext"], USAGE, "the type of _stext"),
        (["struct rq", "runqueues"], USAGE, "runqueues is per-CPU"),
        (["task", "99999"], FAILED, "no task has pid 99999 among the 64 found"),
        (["task", "nosuch"], FAILED, "no task is called 'nosuch'"),
        (["nosuch"], FAILED, "no symbol 'nosuch'"),
        (["struct nosuch", "0x10"], FAILED, "no struct nosuch in the BTF"),
        (["task(1).nosuch"], FAILED, "struct task_struct has no member 'nosuch'"),
        (["task(1).children[9]"], FAILED, "no entry 9"),
        (["task(2).mm.pgd"], FAILED, "mm is NULL"),
        (["runqueues[7].cpu"], FAILED, "the kernel has CPUs 0 to 1"),
        (["task", "1", "--members", "mm.nosuch"], FAILED, "struct mm_struct has no member"),
        (["task", "1", "--follow", "nosuch"], FAILED, "struct task_struct has no member 'nosuch'"),
    ],
)
def test_errors(run, words, status, message):
    got, out, err = run(*words)
    assert got == status
    assert message in err
    assert not out or words[0] == "runqueues[7].cpu"


def test_one_failure_leaves_the_rest(run):
    status, out, err = run("task", "1", "99999", "86", "--members", "pid")
    assert status == FAILED
    assert out.count("struct task_struct") == 2
    assert err.count("\n") == 1


def test_unreadable_root_is_a_failure(run):
    status, out, _ = run("struct file", "0x10")
    assert status == FAILED
    assert "/* ! unreadable: not mapped */" in out


def test_strict(run):
    words = ("struct sample_root", "sample_root", "--members", "bad_member,items.id")
    status, out, _ = run(*words)
    assert status == OK
    assert "struct sample_item has no member no_such_member" in out
    assert run(*words, "--strict")[0] == FAILED
    assert run("task", "1", "--members", "comm", "--strict")[0] == OK


def test_mistakes_in_overlays_are_told(run, tmp_path):
    overlay = tmp_path / "mine.toml"
    overlay.write_text('[struct.task_struct]\nchildrn = "a:b"\n[struct.nosuch]\nx = "a:b"\n')
    status, out, err = run("task", "1", "--members", "comm", "--overlay", str(overlay), "--strict")
    assert status == FAILED
    assert "overlay mine.toml: struct task_struct has no member childrn" in out
    assert "overlay mine.toml: no struct nosuch" in err
    overlay.write_text("[struct.task_struct\n")
    status, _, err = run("task", "1", "--overlay", str(overlay))
    assert status == FAILED
    assert "mine.toml" in err


def test_overlay_speaks_before_tag_and_the_last_one_before_the_first(run, tmp_path):
    files = []
    for name in ("first", "last"):
        file = tmp_path / f"{name}.toml"
        file.write_text('[struct.task_struct]\nchildren = "task_struct:sibling"\n')
        files += ["--overlay", str(file)]
    _, out, _ = run("task", "1", "--members", "children", *files)
    assert "by sibling [overlay last.toml]" in out


def test_foreign_btf_is_refused(run):
    status, _, err = run("task", "1", "--btf", str(CASES / "vmlinux-6.1.btf.zst"))
    assert status == FAILED
    assert "zst" in err


def test_snprintf(run):
    status, out, _ = run("task(1).cpus_mask", "--format", "snprintf", "--compact", "--noname")
    assert (status, out) == (OK, "{[3,],}\n")
    status, _, err = run("task", "1", "--format", "snprintf", "--depth", "1")
    assert status == USAGE
    assert "no --members, --follow or --depth" in err


@pytest.mark.parametrize("path", ["README.md", "/nonexistent", "."])
def test_what_is_no_dump(path, capsys):
    assert main(["inspect", path, "task", "1"]) == FAILED
    err = capsys.readouterr().err
    assert err.startswith("btfdump: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["--help"], ["inspect", "--help"], ["tags", "--help"]])
def test_help(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "btfdump" in out
    assert all(len(line) <= 100 for line in out.splitlines())


# As a process of its own


def start(*words: str, **options) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "COLUMNS": "100"}
    command = [sys.executable, "-m", "btfdump", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options
    )


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
