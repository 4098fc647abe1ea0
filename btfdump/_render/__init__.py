"""Output formats: events in, strings out.

A renderer is a generator decorated with `@renderer()`, in a file of this folder or in another
package; `RENDERERS`, or that package's entry point, gives it a name. It takes the roots (each an
iterator of events) and `Options`, and yields strings. These are ready to be written to a terminal:
everything that came from the kernel has gone through `escape`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from btfdump._graph.readers import Reader
from btfdump._plugins.registry import Registry, first_line
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from btfdump._decode.layout import StructLayout
    from btfdump._graph.events import Event
    from btfdump._graph.limits import Limits
    from btfdump._kernel.context import Context
    from btfdump._plugins.entry_points import Guard


Interest: TypeAlias = "Callable[[StructLayout], tuple[Sequence[str], Container[str]]]"


def _no_symbol(address: int) -> str | None:
    del address
    return None


@dataclass(frozen=True)
class Options:
    """What a renderer is told besides the events.

    `symbolize(address)` names a virtual address, `locate(address)` describes the slab object that
    contains it, for `void *`, and `string_at(address)` reads the C string there; each may return
    None. `string` is the most bytes shown of a char array. `color` allows terminal escapes of our
    own. `zero` keeps what is empty or zero; `raw` leaves out what values mean. `interest(layout)`
    returns the names of the members of a struct that a tree shows first, and of those that it shows
    on one line or not at all; None if it shows all of them in their order, with links. `width` is
    that of the terminal in columns, 0 for any. `source`, `release` and `cpus` describe what is
    shown, for headings. `compact`, `noname` and `ptr_raw` are flags of bpf_snprintf_btf(), for the
    `snprintf` format.
    """

    symbolize: Callable[[int], str | None] = _no_symbol
    locate: Callable[[int], str | None] = _no_symbol
    string_at: Callable[[int], str | None] = _no_symbol
    zero: bool = False
    raw: bool = False
    color: bool = False
    interest: Interest | None = None
    width: int = 0
    string: int = 256
    source: str = ""
    release: str = ""
    cpus: int = 0
    compact: bool = False
    noname: bool = False
    ptr_raw: bool = False


def _ignore() -> None:
    pass


class Root(NamedTuple):
    """One thing to show: its events, and a name if it is not an object in its own right.

    A renderer that shows nothing of what its events show calls `unshown()`.
    """

    events: Iterable[Event]
    name: str = ""
    unshown: Callable[[], None] = _ignore


Format: TypeAlias = Literal["json", "jsonl", "snprintf", "text", "tree"]
"""The names of the formats that come with btfdump."""
Renderer: TypeAlias = "Callable[[Iterable[Root], Options], Iterator[str]]"
MakeReader: TypeAlias = "Callable[[Context, Limits, Options], Reader]"


def _plain_reader(context: Context, limits: Limits, options: Options) -> Reader:
    del options
    return Reader(context, limits)


@dataclass(frozen=True, eq=False)
class OutputFormat:
    """A registered renderer, and the factory of its reader for runs of many roots."""

    render: Renderer
    reader: MakeReader

    @property
    def help(self) -> str:
        """The line that describes the format in the command line's help."""
        return first_line(self.render)

    def registered(self, name: str, guard: Guard | None) -> OutputFormat:
        """Return this format as registered under `name`, its functions wrapped by `guard`."""
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
"""Renderers by the name that `--format` takes."""
TABLE_FORMATS = {"csv": "Tables alone: comma-separated values, as RFC 4180 has them."}
"""Formats that only tables have (`render/table.py`), and their help."""


class _Formats:
    """All formats, those that only tables have included; packages are asked at need alone."""

    def __contains__(self, name: object) -> bool:
        return name in TABLE_FORMATS or name in RENDERERS

    def __iter__(self) -> Iterator[str]:
        yield from RENDERERS
        yield from TABLE_FORMATS


FORMATS = _Formats()


def renderer(reader: MakeReader = _plain_reader) -> Callable[[Renderer], Renderer]:
    """Return a decorator that declares a generator to be a renderer.

    The first line of the generator's docstring is its help. `reader` makes the reader that suits
    it, for runs of many roots. Its name is in `RENDERERS`, or is that of another package's entry
    point.
    """

    def declare(render: Renderer) -> Renderer:
        RENDERERS.declare(render, OutputFormat(render, reader))
        return render

    return declare


def reader_for(name: str, context: Context, limits: Limits, options: Options) -> Reader:
    """Return a reader for a run of roots shown in a format; raises the same errors as `get()`.

    It remembers what it has read: for a live kernel, make a new one for each moment.
    """
    return _format(name).reader(context, limits, options)


def formats() -> list[str]:
    """Return the names of all formats, including those of other packages."""
    return sorted(RENDERERS)


def get(name: str) -> Renderer:
    """Return the renderer of a format; only its own file is loaded.

    Raises `ExpressionError` if there is no such format, and `PluginError` if it cannot be loaded.
    """
    return _format(name).render


def _format(name: str) -> OutputFormat:
    found = RENDERERS.get(name)
    if name in TABLE_FORMATS:
        raise ExpressionError(f"--format {name} is for tables, such as ps and maps")
    if found is None:
        raise ExpressionError(f"no format {name!r}; there are {', '.join(formats())}")
    return found
