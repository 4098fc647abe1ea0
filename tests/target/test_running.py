"""What /proc and /sys of a running kernel say, and what is said of what they hide."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from btfdump.errors import MissingDataError, TargetError
from btfdump.targets import sources
from btfdump.targets.proc_kallsyms import ProcKallsyms
from btfdump.targets.running import RunningKernel

NOBODY = 65534
SYMBOLS = b"""\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t helper
ffffffff81000200 T helper
ffffffff81000200 T __helper
ffffffff82000000 D init_task
ffffffff82001000 b twice
ffffffff82002000 b twice
ffffffff83000000 B _end
ffffffffc0000000 t init_module\t[some]
ffffffffc0000000 D init_task\t[some]
"""


@pytest.fixture
def running(tmp_path):
    for folder in ("proc/sys/kernel", "sys/kernel/security", "sys/kernel/btf"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path
    while path != Path("/tmp") and path != path.parent:  # so that nobody gets this far
        path.chmod(path.stat().st_mode | 0o011)
        path = path.parent
    return RunningKernel(tmp_path)


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


def write(running, path, data):
    (running.root / path).write_bytes(data)


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


@pytest.mark.parametrize(
    ("restrict", "remedy"), [(0, "run as root, or with CAP_SYSLOG"), (2, "kernel.kptr_restrict=1")]
)
def test_hidden_symbols(running, restrict, remedy):
    hidden = b"\n".join(b"0" * 16 + line[16:] for line in SYMBOLS.splitlines())
    write(running, "proc/kallsyms", hidden)
    write(running, "proc/sys/kernel/kptr_restrict", b"%d\n" % restrict)
    with pytest.raises(
        MissingDataError, match=f"hides the addresses.*kptr_restrict={restrict}.*{remedy}"
    ):
        running.kallsyms()


def test_no_kallsyms(running):
    with pytest.raises(MissingDataError, match=r"kallsyms: No such file.*--vmlinux"):
        running.kallsyms()


def test_sysfs_btf(running):
    assert running.btf() is None
    write(running, "sys/kernel/btf/vmlinux", b"types")
    write(running, "sys/kernel/btf/some", b"more")
    assert running.btf() == b"types"
    assert running.module_btf("some") == b"more"
    assert running.module_btf("other") is None
    assert running.module_btf("../../../../etc/passwd") is None


def test_names_and_addresses():
    table = ProcKallsyms(SYMBOLS)
    assert table.has_addresses
    assert table.find("init_task") == 0xFFFFFFFF82000000  # not the module's
    assert table.find("helper") == 0xFFFFFFFF81000200  # the global one
    assert table.find("twice") == 0xFFFFFFFF82001000  # the lower one
    assert table.find("init_module") is None
    assert table.extent("init_task") == 0x1000
    assert table.extent("nosuch") == 0
    assert table.extent("_end") == 0
    assert table.nearest(0xFFFFFFFF81000208) == ("helper", 8)
    assert table.nearest(0xFFFFFFFF80FFFFFF) is None
    assert table.nearest(0xFFFFFFFF83000000) is None


def test_this_machine():
    """Whatever runs here: its /proc and /sys are read, or what is in the way is said."""
    running = RunningKernel()
    assert running.release == os.uname().release
    with suppress(MissingDataError):  # hidden from us
        assert running.kallsyms().find("_stext")
