"""How containers are walked: with which element type, and what is told if there is none."""

from __future__ import annotations

import pytest

from btfdump.errors import CorruptDataError
from tests.support.synthetic import World


@pytest.mark.parametrize("pid", [0, 7])
def test_an_element_type_that_is_stated_on_a_condition(pid):
    """That there is a statement is not concealed where its condition does not hold."""
    world = World()
    world.struct("elem", [("link", "struct list_head")])
    tags = {"head": ("cond:pid", "elem:link")}
    world.struct("holder", [("pid", "int"), ("head", "struct list_head")], tags)
    address = world.new("holder", pid=pid)
    world.link_list(address + world.offset("holder.head"), [])
    head = world.kernel().value("struct holder", address).head
    if pid:
        assert list(head.walk_()) == []
        return
    stated = "its element type is stated only on a condition that is not met here: tag cond:"
    with pytest.raises(CorruptDataError, match=stated):
        list(head.walk_())
