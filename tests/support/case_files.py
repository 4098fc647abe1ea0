"""The files under tests/data/cases: BTF of real kernels, malformed BTF, recorded outputs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import zstandard

CASES = Path(__file__).resolve().parents[1] / "data" / "cases"
KERNELS = ("vmlinux-6.1", "vmlinux-6.12-custom")
"""Whose BTF is there, of x86-64. The second has types that were made for testing, some corrupt."""


@cache
def read_case(name: str) -> bytes:
    """Return the content of a compressed file."""
    with (CASES / name).open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as out:
        return out.read()


def read_btf(kernel: str) -> bytes:
    """Return the BTF of one of KERNELS."""
    return read_case(f"{kernel}.btf.zst")
