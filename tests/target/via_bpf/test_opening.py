"""What is said where BPF cannot be had; and capabilities. The rest takes a kernel: tests/kernel."""

from __future__ import annotations

import ctypes
import errno
import struct
import sys

import pytest

from btfdump.errors import MissingDataError, TargetError
from btfdump.targets.running import RunningKernel
from btfdump.targets.via_bpf import opening, privileges, syscall
from btfdump.targets.via_bpf.syscall import BpfError

ROOT = 0x1FF_FFFF_FFFF
BPF, PERFMON, SYSLOG, ADMIN = 1 << 39, 1 << 38, 1 << 34, 1 << 21


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def running(root, capabilities=ROOT, lockdown=""):
    write(root, "proc/self/status", f"Name:\tbtfdump\nCapPrm:\t0\nCapEff:\t{capabilities:016x}\n")
    if lockdown:
        write(root, "sys/kernel/security/lockdown", f"none integrity [{lockdown}]\n")
    return RunningKernel(root)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (ROOT, []),
        (0, ["CAP_SYSLOG", "CAP_PERFMON", "CAP_BPF"]),
        (BPF | PERFMON | SYSLOG, []),
        (BPF | SYSLOG, ["CAP_PERFMON"]),
        (ADMIN, ["CAP_SYSLOG"]),
        (ADMIN | SYSLOG, []),
    ],
)
def test_missing_capabilities(tmp_path, capabilities, expected):
    kernel = running(tmp_path, capabilities)
    assert privileges.missing(kernel.root / "proc/self/status") == expected


@pytest.mark.parametrize(
    ("number", "log", "how", "message"),
    [
        (
            errno.EPERM,
            "",
            {},
            "in a user namespace, or forbidden by seccomp",
        ),
        (errno.ENOSYS, "", {}, "CONFIG_BPF_SYSCALL=n"),
        (524, "", {}, "takes Linux 5.10 or newer"),
        (
            errno.EINVAL,
            "program of this type cannot use helper bpf_probe_read_kernel#113\n",
            {"lockdown": "confidentiality"},
            r"locked down \(confidentiality\).*boot without",
        ),
        (
            errno.EINVAL,
            "x\nunknown func bpf_probe_read_kernel\n\n",
            {},
            "locked down.*see /sys",
        ),
        (errno.E2BIG, "", {}, "Argument list too long; use another source"),
    ],
)
def test_refusals_say_what_to_do(tmp_path, number, log, how, message):
    error = opening.refusal(BpfError(number, syscall.PROG_LOAD, log), running(tmp_path, **how))
    with pytest.raises(TargetError, match=message):
        raise error


def test_maps_are_locked_memory_on_old_kernels(tmp_path):
    error = opening.refusal(BpfError(errno.EPERM, syscall.MAP_CREATE), running(tmp_path))
    assert "ulimit -l 4096" in str(error)


@pytest.mark.parametrize(
    ("limits", "allowed", "expected"),
    [
        ((64, 64), True, (-1, -1)),
        ((64, 128), False, (128, 128)),
        ((128, 128), False, None),
        ((-1, -1), True, None),
    ],
)
def test_raising_the_limit_of_locked_memory(monkeypatch, limits, allowed, expected):
    now = [limits]

    def change(_, new):
        if new[1] == -1 and not allowed:
            raise ValueError("not allowed to raise maximum limit")
        now.append(new)

    monkeypatch.setattr("resource.getrlimit", lambda _: limits)
    monkeypatch.setattr("resource.setrlimit", change)
    assert syscall._raise_locked_memory() == (expected is not None)
    assert now[1:] == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("capabilities", "message"),
    [
        (0, r"not permitted: CAP_SYSLOG, CAP_PERFMON, CAP_BPF missing; run as root.*setpriv"),
        (SYSLOG | BPF, "not permitted: CAP_PERFMON missing"),
        (SYSLOG | PERFMON, "not permitted: CAP_BPF missing"),
        (BPF | PERFMON, "kallsyms: No such file"),
        (ROOT, "kallsyms: No such file"),
    ],
)
def test_what_is_missing_is_said_at_once(tmp_path, capabilities, message):
    with pytest.raises(TargetError, match=message):
        opening.open_live_bpf(running(tmp_path, capabilities))


def test_lockdown_integrity_is_not_in_the_way(tmp_path):
    error = opening.refusal(BpfError(errno.EINVAL, "x"), running(tmp_path, lockdown="integrity"))
    assert "locked down" not in str(error)


