"""The running kernel and a guest's: as in its vmcore; and what is in the way is said."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_qemu
from sample_dumps.build.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kernel

BTFDUMP = (sys.executable, "-m", "btfdump")
# What does not change while it is looked at: tasks that sleep, and what nobody adds to.
ROOTS = (
    ("task", "birch"),
    ("task", "cedar"),
    ("task", "fir"),
    ("task", "elm", "--zero"),
    ("task", "oak", "--members", "comm,pid,children.comm,files.fdt.fd"),
    ("task(1).signal->thread_head",),
    ("super_blocks",),
    ("modules",),
    ("runqueues[0].cpu",),
)
FORMATS = ("tree", "jsonl")
# How often all tasks are looked at, and how much has to come and go, while everything moves.
LOOKS, MOST_LOOKS = 4, 100
FORKED = STORED = 1000
MAGIC = 0x6B6C6E6C62746664  # rootfs/churn.c
# Runs several commands in one process: starting Python costs most of the time in a guest.
SEVERAL = """
import contextlib, gc, io, json, sys
from btfdump._cli import main
outputs = []
for words in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        status = main(words)
    outputs.append([status, out.getvalue()])
    gc.collect()  # a guest has little memory for the kernels of eleven commands
json.dump(outputs, sys.stdout)
"""
AS_NOBODY = """
import os, sys
os.setgid(65534)
os.setuid(65534)
os.execvp(sys.argv[1], sys.argv[1:])
"""
WITHOUT_RAWIO = """
import ctypes, os, sys
PR_CAPBSET_DROP, CAP_SYS_RAWIO = 24, 17
assert ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_RAWIO, 0, 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])
"""
INTERRUPTED = """
import pathlib, signal, subprocess, sys, time
out = pathlib.Path("/tmp/out.json")
command = ["btfdump", "live", "task", "--all", "--format", "json"]
with out.open("wb") as file, subprocess.Popen(command, stdout=file) as process:
    while out.stat().st_size < 20000 and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
sys.exit(process.returncode)
"""
MASKED = "mount --bind /dev/null /proc/kcore; "


def without_source(text: str) -> str:
    """Take out what says how the kernel was read: it stands on a root's first line."""
    return re.sub(r"  (live kernel|QEMU guest|vmcore \(.*?\)) of ", "  SOURCE of ", text)


def outputs_of(status: int, stdout: bytes, stderr: bytes) -> list[str]:
    """Return what each of `SEVERAL` commands has printed; none may have failed."""
    assert (status, stderr) == (0, b"")
    outputs = json.loads(stdout)
    assert {status for status, _ in outputs} == {0}
    return [without_source(text) for _, text in outputs]


def here(commands: list[list[str]]) -> list[str]:
    """Run btfdump on this machine with several command lines; return what they print."""
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL],
        input=json.dumps(commands).encode(),
        capture_output=True,
        check=False,
    )
    return outputs_of(done.returncode, done.stdout, done.stderr)


def test_live_qemu_and_vmcore_are_the_same(guest: Guest, tmp_path: Path):
    """A stopped guest shows through QEMU and in a dump what the kernel showed of itself."""
    jobs = [(*root, "--format", "text") for root in ROOTS]
    jobs += [(*ROOTS[0], "--format", form) for form in FORMATS]
    stdin = json.dumps([["live", *job] for job in jobs]).encode()
    result = guest.run(["python3", "-c", SEVERAL], stdin=stdin)
    live = outputs_of(*result)
    with guest.stopped():
        dump = guest.dump(tmp_path / "vmcore", "kdump-zlib")
        through_qemu = here([["qemu", str(guest.qmp_socket), *job] for job in jobs])
    dumped = here([["inspect", str(dump), *job] for job in jobs])
    dump.unlink()
    for job, *shown in zip(jobs, live, through_qemu, dumped, strict=True):
        assert shown[0] == shown[1] == shown[2], job
        assert shown[0]


def test_the_guest_goes_on_after_qemu(guest: Guest):
    with open_qemu(guest.qmp_socket) as kernel:
        assert kernel.release == guest.kernel.release
        assert kernel.target.is_live
        names = {task.comm.string_() for task in kernel.tasks()}
    assert {"init", "oak", "birch", "cedar-1", "cedar-2", "agent"} <= names
    assert guest.qmp("query-status")["status"] == "running"


def test_a_socket_that_is_taken(guest: Guest):
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(str(guest.qmp_socket))
        assert b"QMP" in other.recv(4096)
        done = subprocess.run(
            [*BTFDUMP, "qemu", str(guest.qmp_socket), "task"],
            capture_output=True,
            check=False,
            timeout=300,  # it is patient for five seconds
        )
    assert done.returncode == 1
    assert b"another client" in done.stderr


def complaint(guest: Guest, command: list[str] | str) -> str:
    """Run a command that must fail with one line; return that."""
    result = guest.run(command)
    errors = result.stderr.decode()
    assert result.status == 1, errors
    assert errors.startswith("btfdump: ")
    assert errors.count("\n") == 1
    return errors


def test_without_root(guest: Guest):
    words = ["python3", "-c", AS_NOBODY, "btfdump", "live", "task"]
    assert "only root may read it; run as root" in complaint(guest, [*words, "--via", "kcore"])
    both = complaint(guest, words)
    assert "via kcore: /proc/kcore: only root may read it" in both
    assert "via bpf: " in both


def test_root_without_the_capability(guest: Guest):
    words = ["python3", "-c", WITHOUT_RAWIO, "btfdump", "live", "task", "--via", "kcore"]
    assert "CAP_SYS_RAWIO is missing, as in a container" in complaint(guest, words)


