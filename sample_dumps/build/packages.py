"""Debian packages, fetched with apt-get and unpacked without being installed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import cache

if TYPE_CHECKING:
    from pathlib import Path


class PackageError(Exception):
    """A package cannot be had; the message names the command that helps."""


@dataclass(frozen=True)
class Pin:
    """The package of one version, and the names that may stand in when Debian has dropped it."""

    name: str
    version: str
    family: str
    """Regular expression over package names."""


def find(pin: Pin) -> Pin:
    """Return the pin, or the newest package of its family if Debian no longer has it (said)."""
    unpacked = cache.FOLDER / "unpacked" / _key(pin)
    if unpacked.exists() or pin.version in _versions(pin.name):
        return pin
    names = _run("apt-cache", "search", "--names-only", pin.family).splitlines()
    candidates = [
        (version, name)
        for name in (line.split(" ", 1)[0] for line in names)
        if re.fullmatch(pin.family, name)
        for version in _versions(name)
    ]
    if not candidates:
        raise PackageError(f"no package {pin.family} in apt's lists: try `apt-get update`")
    newest = candidates[0]
    for candidate in candidates[1:]:
        if _is_newer(candidate[0], newest[0]):
            newest = candidate
    chosen = Pin(newest[1], newest[0], pin.family)
    print(
        f"{pin.name} {pin.version} is gone from Debian; using {chosen.name} {chosen.version}",
        file=sys.stderr,
    )
    return chosen


def unpack(pin: Pin, member: str = ".") -> Path:
    """Return a folder with the package's files, or with those below `member` (as in ./usr/lib)."""

    def extract(into: Path) -> None:
        into.mkdir()
        deb = _download(pin, into)
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
        ) as contents:
            subprocess.run(["tar", "x", "-C", into, member], stdin=contents.stdout, check=True)
        if contents.returncode:
            raise PackageError(f"dpkg-deb cannot unpack {pin.name} {pin.version}")
        deb.unlink()

    return cache.keep("unpacked", _key(pin), extract)


def _download(pin: Pin, into: Path) -> Path:
    command = ["apt-get", "download", "--quiet", f"{pin.name}={pin.version}"]
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"{' '.join(command)}: {done.stderr.strip()}")
    return next(into.glob("*.deb"))


def _key(pin: Pin) -> str:
    return f"{pin.name}_{pin.version}"


def _versions(name: str) -> list[str]:
    lines = _run("apt-cache", "madison", name).splitlines()
    fields = (line.split("|") for line in lines)
    return [row[1].strip() for row in fields if len(row) == 3 and row[0].strip() == name]


def _is_newer(one: str, other: str) -> bool:
    command = ["dpkg", "--compare-versions", one, "gt", other]
    return subprocess.run(command, check=False).returncode == 0


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