def test_symbols_that_are_functions_only(tmp_path):
    kernel = running(tmp_path)
    write(tmp_path, "proc/kallsyms", "ffffffff81000000 T _stext\n")
    with pytest.raises(MissingDataError, match=r"functions only.*--vmlinux FILE"):
        opening.open_live_bpf(kernel)


def test_a_kernel_without_btf(tmp_path):
    kernel = running(tmp_path)
    write(tmp_path, "proc/kallsyms", "ffffffff82000000 D init_task\n")
    with pytest.raises(MissingDataError, match="CONFIG_DEBUG_INFO_BTF=n"):
        opening.open_live_bpf(kernel)


@pytest.mark.parametrize("amount", ["0 kB", "1048576 kB"])
def test_memory_that_is_not_accepted_is_not_risked(tmp_path, amount):
    write(tmp_path, "proc/meminfo", f"MemTotal:       4000 kB\nUnaccepted:     {amount}\n")
    kernel = running(tmp_path)
    expected = "No such file" if amount == "0 kB" else "not accepted 1048576 kB of.*eager"
    with pytest.raises(TargetError, match=expected):
        opening.open_live_bpf(kernel)


def test_another_architecture(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    with pytest.raises(TargetError, match=r"bpf\(2\) on m68k.*expected 64-bit Python on x86_64"):
        syscall.SystemBpf()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SUDO_UID": "1000", "SUDO_GID": "100"}, (1000, 100)),
        ({"SUDO_UID": "0", "SUDO_GID": "0"}, (65534, 65534)),
        ({"SUDO_UID": "-1", "SUDO_GID": "x"}, (65534, 65534)),
        ({}, (65534, 65534)),
    ],
)
def test_who_root_becomes(monkeypatch, environment, expected):
    for name in ("SUDO_UID", "SUDO_GID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert privileges._next_user() == expected


@pytest.mark.parametrize(
    ("refused", "readable", "expected"),
    [
        (None, True, True),
        (None, False, False),
        ("setgroups", True, False),
        ("setegid", True, False),
        ("seteuid", True, False),
    ],
)
def test_root_stays_root_where_it_could_not_go_on(monkeypatch, refused, readable, expected):
    """Without CAP_SETUID or CAP_SETGID, or with modules that only root may read."""
    now = {"groups": [1, 2], "egid": 0, "euid": 0}

    def change(name):
        def set_(value):
            if name == refused and value not in (0, [1, 2]):
                raise PermissionError
            now[name.removeprefix("set")] = value

        return set_

    monkeypatch.setattr("os.getgroups", lambda: [1, 2])
    for name in ("setgroups", "setegid", "seteuid"):
        monkeypatch.setattr(f"os.{name}", change(name))
    monkeypatch.setattr("os.access", lambda *_, effective_ids: readable and now["euid"] == 7)
    assert privileges._can_go_on(7, 8) == expected
    assert now == {"groups": [1, 2], "egid": 0, "euid": 0}


def test_nothing_is_said_of_a_status_without_capabilities(tmp_path):
    write(tmp_path, "status", "Name:\tx\n")
    with pytest.raises(TargetError, match="no line CapEff"):
        privileges.missing(tmp_path / "status")


@pytest.mark.skipif(sys.platform != "linux", reason="bpf(2) is Linux's")
def test_the_real_bpf_refuses_what_makes_no_sense():
    bpf = syscall.SystemBpf()
    with pytest.raises(BpfError, match="BPF_MAP_CREATE") as caught:
        bpf.create_array(0)
    assert caught.value.errno in (errno.EINVAL, errno.EPERM, errno.ENOSYS)


class TwoLoads(syscall.SystemBpf):
    """Loading fails twice: without and with a buffer for the verifier's log."""

    def __init__(self, *numbers):
        super().__init__()
        self.numbers, self.tries = list(numbers), []

    def _call(self, command, attributes, name):
        self.tries.append(struct.unpack_from("=IIQ", attributes, 24))
        level, size, address = self.tries[-1]
        if level:
            ctypes.memmove(address, b"unknown func\n", min(size, 13))
        raise BpfError(self.numbers.pop(0), name)


def test_the_verifiers_words_come_with_the_first_error():
    bpf = TwoLoads(errno.EINVAL, errno.ENOSPC)
    with pytest.raises(BpfError, match="BPF_PROG_LOAD: Invalid argument") as caught:
        bpf.load(bytes(8))
    assert caught.value.log == "unknown func\n"
    assert [level for level, _, _ in bpf.tries] == [0, 1]


def test_a_load_that_is_not_permitted_is_not_tried_again():
    bpf = TwoLoads(errno.EPERM)
    with pytest.raises(BpfError, match="not permitted"):
        bpf.load(bytes(8))
    assert bpf.tries == [(0, 0, 0)]
