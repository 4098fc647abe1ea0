"""apt with a configuration of its own: every suite, one architecture, nothing of the machine's."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import cache, packages
from sample_dumps.build.apt import MACHINE, Apt, private
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from pathlib import Path

INDEX = """\
 busybox | 1:1.37-1 | http://deb.debian.org/debian trixie/main arm64 Packages
 busybox | 1:1.35-4 | http://deb.debian.org/debian bookworm/main arm64 Packages
"""


@pytest.fixture
def commands(monkeypatch, tmp_path) -> list[list[str]]:
    """Return the commands that were run; each prints what a mirror of Debian's would make it."""
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(list(command))
        says = {
            "indextargets": "http://mirror.example/debian-security/\nhttp://mirror.example/debian/\n",
            "dump": 'APT::Architecture "amd64";\nAcquire::http::Proxy "http://proxy:3142";\n',
            "madison": INDEX,
        }
        found = [text for word, text in says.items() if word in command]
        return subprocess.CompletedProcess(command, 0, "".join(found), "")

    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_everything_is_in_a_folder_of_its_own(commands, tmp_path: Path):
    config = private("arm64").config
    assert config is not None
    places = re.findall(r'^Dir::\S+ "(.*)";$', config.read_text(), re.MULTILINE)
    assert len(places) >= 8
    assert all(place == "/dev/null" or place.startswith(str(tmp_path)) for place in places)
    for name in ("State", "State::status", "Cache", "Etc::sourcelist", "Etc::sourceparts"):
        assert f"Dir::{name} " in config.read_text()


def test_the_mirror_and_the_proxy_are_those_of_the_machine(commands):
    config = private("arm64").config
    assert config is not None
    assert 'Acquire::http::Proxy "http://proxy:3142";\n' in config.read_text()
    assert 'APT::Architecture "arm64";\n' in config.read_text()
    sources = config.with_name("sources.list").read_text()
    assert "http://mirror.example/debian trixie-backports main\n" in sources
    assert "http://mirror.example/debian-security bullseye-security main\n" in sources
    assert all("[arch=arm64 signed-by=" in line for line in sources.splitlines())


def test_lists_are_fetched_once_and_when_asked_for(commands):
    def updates() -> int:
        return sum("update" in command for command in commands)

    config = private("arm64").config
    assert config is not None
    assert updates() == 1
    (config.parent / "state/lists/mirror_dists_trixie_Packages").touch()
    private("arm64")
    assert updates() == 1
    private("arm64", update=True)
    assert updates() == 2


def test_nothing_is_written_again(commands):
    """What is newer than apt's index of its lists makes it index them again: ten seconds."""
    config = private("arm64").config
    assert config is not None
    written = [config, config.with_name("sources.list"), config.with_name("status")]
    for file in written:
        os.utime(file, (1, 1))
    private("arm64")
    assert [file.stat().st_mtime for file in written] == [1, 1, 1]
    config.write_text("")
    private("arm64")
    assert "APT::Architecture" in config.read_text()


def test_commands_name_the_configuration_and_those_of_the_machine_do_not(tmp_path: Path):
    assert Apt(tmp_path).command("apt-get", "update") == [
        *("env", f"APT_CONFIG={tmp_path}", "apt-get", "update")
    ]
    assert MACHINE.command("apt-get", "update") == ["apt-get", "update"]


def test_the_newest_package_of_one_suite(commands, tmp_path: Path):
    found = packages.newest(["busybox"], Apt(tmp_path, "arm64"), "bookworm")["busybox"]
    assert (found.name, found.version) == ("busybox", "1:1.35-4")
    with pytest.raises(PackageError, match="no package busybox in sid"):
        packages.newest(["busybox"], Apt(tmp_path, "arm64"), "sid")


def test_apt_is_asked_once_for_many_packages(commands, tmp_path: Path):
    with pytest.raises(PackageError, match="no package toybox in bookworm"):
        packages.newest(["busybox", "toybox"], Apt(tmp_path), "bookworm")
    assert [command[2:] for command in commands] == [["apt-cache", "madison", "busybox", "toybox"]]
