"""The running kernel through bpf(2), in guests: what is read, what is not, and by whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sample_dumps.build.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kernel

PROGRAMS = Path(__file__).parent / "programs"
SYSLOG, PERFMON, BPF = 34, 38, 39
MASKED = "unshare -m sh -c 'mount --bind /dev/null /proc/kcore && exec \"$@\"' masked "
ROOTS = "oak cedar-1 --members comm,pid,children.comm,cred,signal,files.fdt,sched_class,stack"


def put(guest: Guest, name: str) -> str:
    path = f"/tmp/{name}"
    guest.put(path, (PROGRAMS / name).read_bytes())
    return path


@pytest.fixture(scope="module")
def results(guest: Guest) -> Any:
    """What the program saw that runs in the guest."""
    path = put(guest, "bpf_and_kcore.py")
    return json.loads(guest.check(f"PYTHONPATH=/opt/btfdump:$PYTHONPATH python3 {path}"))


@pytest.mark.parametrize(
    ("what", "least"), [("pages of text", 20), ("stack", 1), ("modules", 3), ("per-CPU", 2)]
)
def test_both_sources_read_the_same(results: Any, what: str, least: int):
    assert results[what]["count"] >= least
    assert results[what]["differ"] == 0


def test_nearly_all_of_ram_is_the_same(results: Any):
    """Some pages are busy: the reader's own, the timer's."""
    assert results["pages of RAM"]["count"] >= 400
    assert results["pages of RAM"]["differ"] <= 4


def test_no_device_is_read(results: Any):
    assert len(results["devices"]) >= 3
    assert set(map(tuple, results["devices"])) == {(0, "memory of a device: not read")}
    not_ram = "no RAM there, maybe a device: not read"
    assert results["video memory"] == [0, not_ram]
    assert results["into video memory"] == [0x1000, not_ram]


def test_what_is_not_the_kernels_is_refused(results: Any):
    assert results["refused"] == [[0, "not mapped"]] * 6


def test_the_first_byte_of_a_guard_page_is_named(results: Any):
    assert results["guard page"] == [8, "not mapped"]


def test_many_reads_at_once(results: Any):
    assert results["many"] == {"refused": [None, None], "differ": 0}


def test_a_chain_is_the_list_of_processes(results: Any):
    assert results["chain"]["links"]
    assert results["chain"]["size"]
    assert results["chain"]["count"] > 40


def test_a_changing_list_shows_tasks_only(results: Any):
    storm = results["storm"]
    assert storm["is_enough"], f"it was not stormy, or took too many walks: {storm}"
    assert storm["strange"] == []
    assert storm["noted"] <= storm["walks"] // 2


def test_privileges_are_dropped_and_reading_goes_on(results: Any):
    dropped = results["dropped"]
    assert dropped["Uid"] == dropped["Gid"] == ["1000"] * 4
    assert dropped["Groups"] == []
    assert dropped["CapPrm"] == ["0" * 16]
    assert dropped["NoNewPrivs"] == ["1"]
    assert dropped["reads"] == "init"
    assert dropped["stack"] is None
    assert dropped["refreshed"]
    assert not dropped["kcore"]


def test_a_closed_target_faults(results: Any):
    assert results["closed"] == [0, "the target is closed"]


def test_nothing_stays_behind(guest: Guest, results: Any):
    """Maps and programs are gone with the process that made them."""
    assert b"btfdump" not in guest.check("bpftool map list; bpftool prog list")


# The command


def test_the_same_output_as_kcore_without_kcore(guest: Guest):
    """Chosen by itself where /proc/kcore is masked."""
    kcore = guest.check(f"btfdump live --via kcore task {ROOTS}")
    assert guest.check(f"{MASKED} btfdump live task {ROOTS}") == kcore
    assert b"cedar-1" in kcore


def test_a_user_with_three_capabilities(guest: Guest):
    path = put(guest, "as_user.py")
    command = f"python3 {path} {SYSLOG},{PERFMON},{BPF} btfdump live task 1 --format tree"
    found = guest.check(command + " --members comm").decode()
    assert "live kernel (via bpf)" in found
    assert 'comm "init"' in found


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (f"{SYSLOG},{BPF}", "bpf(2) is not permitted: CAP_PERFMON missing; run as root, or give"),
        (f"{SYSLOG},{PERFMON}", "bpf(2) is not permitted: CAP_BPF missing"),
        (f"{BPF},{PERFMON}", "/proc/kallsyms hides the addresses"),
    ],
)
def test_a_user_is_told_which_capability_is_missing(guest: Guest, numbers: str, message: str):
    path = put(guest, "as_user.py")
    status, _, errors = guest.run(f"python3 {path} {numbers} btfdump live --via bpf task 1")
    assert status == 1
    assert message in errors.decode()


def test_the_command_runs_without_privileges(guest: Guest):
    """It waits for its reader, who has the time to look at it."""
    script = """
        mkfifo /tmp/slow; exec 9<>/tmp/slow
        btfdump live --via bpf task --all > /tmp/slow & pid=$!
        until grep -q 'Uid:.65534' /proc/$pid/status; do kill -0 $pid || break; usleep 100000; done
        grep -E '^(Uid|Cap)' /proc/$pid/status
        kill $pid; rm /tmp/slow
    """
    lines = guest.check(script).decode().split("\n")
    fields = dict(line.split(":\t") for line in lines if line)
    assert fields["Uid"].split() == ["65534"] * 4
    assert fields["CapEff"] == fields["CapPrm"] == fields["CapInh"] == fields["CapAmb"] == "0" * 16


# Lockdown


@pytest.fixture(scope="module")
def lockable(guest_tools: None) -> Iterator[Guest]:
    """A guest of its own: lockdown only ever grows."""
    with Guest.boot("6.12", append="btfdump.idle") as running:
        yield running


@pytest.mark.parametrize(
    ("mode", "status", "said"),
    [
        ("integrity", 0, '"init"'),
        ("confidentiality", 1, "bpf(2): the kernel is locked down (confidentiality)"),
    ],
)
def test_lockdown(lockable: Guest, mode: str, status: int, said: str):
    lockable.check(f"echo {mode} > /sys/kernel/security/lockdown")
    result = lockable.run("btfdump live --via bpf task 1 --members comm")
    assert result.status == status
    assert said in (result.stdout + result.stderr).decode()
