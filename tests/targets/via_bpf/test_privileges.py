"""Which capabilities are missing, and who root becomes."""

from __future__ import annotations

import pytest

from btfdump._targets.via_bpf import privileges
from btfdump.errors import TargetError
from tests.support.capabilities import ADMIN, BPF, PERFMON, ROOT, SYSLOG, running, write


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
