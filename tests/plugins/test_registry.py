"""Registries: what is built in is found by its name, each in the one module that has it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.maps import MAPS
from btfdump._cli.commands import COMMANDS
from btfdump._plugins.registry import Registry, first_line
from btfdump._render import RENDERERS
from btfdump._roots import ROOTS
from btfdump._walk import WALKERS

if TYPE_CHECKING:
    from btfdump._plugins.entry_points import Guard


@dataclass(frozen=True)
class Record:
    """What a registry of the tests holds."""

    help: str
    name: str = ""

    def registered(self, name: str, guard: Guard | None) -> Record:
        assert guard is None
        return replace(self, name=name)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry[Record]:
    """Two functions of two modules, of which neither has been asked for."""
    registry: Registry[Record] = Registry(
        "made-up thing", "made_up", {"second": "two:run", "first": "one:run", "plain": "two:no"}
    )
    for name in ("one", "two"):
        module = ModuleType(f"made_up.{name}")

        def run() -> str:
            """Do it.

            At length.
            """
            return ""

        module.run, module.no = run, lambda: ""  # type: ignore[attr-defined]
        registry.declare(run, Record(f"{first_line(run)} {name}"))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return registry


def test_what_is_built_in(registry):
    assert registry.built_in == {"first", "second", "plain"}
    assert list(registry)[:3] == ["second", "first", "plain"]
    assert "first" in registry
    assert "third" not in registry
    assert registry.get("first") == Record("Do it. one", "first")
    assert registry.get("first") is registry.get("first")
    assert registry.get("third") is None


def test_nobody_looks_at_packages_for_what_is_built_in(registry):
    assert registry.get("second") == Record("Do it. two", "second")
    assert "_plugins" not in vars(registry)
    assert registry.get("third") is None
    assert "_plugins" in vars(registry)


def test_a_function_that_was_not_declared(registry):
    with pytest.raises(KeyError):
        registry.get("plain")


def test_the_first_line_is_the_help():
    def silent() -> None:
        pass

    assert first_line(silent) == ""


@pytest.mark.parametrize(
    "registry", [WALKERS, RENDERERS, ROOTS, MAPS, COMMANDS], ids=lambda registry: registry.noun
)
def test_what_is_built_in_is_known_by_its_own_name_alone(registry):
    for name in registry.built_in:
        assert registry.get(name) is registry.get(name)
    assert registry.get("nonsense") is None
