"""The kernels of the matrix: packages of Debian's suites, pinned by version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sample_dumps.build.apt import private
from sample_dumps.build.machines import MACHINES
from sample_dumps.build.packages import Pin

if TYPE_CHECKING:
    from sample_dumps.build.machines import Machine

# What package names consist of, with the versions of November 2026. The debug symbols of 5.10 that
# are newer are listed by the mirror, which does not have them.
_SERIES = {
    "5.10": ("5.10.0-43", "5.10.251-5"),
    "6.1": ("6.1.0-56", "6.1.192-2"),
    "6.12": ("6.12.117+deb13", "6.12.117-1"),
    "6.18": ("6.18.15+deb13", "6.18.15-1~bpo13+1"),
    "7.3": ("7.3.4+deb13", "7.3.4-1~bpo13+1"),
}
# The mirror lists a newer one of s390x, and does not have it.
_S390X = {"6.12": ("6.12.107+deb13", "6.12.107-1")}
_FAMILY = r"(?:\.\d+)?(?:-\d+|\+deb\d+(?:\.\d+)?)?"


@dataclass(frozen=True)
class Entry:
    """One kernel of the matrix."""

    name: str
    machine: Machine
    package: str
    version: str
    family: str
    without_dwarf: str
    """Why its DWARF is not looked at; "" if it is."""
    memory_mib: int
    needs_vmlinux: bool = False
    """Whether the dump lacks symbols: VMCOREINFO leads to those of the kernel since Linux 6.0."""

    @property
    def pin(self) -> Pin:
        """The package; apt's lists of its architecture are fetched when this is first asked for."""
        return Pin(self.package, self.version, self.family, private(self.machine.architecture))


def _entry(series: str, flavour: str = "cloud", architecture: str = "amd64") -> Entry:
    versions = _SERIES | _S390X if architecture == "s390x" else _SERIES
    release, version = versions[series]
    middle = "" if flavour == "generic" else f"{flavour}-"
    name = series if flavour == "cloud" else f"{series}-{flavour}"
    if architecture != "amd64":
        name = f"{series}-{architecture}"
    return Entry(
        name,
        MACHINES[architecture],
        f"linux-image-{release}-{middle}{architecture}",
        version,
        rf"linux-image-{re.escape(series)}{_FAMILY}-{middle}{architecture}",
        without_dwarf=_without_dwarf(series, flavour, architecture),
        memory_mib=512 if flavour == "cloud" else 1024,
        needs_vmlinux=series == "5.10",
    )


def _without_dwarf(series: str, flavour: str, architecture: str) -> str:
    if series == "6.18":
        return "Debian's mirror has none of it"
    # Those of cloud kernels and of s390x are downloads of 300 MB. The dump of a 5.10 lacks symbols.
    if flavour == "cloud" or architecture == "s390x" or series == "5.10":
        return ""
    return "a download of 1 GB; the cloud kernel of the same source is compared"


ENTRIES = (
    *(_entry(series) for series in _SERIES),
    *(_entry(series, "generic") for series in _SERIES),
    *(_entry(series, "rt") for series in ("6.1", "6.12")),
    _entry("6.12", "cloud", "arm64"),
    _entry("6.12", "generic", "s390x"),
)
BY_NAME = {entry.name: entry for entry in ENTRIES}
