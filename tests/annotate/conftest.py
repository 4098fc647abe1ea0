"""The small kernel that most tests of annotations start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.annotated import small_world

if TYPE_CHECKING:
    from tests.support.synthetic import World


@pytest.fixture
def world() -> World:
    return small_world()
