"""Guests that run Debian's kernels; skipped, with the reason, where QEMU is not installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import kernels, programs
from sample_dumps.build.guest import Guest

if TYPE_CHECKING:
    from collections.abc import Iterator

# Set where these tests must run: what is missing then is a failure.
REQUIRED = "BTFDUMP_REQUIRE_GUESTS"


@pytest.fixture(scope="session")
def guest_tools() -> None:
    """Skip when this machine cannot run guests."""
    missing = programs.missing_packages()
    if not missing:
        return
    reason = f"guests need more of Debian: apt-get install {' '.join(missing)}"
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session", params=sorted(kernels.DEBIAN))
def guest(request: pytest.FixtureRequest, guest_tools: None) -> Iterator[Guest]:
    """Boot each kernel once for all tests: leave it running, and as it was."""
    with Guest.boot(request.param) as running:
        yield running
