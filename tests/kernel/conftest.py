"""An item with a member of every kind, in each byte order and word size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.items import full_item, world_of_items

if TYPE_CHECKING:
    from btfdump._kernel.value import Value
    from tests.support.synthetic import World


@pytest.fixture(params=[("little", 8), ("big", 8), ("little", 4), ("big", 4)], ids=str)
def world(request: pytest.FixtureRequest) -> World:
    return world_of_items(*request.param)


@pytest.fixture
def item(world: World) -> Value:
    return full_item(world)
