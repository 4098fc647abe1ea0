"""Modes and devices."""

from __future__ import annotations

import pytest

from btfdump._meaning.files import device, mode, permissions


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0o020600, "character device rw-------"),
        (0o100644, "regular file rw-r--r--"),
        (0o041777, "directory rwxrwxrwt"),
        (0o104755, "regular file rwsr-xr-x"),
        (0o755, "rwxr-xr-x"),
        (0o170000, ""),  # no such kind
        (1 << 16, ""),
        (-1, ""),
    ],
)
def test_modes(value: int, text: str) -> None:
    assert mode(value) == text


def test_permissions_that_cannot_be_used() -> None:
    assert permissions(0o7000) == "--S--S--T"


def test_devices() -> None:
    assert device(5 << 20 | 1) == "5:1"
    assert device(0) == ""
