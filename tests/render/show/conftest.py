"""Some scalars, in each byte order."""

from __future__ import annotations

import pytest

from tests.support.snprintf_types import Types


@pytest.fixture(params=["little", "big"])
def t(request: pytest.FixtureRequest) -> Types:
    return Types(request.param)
