"""Guests that run Debian's kernels; skipped, with the reason, where QEMU is not installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import kernels, programs
from sample_dumps.build.guest import Guest
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from sample_dumps.build.kernels import KernelFiles

# Set where these tests must run: what is missing then is a failure.
REQUIRED = "BTFDUMP_REQUIRE_GUESTS"


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], NoReturn]:
    """Return what to call, with the reason, when this machine cannot have a guest."""
    return _unavailable


@pytest.fixture(scope="session")
def guest_tools() -> None:
    """Skip when this machine cannot run guests."""
    missing = programs.missing_packages()
    if missing:
        _unavailable(f"guests need more of Debian: apt-get install {' '.join(missing)}")


@pytest.fixture(scope="session", params=sorted(kernels.DEBIAN))
def guest_kernel(request: pytest.FixtureRequest, guest_tools: None) -> KernelFiles:
    """Return each kernel that guests boot, downloaded once."""
    try:
        return kernels.debian(request.param)
    except PackageError as error:
        _unavailable(str(error))


@pytest.fixture(scope="session")
def guest(guest_kernel: KernelFiles) -> Iterator[Guest]:
    """Boot each kernel once for all tests: leave it running, and as it was."""
    with Guest(guest_kernel) as running:
        yield running


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED):
        pytest.fail(reason)
    pytest.skip(reason)
