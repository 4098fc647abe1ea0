"""A holder of 300 items, of which most are not shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.many_items import many_items

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


@pytest.fixture
def value() -> Value:
    return many_items()
