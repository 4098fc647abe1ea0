"""Plug-ins of other packages, found by their entry points; errors name the package."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from btfdump.errors import BtfdumpError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Kinds: TypeAlias = "tuple[type, ...]"

F = TypeVar("F", bound="Callable[..., Any]")
_END = object()


def plugins(noun: str, group: str) -> dict[str, Plugin]:
    """Return the plug-ins that installed packages provide in a group of entry points, by name.

    `noun` names their kind in error messages.
    """
    found: dict[str, Plugin] = {}
    for entry in entry_points(group=group):
        plugin = Plugin(noun, entry)
        other = found.get(entry.name)
        if other is not None and other.package != plugin.package:
            plugin.rival = other
        found[entry.name] = plugin
    return found


class Plugin:
    """One entry point: a plug-in of the kind `noun`, its name, and the package that provides it."""

    def __init__(self, noun: str, entry: EntryPoint) -> None:
        dist = entry.dist
        self.name = entry.name
        self.package = f"{dist.name} {dist.version}" if dist is not None else "(unknown)"
        self.rival: Plugin | None = None
        self.guard = Guard(self)
        self._noun = noun
        self._entry = entry

    def error(self, what: str) -> PluginError:
        """Return an error that says what is wrong with the plug-in and names its package."""
        return PluginError(
            f"{self._noun} {self.name!r} of package {self.package} ({self._entry.value}): {what}"
        )

    def load(self) -> object:
        """Import and return what the entry point names.

        Raises `PluginError` if the import fails, or if two packages provide the same name.
        """
        if self.rival is not None:
            raise self.error(f"package {self.rival.package} brings one of that name too")
        if not EntryPoint.pattern.match(self._entry.value):
            raise self.error("names nothing to load; expected MODULE:FUNCTION")
        with self.blame("cannot be loaded; expected MODULE:FUNCTION, but "):
            return self._entry.load()

    @contextmanager
    def blame(self, context: str = "") -> Iterator[None]:
        """Turn exceptions raised inside, other than btfdump's own, into `PluginError`.

        `context` is what its message says before that of the exception.
        """
        try:
            yield
        except BtfdumpError:
            raise
        # A plug-in may raise anything, and its fault must not look like one of ours.
        except (Exception, SystemExit) as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            what = traceback.format_exception_only(error)[-1].strip()
            raise self.error(f"{context}{what} ({last.filename}:{last.lineno})") from error


class Guard:
    """Wraps the functions of a plug-in, so that whatever they raise becomes a `PluginError`."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin

    def call(self, function: F, *kinds: type) -> F:
        """Return the function, wrapped so that what it raises is blamed on the plug-in.

        If `kinds` are given, a result that is not an instance of one of them raises `PluginError`.
        """

        @wraps(function)
        def called(*args: Any, **keywords: Any) -> Any:
            with self._plugin.blame():
                result = function(*args, **keywords)
            self._expect("returns", result, kinds)
            return result

        return cast(F, called)

    def _expect(self, verb: str, value: object, kinds: tuple[type, ...]) -> None:
        if kinds and not isinstance(value, kinds):
            wanted = " or ".join(kind.__name__ for kind in kinds)
            raise self._plugin.error(f"{verb} {type(value).__name__}, expected {wanted}")

    def each(self, function: F, *kinds: type, parts: Mapping[str, Kinds] = {}) -> F:
        """Return a function whose result is iterated over, wrapped as by `call()`.

        If `kinds` are given, an item that is not an instance of one of them raises `PluginError`.
        So does one with an attribute, of those that `parts` names, that is of none of the kinds
        there.
        """

        @wraps(function)
        def called(*args: Any, **keywords: Any) -> Iterator[Any]:
            with self._plugin.blame():
                items = iter(function(*args, **keywords))
            while True:
                with self._plugin.blame():
                    item = next(items, _END)
                if item is _END:
                    return
                self._expect("yields", item, kinds)
                for name, expected in parts.items():
                    part = getattr(item, name, _END)  # not all kinds of items need have it
                    if part is not _END:
                        verb = f"yields {type(item).__name__} whose {name} is"
                        self._expect(verb, part, expected)
                yield item

        return cast(F, called)
