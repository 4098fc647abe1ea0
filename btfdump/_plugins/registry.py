"""Registry: things of one kind by name, each loaded on first use.

The built-in names are in one table, in the form of entry points ("module:function"). Those of other
packages come from package metadata: the group `btfdump.walkers` for walkers, and so on. Reading
metadata costs some 25 ms, a tenth of a cold start, so it is not read while only built-in names are
asked for.
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
    """What a registry holds: a frozen record of functions and their properties."""

    @property
    def help(self) -> str:
        """One line for the command line's help."""
        ...

    def registered(self, name: str, guard: Guard | None) -> Self:
        """Return this record as registered under `name`.

        `guard` wraps the functions if another package provides them; it is None for built-in ones.
        """
        ...


T = TypeVar("T", bound=Registered)


def first_line(function: Callable[..., Any]) -> str:
    """Return the first line of a function's docstring, which serves as its help."""
    return (function.__doc__ or "").strip().partition("\n")[0]


class Registry(Generic[T]):
    """Things of one kind, by name.

    `noun` names the kind in messages and, with an `s`, the group of entry points. `built_in` maps
    each name to "module:function", where the module belongs to `package`. `decorator` is what
    declares a function to be one; "" stands for "@" and the noun.
    """

    def __init__(
        self, noun: str, package: str, built_in: Mapping[str, str], decorator: str = ""
    ) -> None:
        self.noun = noun
        self.group = f"btfdump.{noun}s"
        self.built_in = frozenset(built_in)
        self._package = package
        self._decorator = decorator or f"@{noun}"
        self._places = dict(built_in)
        self._declared: dict[object, T] = {}
        self._found: dict[str, T] = {}

    def declare(self, function: Callable[..., Any], record: T) -> None:
        """Associate a function with its record; decorators call this."""
        self._declared[function] = record

    def get(self, name: str) -> T | None:
        """Return the thing with that name, or None; only its own module is loaded.

        Built-in names take precedence over those of other packages. Raises `PluginError` if a
        package provides the name but it cannot be loaded.
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
        """Yield every name: the built-in ones as in the table, then those of other packages."""
        yield from self._places
        yield from self._plugins

    def items(self) -> Iterator[tuple[str, T | PluginError]]:
        """Yield (name, thing) for every name, or (name, error) if it cannot be loaded; for help.

        This loads everything.
        """
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
        except (KeyError, TypeError):  # not decorated, or not even hashable
            raise plugin.error(
                f"is {type(loaded).__name__}, not decorated as a {self.noun}; expected a function "
                f"with {self._decorator} of btfdump"
            ) from None
        return record.registered(plugin.name, plugin.guard)
