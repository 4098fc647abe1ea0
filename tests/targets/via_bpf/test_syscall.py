"""bpf(2): what a refusal means, and what it takes to load a program."""

from __future__ import annotations

import ctypes
import errno
import struct
import sys

import pytest

from btfdump._targets.via_bpf import opening, syscall
from btfdump._targets.via_bpf.syscall import BpfError
from btfdump.errors import TargetError
from tests.support.capabilities import running


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


def test_another_architecture(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "m68k")
    with pytest.raises(TargetError, match=r"bpf\(2\) on m68k.*expected 64-bit Python on x86_64"):
        syscall.SystemBpf()


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
