"""What is said of symbols that have no type: functions, scalars, lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump.errors import ExpressionError
from tests.support.loaded_modules import load
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


def said(kernel: Kernel, name: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        kernel[name]
    return str(caught.value)


@pytest.fixture
def world() -> World:
    """A kernel whose variables follow on each other without a gap."""
    world = World()
    start = world.room(256)
    world.link_list(start + 64, [])
    for name, offset in (
        ("flag", 0),
        ("small", 2),
        ("number", 4),
        ("word", 8),
        ("large", 16),
        ("head", 64),
        ("after", 80),
    ):
        world.symbols[name] = start + offset
    return world


@pytest.mark.parametrize(
    ("name", "perhaps"),
    [("flag", "u16"), ("small", "u16"), ("number", "int"), ("word", "u64")],
)
def test_what_may_be_a_scalar(world: World, name: str, perhaps: str) -> None:
    text = said(world.kernel(), name)
    assert f"say 'TYPE' {name} with the type that the source gives it, perhaps {perhaps}" in text
    assert f'[global] {name} = "TYPE"' in text
    assert "list" not in text


def test_what_has_room_for_more_than_a_scalar(world: World) -> None:
    text = said(world.kernel(), "large")
    assert "perhaps" not in text
    assert '[global] large = "TYPE"' in text


def test_what_is_linked_as_a_list(world: World) -> None:
    text = said(world.kernel(), "head")
    assert "perhaps struct list_head" in text
    assert '[global] head = { type = "struct list_head", tag = "ELEMENT:LINK" }' in text


def test_a_name_that_toml_would_split(world: World) -> None:
    world.symbols["init.part"] = world.room(4)
    assert '[global] "init.part" = ' in said(world.kernel(), "init.part")


def test_a_function(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("stock")
    text = said(kernel, "crash_kexec")
    assert text.startswith("crash_kexec (at 0x")
    assert "is a function; expected a variable; its prototype is in 'btfdump functions'" in text
    assert said(kernel, "vmlinux:crash_kexec").startswith("vmlinux:crash_kexec (at 0x")
    text = said(kernel, "_stext")
    assert "in the kernel's code: a function, or a mark in it; expected a variable" in text


def test_a_function_of_a_module(world: World) -> None:
    kernel = world.kernel()
    load(kernel, {}, (0x5000, "mod", "work"))
    assert "the type of work" in said(kernel, "work")
    kernel.modules.symbols_named = lambda name: [(0x5000, "mod", True)]  # type: ignore[method-assign]
    assert "is a function" in said(kernel, "mod:work")


def test_a_per_cpu_variable(opened: Callable[[str], Kernel]) -> None:
    """One that BTF does not describe: its CPU is to be said."""
    kernel = opened("stock")
    assert "say 'TYPE' __per_cpu_start[0] with" in said(kernel, "__per_cpu_start")
