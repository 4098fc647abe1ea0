"""The small kernel that most tests of annotations start from."""

from __future__ import annotations

import pytest

from tests.support.synthetic import World


@pytest.fixture
def world() -> World:
    world = World()
    world.struct("wrap", [("x", "int"), ("inner", "struct list_head")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("one", "struct list_head"),
            ("two", "struct list_head"),
            ("hash", "struct hlist_node"),
            ("deep", "struct wrap"),
        ],
    )
    return world