def test_masked_kcore(guest: Guest):
    said = complaint(
        guest, ["unshare", "-m", "sh", "-c", f"{MASKED} btfdump live task --via kcore"]
    )
    assert "/proc/kcore is masked, as containers do" in said
    assert "on the host" in said


def test_a_masked_kcore_makes_room_for_bpf(guest: Guest):
    line = f"{MASKED} btfdump live task 1 --format tree"
    assert b"live kernel (via bpf) of" in guest.check(["unshare", "-m", "sh", "-c", line])


def test_kptr_restrict(guest: Guest):
    """kcore does without /proc/kallsyms: the kernel's own table is in its memory since 6.0."""
    guest.check("sysctl -w kernel.kptr_restrict=2")
    try:
        shown = guest.check(["btfdump", "live", "task", "1", "--members", "comm"])
        said = complaint(guest, ["btfdump", "live", "task", "1", "--via", "bpf"])
    finally:
        guest.check("sysctl -w kernel.kptr_restrict=0")
    assert b'.comm = (char[16])"init"' in shown
    assert "/proc/kallsyms hides the addresses (kernel.kptr_restrict=2)" in said
    assert "sysctl kernel.kptr_restrict=1" in said


@pytest.fixture(scope="module")
def locked(guest_tools: None) -> Iterator[Guest]:
    with Guest.boot("6.12", append="btfdump.idle lockdown=confidentiality") as running:
        yield running


def test_locked_down(locked: Guest):
    said = complaint(locked, ["btfdump", "live", "task", "--via", "kcore"])
    assert "locked down (confidentiality)" in said
    assert "boot without lockdown=confidentiality" in said


def test_interrupted(guest: Guest):
    """Ctrl-C in the middle: what is there is valid JSON."""
    result = guest.run(["python3", "-c", INTERRUPTED])
    assert result.status == 130
    assert re.search(rb"note: interrupted: \d+ shown\n$", result.stderr)
    assert json.loads(guest.get("/tmp/out.json"))["roots"]


# Moving data


def notes_of(thing: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every note in a JSON document."""
    if isinstance(thing, dict):
        for note in thing.get("notes", ()):
            yield path, note["text"]
        for name, inner in thing.items():
            yield from notes_of(inner, f"{path}.{name}")
    elif isinstance(thing, list):
        for inner in thing:
            yield from notes_of(inner, f"{path}[]")


def sealed_of(thing: Any) -> Iterator[dict[str, int]]:
    """Yield the values that churn has stored."""
    if isinstance(thing, dict):
        if "magic" in thing and "seal" in thing:
            yield thing
        for inner in thing.values():
            yield from sealed_of(inner)
    elif isinstance(thing, list):
        for inner in thing:
            yield from sealed_of(inner)


def check_task(task: dict[str, Any], names: set[str]) -> int:
    """Check that a task was a real one, and what is stored with it its own; count that."""
    members = task["members"]
    assert members["comm"] in names or members["comm"].startswith("kworker/"), task["summary"]
    assert members["pid"] > 0
    is_told = any("it exited" in text for _, text in notes_of(task))
    assert members.get("thread_pid") or is_told, "it was gone when it was read"
    assert members["signal"]
    count = 0
    for sealed in sealed_of(members.get("bpf_storage")):
        assert sealed["magic"] == MAGIC
        assert sealed["pid"] == members["pid"], "the element of another task"
        assert sealed["seal"] == MAGIC ^ sealed.get("serial", 0) ^ sealed["pid"]
        count += 1
    return count


def said_by_churn(guest: Guest, word: str) -> int:
    """Return the last count that churn has printed."""
    numbers = re.findall(rf"^{word} ([0-9]+)$", guest.get("/tmp/churn.log").decode(), re.MULTILINE)
    return int(numbers[-1]) if numbers else 0


@pytest.fixture
def churn(guest: Guest) -> Iterator[set[str]]:
    """Thousands of tasks and BPF storage elements come and go; return what tasks are called."""
    names = guest.run("cat /proc/[0-9]*/task/*/comm").stdout.decode().split("\n")
    pid = int(guest.check("churn > /tmp/churn.log 2>&1 & echo $!"))
    guest.check("until grep -q ^stored /tmp/churn.log; do usleep 100000; done")
    # comm in /proc is longer for kernel threads than in the kernel
    yield {name[:15] for name in names} | {"churn", "churn-kid", "churn-thread"}
    log = guest.get("/tmp/churn.log").decode()
    guest.run(f"kill {pid}")
    guest.check("while ps | grep -q '[c]hurn'; do usleep 100000; done")
    guest.check("rm /tmp/churn.log")
    assert "churn: " not in log


def test_nothing_wrong_is_shown_while_everything_moves(guest: Guest, churn: set[str]):
    """All tasks are printed, again and again, until enough has come and gone."""
    names = churn | {"sh", "btfdump", "python3", "cat"}
    churned = elements = 0
    for look in range(1, MOST_LOOKS + 1):
        result = guest.run("btfdump live task --all --format jsonl")
        errors = result.stderr.decode()
        assert result.status == 0, errors
        assert "Traceback" not in errors
        seen = set()
        for line in result.stdout.decode().splitlines():
            task = json.loads(line)
            assert task["address"] not in seen, "a task is there twice"
            seen.add(task["address"])
            elements += check_task(task, names)
            churned += task["members"]["comm"].startswith("churn")
            for _, text in notes_of(task):
                assert "chang" in text or "exited" in text, text
        assert len(seen) > 50
        forked, stored = (said_by_churn(guest, word) for word in ("forked", "stored"))
        if look >= LOOKS and churned > look and forked > FORKED and stored > STORED:
            break
    else:
        pytest.fail(
            f"after {look} looks, with {churned} tasks seen that come and go: "
            f"forked {forked}, stored {stored}"
        )
    assert elements >= look, "the value that stays was not seen"
