"""What is said where BPF cannot be had; and capabilities. The rest takes a kernel: tests/guests."""

from __future__ import annotations

import errno

import pytest

from btfdump._targets.via_bpf import opening
from btfdump._targets.via_bpf.syscall import BpfError
from btfdump.errors import MissingDataError, TargetError
from tests.support.capabilities import BPF, PERFMON, ROOT, SYSLOG, running, write


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
