"""Kernels: types, symbols, objects by name and by address, and when they are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._api.kernel import Kernel
from btfdump.errors import (
    ExpressionError,
    SymbolNotFoundError,
    TypeNotFoundError,
)
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


def test_kernel(item, world):
    kernel = item._context_
    assert isinstance(kernel, Kernel)
    assert kernel.release == "6.0-test"
    assert repr(kernel) == "<Kernel 6.0-test: buffer>"
    assert int(kernel["counter"]) == -1
    assert int(kernel.value("struct item *", item.next.address_).id) == 2
    assert [int(v) for v in kernel.value("s16[4]", item.numbers.address_)] == [-1, 2, -3, 4]
    with pytest.raises(SymbolNotFoundError):
        kernel["none"]
    with pytest.raises(ExpressionError, match="the type of first"):
        kernel["first"]
    with pytest.raises(TypeNotFoundError, match="no struct none"):
        kernel.value("struct none", 0)
    with pytest.raises(TypeNotFoundError, match="there is a struct item"):
        kernel.value("item", 0)
    for wrong in ("", "struct", "3", "struct item []]", "int; drop"):
        with pytest.raises((ExpressionError, TypeNotFoundError)):
            kernel.value(wrong, 0)
    with kernel as same:
        assert same is kernel
