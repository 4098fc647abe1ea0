"""The debug packages that the table of globals is made of, and those that it is measured on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sample_dumps.build.apt import private
from sample_dumps.build.kernels import vmlinux_of
from sample_dumps.build.packages import Pin

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class DebugPackage:
    """A kernel's package of Debian's, whose `-dbg` has a vmlinux with DWARF.

    `series` is "6.12", `architecture` Debian's name of it.
    """

    series: str
    architecture: str
    package: str
    version: str

    def vmlinux(self) -> Path:
        """Return the vmlinux with DWARF, which is fetched if the cache does not have it.

        Raises `PackageError`: another version would give another table.
        """
        return vmlinux_of(
            Pin(self.package, self.version, re.escape(self.package), private(self.architecture))
        )


def _cloud(series: str, release: str, version: str, architecture: str = "amd64") -> DebugPackage:
    package = f"linux-image-{release}-cloud-{architecture}"
    return DebugPackage(series, architecture, package, version)


def _generic(series: str, release: str, version: str, architecture: str = "amd64") -> DebugPackage:
    return DebugPackage(series, architecture, f"linux-image-{release}-{architecture}", version)


# Of 6.1 and 6.12 the first and the last that Debian has: within a series, types change too. It has
# no debug symbols of 6.18 any more. The generic kernels have more built in.
SOURCES = (
    _cloud("5.10", "5.10.0-43", "5.10.251-5"),
    _cloud("6.1", "6.1.0-47", "6.1.170-3"),
    _cloud("6.1", "6.1.0-56", "6.1.192-2"),
    _generic("6.1", "6.1.0-56", "6.1.192-2"),
    _cloud("6.12", "6.12.95+deb12", "6.12.95-1~bpo12+1"),
    _cloud("6.12", "6.12.117+deb13", "6.12.117-1"),
    _generic("6.12", "6.12.117+deb13", "6.12.117-1"),
    _cloud("7.2", "7.2.9+deb13", "7.2.9-1~bpo13+1"),
    _cloud("7.3", "7.3.4+deb13", "7.3.4-1~bpo13+1"),
    _cloud("6.1", "6.1.0-50", "6.1.176-1", "arm64"),
    _cloud("6.12", "6.12.95+deb12", "6.12.95-1~bpo12+1", "arm64"),
    _cloud("6.12", "6.12.117+deb13", "6.12.117-1", "arm64"),
    _generic("6.12", "6.12.107+deb13", "6.12.107-1", "s390x"),
)
"""In this order the table numbers them."""

HELD_OUT = (
    _cloud("6.1", "6.1.0-53", "6.1.187-1"),
    _generic("5.10", "5.10.0-43", "5.10.251-5"),
    _cloud("6.12", "6.12.107+deb13", "6.12.107-1", "arm64"),
)
"""Kernels that the table is not made of: another release, configuration, machine."""
