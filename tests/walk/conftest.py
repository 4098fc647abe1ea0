"""Every walker is tested in either byte order and pointer size."""

from __future__ import annotations

import pytest

from tests.support.containers import PLATFORMS


@pytest.fixture(params=PLATFORMS, ids=str)
def platform(request: pytest.FixtureRequest) -> tuple[str, int]:
    return request.param
