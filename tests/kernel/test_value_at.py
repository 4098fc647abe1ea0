"""Values by type and address, and that nothing makes them otherwise."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.value_at import offset_of, value_at
from btfdump.errors import MemberNotFoundError, SymbolNotFoundError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel

PACKAGE = Path(__file__).resolve().parents[2] / "btfdump"
MAKERS = {"_kernel/value.py", "_kernel/value_at.py"}


def test_nothing_else_makes_values() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    assert set(found) >= MAKERS
    for path in found.values():
        if path.relative_to(PACKAGE).as_posix() in MAKERS:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func
            assert not called or called.id != "Value", f"{path}:{node.lineno}"  # type: ignore[attr-defined]


def test_types_and_addresses_by_name(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    init = value_at(kernel, "struct task_struct", "init_task")
    assert init.comm == "swapper/0"
    assert init == value_at(kernel, init.type_, init.address_)
    with pytest.raises(TypeNotFoundError):
        value_at(kernel, "struct nonsense", 0)
    with pytest.raises(SymbolNotFoundError):
        value_at(kernel, "int", "nonsense")


def test_what_is_known_of_it_comes_along(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    value = value_at(kernel, "u8[4]", 0x1000, b"abcd", index=2, key=(1, 3))
    assert value.bytes_() == b"abcd"
    assert value.key_ == (1, 3)


def test_offset_of(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    task = kernel.task(1)
    assert offset_of(kernel, "struct task_struct", "pid") == task.pid.address_ - task.address_
    assert offset_of(kernel, "struct list_head", "next") == 0
    with pytest.raises(MemberNotFoundError):
        offset_of(kernel, "struct list_head", "nonsense")
