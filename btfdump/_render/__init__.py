"""Output back ends: events in, strings out.

A renderer is a generator decorated with `@renderer()`, in a file of this folder or in another
package; `RENDERERS`, or the entry point there, has its name. It takes the roots (each an iterator
of events) and `Options`, and yields strings. What it yields is ready to be written to a terminal:
everything that came from the kernel has gone through `escape`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from btfdump._graph.readers import Reader
from btfdump._plugins.registry import Registry, first_line
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from btfdump._graph.events import Event
    from btfdump._graph.limits import Limits
    from btfdump._kernel.context import Context
    from btfdump._plugins.entry_points import Guard


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


def _plain_reader(context: Context, limits: Limits, options: Options) -> Reader:
    del options
    return Reader(context, limits)


@dataclass(frozen=True)
class OutputFormat:
    """A registered renderer, and what makes the reader that suits it for runs of many roots."""

    render: Renderer
    reader: MakeReader

    @property
    def help(self) -> str:
        """What it writes, in one line."""
        return first_line(self.render)

    def registered(self, name: str, guard: Guard | None) -> OutputFormat:
        """Return it as what `--format name` writes."""
        del name
        if guard is None:
            return self
        return OutputFormat(guard.each(self.render, str), guard.call(self.reader))


_BUILT_IN: dict[Format, str] = {
    "tree": "tree:render_tree",
    "text": "text:render_text",
    "json": "json:render_json",
    "jsonl": "json:render_jsonl",
    "snprintf": "snprintf:render_snprintf",
}
RENDERERS: Registry[OutputFormat] = Registry(
    "renderer", __name__, {str(name): place for name, place in _BUILT_IN.items()}
)
"""By the name that `--format` takes."""


def renderer(reader: MakeReader = _plain_reader) -> Callable[[Renderer], Renderer]:
    """Declare a generator to be a renderer; its docstring's first line is its help.

    `reader` makes the reader that suits it, for runs of many roots. `RENDERERS` has its name, or
    the entry point of another package.
    """

    def declare(render: Renderer) -> Renderer:
        RENDERERS.declare(render, OutputFormat(render, reader))
        return render

    return declare


def reader_for(name: str, context: Context, limits: Limits, options: Options) -> Reader:
    """Return a reader for a run of roots shown in a format; raises as `get()` does.

    What it remembers it has read once: for a live kernel, make one for each moment.
    """
    return _format(name).reader(context, limits, options)


def formats() -> list[str]:
    """Return the names of all formats, those of other packages too."""
    return sorted(RENDERERS)


def get(name: str) -> Renderer:
    """Return the renderer of a format, loading its file alone.

    Raises `ExpressionError` where there is none, `PluginError` where it cannot be loaded.
    """
    return _format(name).render


def _format(name: str) -> OutputFormat:
    found = RENDERERS.get(name)
    if found is None:
        raise ExpressionError(f"no format {name!r}; there are {', '.join(formats())}")
    return found
