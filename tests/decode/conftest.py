"""Builders in either byte order."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._btf import BtfBuilder


@pytest.fixture(params=["little", "big"])
def order(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def b(order) -> BtfBuilder:
    return BtfBuilder(order)
