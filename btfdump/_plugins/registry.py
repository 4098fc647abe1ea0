"""Registry: things of one kind by name, each loaded when it is first asked for.

The names of what is built in stand in one table, in the form of entry points ("module:function").
Those of other packages stand in their metadata: group `btfdump.walkers` for walkers, and so on.
Reading metadata costs some 25 ms, a tenth of a cold start, so nobody looks there as long as the
names asked for are built in.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from btfdump.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from typing_extensions import Self

    from btfdump._plugins.entry_points import Guard, Plugin


class Registered(Protocol):
    """What a registry holds: a frozen record of functions, and what is to be known of them."""

    @property
    def help(self) -> str:
        """One line for the help of the command line."""
        ...

    def registered(self, name: str, guard: Guard | None) -> Self:
        """Return it as it is known by `name`; the functions of another package behind `guard`."""
        ...


T = TypeVar("T", bound=Registered)


def first_line(function: Callable[..., Any]) -> str:
    """Return the first line of a function's docstring, which is its help."""
    return (function.__doc__ or "").strip().partition("\n")[0]


class Registry(Generic[T]):
    """Things of one kind, by name.

    `noun` names the kind in messages, and with an `s` the group of entry points. `built_in` has for
    each name "module:function", the module being one of `package`.
    """

    def __init__(self, noun: str, package: str, built_in: Mapping[str, str]) -> None:
        self.noun = noun
        self.group = f"btfdump.{noun}s"
        self.built_in = frozenset(built_in)
        self._package = package
        self._places = dict(built_in)
        self._declared: dict[object, T] = {}
        self._found: dict[str, T] = {}

    def declare(self, function: Callable[..., Any], record: T) -> None:
        """Say what is to be known of a function: for the decorators of a kind."""
        self._declared[function] = record

    def get(self, name: str) -> T | None:
        """Return what has that name, None if nothing has; loads the one module that it is in.

        What is built in goes before what other packages bring. Raises `PluginError` where a package
        has it, but it cannot be loaded.
        """
        found = self._found.get(name)
        if found is None:
            if name in self._places:
                module, _, attribute = self._places[name].partition(":")
                loaded = getattr(importlib.import_module(f"{self._package}.{module}"), attribute)
                found = self._declared[loaded].registered(name, None)
            elif name in self._plugins:
                found = self._from(self._plugins[name])
            else:
                return None
            self._found[name] = found
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._places or name in self._plugins

    def __iter__(self) -> Iterator[str]:
        """Yield every name: what is built in, in the order of the table; then other packages'."""
        yield from self._places
        yield from self._plugins

    def items(self) -> Iterator[tuple[str, T | PluginError]]:
        """Yield (name, what has it), or why it cannot be loaded: for help. Loads everything."""
        for name in self:
            try:
                found = self.get(name)
            except PluginError as error:
                yield name, error
            else:
                if found is not None:
                    yield name, found

    @cached_property
    def _plugins(self) -> dict[str, Plugin]:
        from btfdump._plugins.entry_points import plugins

        found = plugins(self.noun, self.group)
        return {name: found[name] for name in sorted(found) if name not in self._places}

    def _from(self, plugin: Plugin) -> T:
        loaded = plugin.load()
        try:
            record = self._declared[loaded]
        except (KeyError, TypeError):  # no such function; nothing that could be one
            raise plugin.error(f"is not decorated as a {self.noun}") from None
        return record.registered(plugin.name, plugin.guard)
