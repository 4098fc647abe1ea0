"""Member paths: through pointers and containers, checked against types alone."""

from __future__ import annotations

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._decode.paths import split_path
from btfdump._kernel.paths import check_path
from btfdump.errors import MemberNotFoundError
from tests.support.synthetic import World


def test_members_under_a_condition():
    world = World()
    world.struct("apple", [("core", "u32"), ("link", "struct list_head")])
    world.struct("pear", [("stem", "u32"), ("link", "struct list_head")])
    world.struct("basket", [("kind", "u32"), ("fruit", "struct list_head")])
    tags = '[["cond:kind", "apple:link"], ["pear:link"]]'
    overlay = Overlay(f'[struct.basket]\nfruit = {{ tag = {tags}, see = "x" }}\n', "overlay")
    kernel = world.kernel([overlay])
    value = kernel.value("struct basket", world.new("basket", kind=1))
    check_path(value, ("fruit", "core"))
    check_path(value, ("fruit", "stem"))
    with pytest.raises(MemberNotFoundError, match="no member 'nope'"):
        check_path(value, ("fruit", "nope"))


def test_what_a_path_leads_through(item):
    for path in (
        ("inner", "y"),
        ("raw",),  # of an anonymous union
        ("next", "next", "inner", "x"),  # NULL in memory: types alone tell
        ("grid", "y"),
        ("items", "next", "id"),
        ("list", "id"),  # through a container to what it holds
        ("list", "next", "list", "inner"),
    ):
        check_path(item, path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("nope",), "struct item has no member 'nope'"),
        (("inner", "z"), "struct inner has no member 'z'"),
        (("next", "nope"), "struct item has no member 'nope'"),
        (("list", "next", "prev"), "struct item has no member 'prev'"),
        (("id", "x"), r"id\.x: int leads to no struct: no member 'x'"),
        (("text", "x"), "leads to no struct"),
        (("call", "x"), "leads to no struct"),
    ],
)
def test_where_it_leads_nowhere(item, path, message):
    with pytest.raises(MemberNotFoundError, match=message):
        check_path(item, path)


def test_nothing_is_read(item, world):
    world.target.unmap(item.address_, item.size_)
    value = item._context_.value("struct item", item.address_)
    check_path(value, ("list", "next", "inner", "x"))


@pytest.mark.parametrize("path", ["mm.", "mm.mm_mt.vm_file.", ".pid"])
def test_a_name_is_missing(opened, path):
    with pytest.raises(MemberNotFoundError, match="no member ''"):
        check_path(opened("tagged").task(1), split_path(path))
