"""apt as this machine has it, or with a configuration of its own for other suites and machines.

The kernels of the matrix come from suites that this machine does not use. Their lists, and what is
downloaded of them, are in a folder of the cache; nothing of the machine's apt is changed: neither
its sources, nor its lists, nor what it believes to be installed.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import cache

if TYPE_CHECKING:
    from pathlib import Path

SUITES = (
    "bullseye",
    "bullseye-backports",
    "bookworm",
    "bookworm-backports",
    "trixie",
    "trixie-backports",
    "forky",
    "sid",
    "experimental",
)
SECURITY = ("bullseye-security", "bookworm-security", "trixie-security")
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Apt:
    """Runs apt's commands, by the machine's configuration if `config` is None."""

    config: Path | None = None
    architecture: str = ""
    """That of `config`; "" for the machine's own."""

    @property
    def kept(self) -> int:
        """How many unpacked packages are kept: those of the matrix are many."""
        return cache.KEPT_VERSIONS if self.config is None else 64

    def command(self, *words: str) -> list[str]:
        """Return the command line of an apt command; `words` starts with its name."""
        if self.config is None:
            return list(words)
        return ["env", f"APT_CONFIG={self.config}", *words]

    def run(self, *words: str) -> str:
        """Return what an apt command prints, nothing if it fails."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""


MACHINE = Apt()


def private(architecture: str, *, update: bool = False) -> Apt:
    """Return apt for every suite of Debian's and one architecture ("amd64", "arm64", "s390x").

    The lists are fetched if there are none yet, or if `update` is set.
    """
    folder = cache.FOLDER / "apt" / architecture
    lists = folder / "state" / "lists"
    for inner in (lists / "partial", folder / "cache" / "archives" / "partial", folder / "none"):
        inner.mkdir(parents=True, exist_ok=True)
    _write(folder / "status", "")
    _write(folder / "sources.list", _sources(architecture))
    config = folder / "apt.conf"
    _write(config, _config(folder, architecture))
    apt = Apt(config, architecture)
    if update or not any(path.is_file() and path.name != "lock" for path in lists.iterdir()):
        # A suite that the mirror does not have fails alone; `suites` says which are there.
        subprocess.run(apt.command("apt-get", "-qq", "update"), capture_output=True, check=False)
    return apt


def _write(path: Path, text: str) -> None:
    """Write a file that does not have the text yet.

    Apt looks at the times: a new one of `status` costs it ten seconds of indexing its lists.
    """
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def suites(apt: Apt) -> dict[str, str]:
    """Return the suites whose lists apt has: by the name that it was asked for, its origin."""
    text = apt.run(
        "apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"
    )
    return dict(line.split(" ", 1) for line in text.splitlines())


def _sources(architecture: str) -> str:
    mirror = _mirror()
    security = re.sub(r"/debian/?$", "/debian-security", mirror)
    option = f"[arch={architecture} signed-by={KEYRING}]"
    places = [(mirror, suite) for suite in SUITES] + [(security, suite) for suite in SECURITY]
    return "".join(f"deb {option} {place} {suite} main\n" for place, suite in places)


def _mirror() -> str:
    """Return the mirror that this machine's apt is configured for."""
    text = MACHINE.run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    places = (line.rstrip("/") for line in text.splitlines())
    return next((place for place in places if place.endswith("/debian")), MIRROR)


def _config(folder: Path, architecture: str) -> str:
    """Return a configuration that shares with the machine's how to reach the network."""
    settings = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::main": "/dev/null",
        "Dir::Etc::parts": folder / "none",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "none",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": folder / "none",
        "APT::Architecture": architecture,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "true",
        # The lists of a suite that is no longer supported have expired, and are still the last.
        "Acquire::Check-Valid-Until": "false",
    }
    own = "".join(f'{name} "{value}";\n' for name, value in settings.items())
    reach = re.findall(
        r"^Acquire::(?:http|https|ftp)\S* .*$", MACHINE.run("apt-config", "dump"), re.M
    )
    return f'{own}APT::Architectures {{ "{architecture}"; }};\n' + "".join(
        f"{line}\n" for line in reach
    )
