"""Output back ends: events in, strings out.

A renderer is one file in this folder: a generator decorated with `@renderer("name")` that takes the
roots (each an iterator of events) and `Options`, and yields strings. What it yields is ready to be
written to a terminal: everything that came from the kernel has gone through `escape`.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from btfdump.errors import ExpressionError
from btfdump.graph.readers import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump.graph.events import Event
    from btfdump.graph.limits import Limits
    from btfdump.kernel.context import Context


def _no_symbol(address: int) -> str | None:
    del address
    return None


@dataclass(frozen=True)
class Options:
    """What a renderer is told beside the events.

    `symbolize(address)` names an address, `locate(address)` the slab object that it is in, for
    `void *`; `string_at(address)` reads the C string there; all may return None. `color` asks for
    terminal escapes of our own. `zero` keeps what is empty. `source` and `release` say what is
    shown, for headings. `compact`, `noname` and `ptr_raw` are flags of bpf_snprintf_btf(), for the
    format that prints as it does.
    """

    symbolize: Callable[[int], str | None] = _no_symbol
    locate: Callable[[int], str | None] = _no_symbol
    string_at: Callable[[int], str | None] = _no_symbol
    zero: bool = False
    color: bool = False
    string: int = 256
    source: str = ""
    release: str = ""
    cpus: int = 0
    compact: bool = False
    noname: bool = False
    ptr_raw: bool = False


@dataclass(frozen=True)
class Root:
    """One thing to show: its events, and a name where it is not an object of its own."""

    events: Iterable[Event]
    name: str = ""


Format: TypeAlias = Literal["json", "jsonl", "snprintf", "text", "tree"]
"""The formats that come with btfdump, by name."""
Renderer: TypeAlias = "Callable[[Iterable[Root], Options], Iterator[str]]"
MakeReader: TypeAlias = "Callable[[Context, Limits, Options], Reader]"

_registry: dict[str, Renderer] = {}
_readers: dict[str, MakeReader] = {}
_FILES = {"jsonl": "json"}


def _plain_reader(context: Context, limits: Limits, options: Options) -> Reader:
    del options
    return Reader(context, limits)


def renderer(name: str, reader: MakeReader = _plain_reader) -> Callable[[Renderer], Renderer]:
    """Register a generator as the renderer of `--format name`.

    `reader` makes the reader that suits it, for runs of many roots.
    """

    def register(render: Renderer) -> Renderer:
        _registry[name] = render
        _readers[name] = reader
        return render

    return register


def reader_for(name: str, context: Context, limits: Limits, options: Options) -> Reader:
    """Return a reader for a run of roots shown in a format; raises `ExpressionError`.

    What it remembers it has read once: for a live kernel, make one for each moment.
    """
    get(name)
    return _readers[name](context, limits, options)


def formats() -> list[str]:
    """Return the names of all formats; loads every file of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(_registry)


def get(name: str) -> Renderer:
    """Return the renderer of a format, loading its file alone; raises `ExpressionError`."""
    if name not in _registry:
        try:
            importlib.import_module(f"{__name__}.{_FILES.get(name, name)}")
        except ModuleNotFoundError:
            formats()
    found = _registry.get(name)
    if found is None:
        raise ExpressionError(f"no format {name!r}; there are {', '.join(formats())}")
    return found
