"""Debian packages, fetched with apt-get and unpacked without being installed."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import cache
from .apt import MACHINE, Apt

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    apt: Apt = MACHINE
    """Where it comes from."""


def find(pin: Pin) -> Pin:
    """Return the pin, or the newest package of its family if Debian no longer has it (said)."""
    unpacked = cache.FOLDER / _place(pin) / _key(pin)
    if unpacked.exists() or pin.version in _versions(pin.apt, pin.name):
        return pin
    names = pin.apt.run("apt-cache", "search", "--names-only", pin.family).splitlines()
    candidates = [
        (version, name)
        for name in (line.split(" ", 1)[0] for line in names)
        if re.fullmatch(pin.family, name)
        for version in _versions(pin.apt, name)
    ]
    if not candidates:
        raise PackageError(f"no package {pin.family} in apt's lists: try `apt-get update`")
    newest = candidates[0]
    for candidate in candidates[1:]:
        if _is_newer(candidate[0], newest[0]):
            newest = candidate
    chosen = replace(pin, name=newest[1], version=newest[0])
    print(
        f"{pin.name} {pin.version} is gone from Debian; using {chosen.name} {chosen.version}",
        file=sys.stderr,
    )
    return chosen


def newest(names: Sequence[str], apt: Apt, suite: str) -> dict[str, Pin]:
    """Return the package that a suite has under each of the names; raises PackageError."""
    found: dict[str, Pin] = {}
    for line in apt.run("apt-cache", "madison", *names).splitlines():
        package, version, origin = (field.strip() for field in line.split("|"))
        if f" {suite}/" in origin:
            found.setdefault(package, Pin(package, version, re.escape(package), apt))
    for name in names:
        if name not in found:
            raise PackageError(f"no package {name} in {suite}: try `apt-get update`")
    return {name: found[name] for name in names}


def unpack(pin: Pin, member: str = ".") -> Path:
    """Return a folder with the package's files, or with those that match `member`.

    That is a path below which all files are meant, as in ./usr/lib, or a pattern of the shell.
    """

    def extract(into: Path) -> None:
        into.mkdir()
        deb = _download(pin, into)
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE
        ) as contents:
            subprocess.run(
                ["tar", "x", "-C", into, "--wildcards", member], stdin=contents.stdout, check=True
            )
        if contents.returncode:
            raise PackageError(f"dpkg-deb cannot unpack {pin.name} {pin.version}")
        deb.unlink()

    return cache.keep(_place(pin), _key(pin), extract, versions=pin.apt.kept)


def _download(pin: Pin, into: Path) -> Path:
    command = pin.apt.command("apt-get", "download", "--quiet", f"{pin.name}={pin.version}")
    done = subprocess.run(command, cwd=into, capture_output=True, text=True, check=False)
    if done.returncode:
        # Apt's first complaint: others repeat it. The command has paths of this machine in it.
        said = done.stderr.strip().partition("\n")[0]
        raise PackageError(
            f"cannot download {pin.name} {pin.version}: {said}; apt's lists may be old: "
            "`apt-get update`, or `kernels --update`"
        )
    return next(into.glob("*.deb"))


def _place(pin: Pin) -> str:
    """Return the folder of the cache for what is unpacked of one architecture's packages."""
    return "-".join(filter(None, ("unpacked", pin.apt.architecture)))


def _key(pin: Pin) -> str:
    return f"{pin.name}_{pin.version}"


def _versions(apt: Apt, name: str) -> list[str]:
    lines = apt.run("apt-cache", "madison", name).splitlines()
    fields = (line.split("|") for line in lines)
    return [row[1].strip() for row in fields if len(row) == 3 and row[0].strip() == name]


def _is_newer(one: str, other: str) -> bool:
    command = ["dpkg", "--compare-versions", one, "gt", other]
    return subprocess.run(command, check=False).returncode == 0
