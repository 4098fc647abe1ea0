"""Kernels: types, symbols, objects by name and by address, and when they are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.kernel import Kernel
from btfdump._kernel.value_at import value_at
from btfdump.errors import (
    ExpressionError,
    ObjectNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)
from tests.support.items import full_item, world_of_items
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.value import Value
    from btfdump._render import Format


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


@pytest.mark.parametrize(
    ("format_", "shown"),
    [
        ("text", '.name = (char *){at:#x}, /* "" */'),
        ("tree", '{at:#x} ""  char *'),
        ("json", '"symbol": "words+0x8", "string": ""'),
    ],
)
def test_an_empty_string_is_a_string(format_: Format, shown: str) -> None:
    """What is named after the symbol before it would be some other variable."""
    world = World()
    world.struct("item", [("id", "int"), ("name", "char *")])
    words = world.symbols["words"] = world.room(16)
    world.write(words, b"a word\0\0\0")
    address = world.new("item", id=1, name=words + 8)
    kernel = world.kernel()
    text = " ".join("".join(kernel.dump(value_at(kernel, "struct item", address), format_)).split())
    shown = " ".join(shown.split())
    assert shown.format(at=words + 8) in text


def test_arguments_of_another_kind(opened: Callable[[str], Kernel]) -> None:
    kernel: Any = opened("tagged")
    struct = "struct task_struct"
    for call, message in (
        (lambda: kernel.task("1"), r"a pid is an int, not str '1'"),
        (lambda: kernel.task(1.0), r"a pid is an int, not float 1\.0"),
        (lambda: kernel.value(struct, 1.5), r"an address is an int, not float 1\.5"),
        (lambda: kernel.value(struct, "init_task"), r"an address is an int, not str 'init_task'"),
        (lambda: kernel.value(struct, None), r"an address is an int, not NoneType"),
        (lambda: kernel.value(5, 5), r"a C type is a str, not int 5"),
        (lambda: kernel[5], r"the name of a symbol is a str, not int 5"),
        (lambda: kernel.symbol(b"init_task"), r"the name of a symbol is a str, not bytes b'init_t"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_numbers_out_of_range(world: World, item: Value) -> None:
    """A negative address was reduced to the width of a pointer, and read."""
    kernel = item._context_
    assert isinstance(kernel, Kernel)
    end = 1 << 8 * world.pointer_size
    for address in (-1, end, -end, 10**6000):
        with pytest.raises(ValueError, match=r"^address .* does not fit into a pointer: expected"):
            kernel.value("struct item", address)
    assert kernel.value("struct item", end - 1).address_ == end - 1
    assert kernel.value("struct item", item.next).address_ == item.next.value_()  # type: ignore[arg-type]


def test_a_negative_pid(opened: Callable[[str], Kernel]) -> None:
    with pytest.raises(ObjectNotFoundError, match="no task has pid -1: expected a number from 0"):
        opened("tagged").task(-1)
