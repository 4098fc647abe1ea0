"""What /proc and /sys of a running kernel say, and what is said of what they hide."""

import os
from contextlib import contextmanager, suppress

import pytest

from btfdump._targets import sources
from btfdump._targets.running import RunningKernel
from btfdump.errors import MissingDataError, TargetError
from tests.support.proc_files import write

NOBODY = 65534


@contextmanager
def unprivileged():
    """Be nobody, if we are root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_kcore(running):
    with pytest.raises(MissingDataError, match=r"there is no .*CONFIG_PROC_KCORE=n.* vmcore"):
        running.check_kcore()


def test_masked_kcore(running):
    write(running, "proc/kcore", b"")  # container runtimes mount /dev/null over it
    with pytest.raises(MissingDataError, match=r"is masked, as containers do.*on the host"):
        running.check_kcore()


def test_kcore_without_root(running):
    write(running, "proc/kcore", b"\x7fELF")
    running.kcore.chmod(0)
    with unprivileged(), pytest.raises(TargetError, match="only root may read it; run as root"):
        running.check_kcore()


def test_locked_down(running):
    write(running, "proc/kcore", b"\x7fELF")
    write(running, "sys/kernel/security/lockdown", b"none integrity [confidentiality]\n")
    running.kcore.chmod(0)
    with unprivileged(), pytest.raises(TargetError, match=r"locked down \(confidentiality\)"):
        running.check_kcore()


@pytest.mark.parametrize("mode", ["none", "integrity", "confidentiality"])
def test_lockdown_mode(running, mode):
    text = "none integrity confidentiality".replace(mode, f"[{mode}]")
    write(running, "sys/kernel/security/lockdown", text.encode())
    assert running.lockdown == mode


def test_no_lockdown_at_all(running):
    assert running.lockdown == "none"


def test_good_kcore_is_not_complained_of(running):
    write(running, "proc/kcore", b"\x7fELF")
    running.check_kcore()


def test_drgn_is_not_believed_blindly(running):
    write(running, "proc/kcore", b"\x7fELF and nothing else")
    with pytest.raises(TargetError, match="kcore: drgn cannot open it: "):
        sources.open_live("kcore", running=running)


def test_unknown_source():
    with pytest.raises(ValueError, match=r"no source 'telepathy'; there are kcore"):
        sources.open_live("telepathy")


def test_sysfs_btf(running):
    assert running.btf() is None
    write(running, "sys/kernel/btf/vmlinux", b"types")
    write(running, "sys/kernel/btf/some", b"more")
    assert running.btf() == b"types"
    assert running.module_btf("some") == b"more"
    assert running.module_btf("other") is None
    assert running.module_btf("../../../../etc/passwd") is None


def test_this_machine():
    """Whatever runs here: its /proc and /sys are read, or what is in the way is said."""
    running = RunningKernel()
    assert running.release == os.uname().release
    with suppress(MissingDataError):  # hidden from us
        assert running.kallsyms().find("_stext")
