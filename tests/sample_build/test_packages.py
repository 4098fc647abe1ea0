"""A package that Debian has dropped is replaced by the newest of its series, and that is said."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

from sample_dumps.build import cache, packages
from sample_dumps.build.apt import Apt
from sample_dumps.build.packages import PackageError, Pin

PIN = Pin("linux-image-6.1.0-50-cloud", "6.1.100-1", r"linux-image-6\.1\.0-\d+-cloud")
SERIES = {
    "linux-image-6.1.0-9-cloud": "6.1.9-1",
    "linux-image-6.1.0-55-cloud": "6.1.192-1",
    "linux-image-6.1.0-55-cloud-dbg": "6.1.192-1",
    "linux-image-6.1.0-60-cloud": "6.1.99-1",
}


@pytest.fixture
def archive(monkeypatch, tmp_path) -> dict[str, str]:
    """Return package -> version: what Debian has."""
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    has = dict(SERIES)

    def run(_: Apt, *command: str) -> str:
        if command[:2] == ("apt-cache", "search"):
            return "".join(f"{name} - a kernel\n" for name in has)
        assert command[:2] == ("apt-cache", "madison")
        version = has.get(command[2])
        return f" {command[2]} | {version} | http://deb.debian.org\n" if version else ""

    monkeypatch.setattr(Apt, "run", run)
    return has


def test_the_pinned_version_is_taken_when_it_is_there(archive, capsys):
    archive[PIN.name] = PIN.version
    assert packages.find(PIN) == PIN
    assert capsys.readouterr().err == ""


def test_the_newest_of_the_series_stands_in(archive, capsys):
    assert packages.find(PIN) == Pin("linux-image-6.1.0-55-cloud", "6.1.192-1", PIN.family)
    assert "is gone from Debian; using linux-image-6.1.0-55-cloud" in capsys.readouterr().err


def test_another_version_of_the_pinned_package_is_not_it(archive):
    archive[PIN.name] = "6.1.300-1"
    assert packages.find(PIN).version == "6.1.300-1"


def test_no_package_at_all_is_an_error(archive):
    archive.clear()
    with pytest.raises(PackageError, match="apt-get update"):
        packages.find(PIN)


def test_a_download_that_fails_names_no_path_of_this_machine(archive, monkeypatch, tmp_path):
    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[:2] == ["env", f"APT_CONFIG={tmp_path}/apt.conf"]
        said = f"E: Unable to locate package {PIN.name}\nE: Couldn't find any package by glob"
        return subprocess.CompletedProcess(command, 100, "", said)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(PackageError) as caught:
        packages.unpack(replace(PIN, apt=Apt(tmp_path / "apt.conf", "amd64")))
    said = f"cannot download {PIN.name} 6.1.100-1: E: Unable to locate package {PIN.name}; apt"
    assert str(caught.value).startswith(said)
    assert str(tmp_path) not in str(caught.value)
