"""What a kernel's own source says its containers hold: `btfdump annotations harvest`.

The source says it wherever a list is walked or added to. Files are read one by one (`scan`, with
tree-sitter, in processes of their own: `reading`) and reduced to facts about functions. With all
of these (`program`), expressions are resolved to members of the BTF's structs (`resolve`); the
idioms in `idioms` become observations (`observe`), observations become conclusions (`conclude`),
and conclusions an overlay (`report`). Needs the extra `harvest`: tree-sitter and tree-sitter-c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from btfdump._harvest.conclude import Concluder, Conclusions
from btfdump._harvest.observe import Observer
from btfdump._harvest.outside import Outside
from btfdump._harvest.program import Program
from btfdump._harvest.reading import inside, measured, require_parser, scan_all, source_files
from btfdump._harvest.resolve import ExpressionResolver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from btfdump._btf.reader import Btf
    from btfdump._harvest.scan import FileFacts

_Item = TypeVar("_Item")
_OFTEN = 256


class Until(Protocol):
    """Yields items until there are no more, or whoever waits for the end wants no more of them."""

    def __call__(self, items: Iterable[_Item], /) -> Iterator[_Item]:
        """Yield the items."""


@dataclass(frozen=True, slots=True)
class Harvest:
    """What a source says, and how many of its files, and functions in these, were read for it."""

    conclusions: Conclusions
    program: Program
    files: int
    files_read: int
    functions_read: int

    @property
    def cut_short(self) -> str:
        """How much was read, if that is not all; "" if it is."""
        functions = len(self.program.functions)
        if self.files_read < self.files:
            return f"{self.files_read} of {self.files} files were read"
        if self.functions_read < functions:
            return f"{self.functions_read} of {functions} functions were resolved"
        return ""


def harvest(
    root: Path,
    btf: Btf,
    *,
    under: Sequence[str] = (),
    workers: int | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
    until: Until = iter,
) -> Harvest:
    """Read a source tree and return what it says about the containers in `btf`.

    Both reading and what follows go on `until` there is no more; whatever was read is concluded
    from. `progress(done, total, what)` is called now and then. `workers` is the number of
    processes, by default one for each core.

    Raises `AnnotationError`, also if tree-sitter is not installed.
    """
    require_parser()
    named = inside(root, under)
    files = measured(root, source_files(root, named))
    total = sum(file.cost for file in files)
    scanned: list[FileFacts] = []
    spent = 0
    progress(0, total, "reading")
    for chunk in until(scan_all(root, files, btf, workers)):
        spent += sum(file.cost for file in files[len(scanned) : len(scanned) + len(chunk)])
        scanned += chunk
        progress(spent, total, "reading")
    program = Program(scanned)
    resolver = ExpressionResolver(btf, program)
    observer = Observer(resolver)
    concluder = Concluder(resolver, program)
    done = 0
    for function in until(program.functions):
        if done % _OFTEN == 0:
            progress(done, len(program.functions), "resolving")
        concluder.add(observer.observe(function))
        done += 1
    progress(done, len(program.functions), "resolving")
    seen = {function.file for function in program.functions[done:]}
    unread = [*sorted(seen), *(file.name for file in files[len(scanned) :])]
    outside = Outside(program, unread, named)
    return Harvest(concluder.conclude(outside), program, len(files), len(scanned), done)
