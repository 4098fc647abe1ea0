"""What a kernel's own source says its containers hold: `btfdump annotations harvest`.

The source says it wherever a list is walked or added to. Files are read one by one (`scan`, with
tree-sitter, in processes of their own) and reduced to facts about functions. With all of these
(`program`), expressions are resolved to members of the BTF's structs (`resolve`); the idioms in
`idioms` become observations (`observe`), observations become conclusions (`conclude`), and
conclusions an overlay (`report`). Needs the extra `harvest`: tree-sitter and tree-sitter-c.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._files import MAX_TEXT, read_file
from btfdump._harvest.conclude import Concluder, Conclusions
from btfdump._harvest.observe import Observer
from btfdump._harvest.program import Program
from btfdump._harvest.resolve import Resolver, members_of
from btfdump._harvest.scan import FileFacts, c_parser, scan
from btfdump.errors import AnnotationError, TargetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from btfdump._btf.reader import Btf

WORKERS = 2
_NOT_THE_KERNEL = frozenset(("Documentation", "samples", "scripts", "tools", "usr"))
_CHUNK = 32


def source_files(root: Path, under: Sequence[str] = ()) -> list[Path]:
    """List the C files of a source tree, or those of some folders and all headers of `include/`.

    Raises `AnnotationError` if there are none.
    """
    folders = [root / name for name in (*under, "include")] if under else [root]
    found = {
        path
        for folder in folders
        for path in folder.rglob("*.[ch]")
        if path.relative_to(root).parts[0] not in _NOT_THE_KERNEL
    }
    if not found:
        raise AnnotationError(f"{root}: no C source there")
    return sorted(found)


def harvest(
    root: Path,
    btf: Btf,
    *,
    under: Sequence[str] = (),
    workers: int = WORKERS,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> tuple[Conclusions, Program]:
    """Read a source tree and return what it says about the containers in `btf`.

    `progress(done, total, what)` is called now and then. Raises `AnnotationError`, also if
    tree-sitter is not installed.
    """
    require_parser()
    files = source_files(root, under)
    scanned: list[FileFacts] = []
    for facts in _scan_all(root, files, _member_names(btf), workers):
        scanned.append(facts)
        if len(scanned) % _CHUNK == 0:
            progress(len(scanned), len(files), "reading")
    program = Program(scanned)
    resolver = Resolver(btf, program)
    observer = Observer(resolver)
    concluder = Concluder(resolver, program)
    for number, function in enumerate(program.functions):
        if number % 512 == 0:
            progress(number, len(program.functions), "resolving")
        concluder.add(observer.observe(function))
    progress(len(program.functions), len(program.functions), "resolving")
    return concluder.conclude(), program


def require_parser() -> None:
    """Raise `AnnotationError` if the extra `harvest` is not installed."""
    try:
        c_parser()
    except ImportError as error:
        reason = f"{error.name} is not installed: pip install 'btfdump[harvest]'"
        raise AnnotationError(reason) from error


def _scan_all(
    root: Path, files: Sequence[Path], members: Mapping[str, frozenset[str]], workers: int
) -> Iterator[FileFacts]:
    read = partial(_scan_file, root)
    if workers < 2:
        _remember(members)
        yield from map(read, files)
        return
    with ProcessPoolExecutor(workers, initializer=_remember, initargs=(members,)) as pool:
        yield from pool.map(read, files, chunksize=_CHUNK)


_members: dict[str, frozenset[str]] = {}


def _remember(members: Mapping[str, frozenset[str]]) -> None:
    _members.clear()
    _members.update(members)


def _scan_file(root: Path, path: Path) -> FileFacts:
    name = str(path.relative_to(root))
    try:
        source = read_file(path, MAX_TEXT, "expected C source")
    except TargetError as error:  # one file does not end the run
        return FileFacts(name, problem=str(error))
    return scan(name, source, _members)


def _member_names(btf: Btf) -> dict[str, frozenset[str]]:
    """Return the member names of every named struct: what its definition must mention."""
    return {
        type_.name: frozenset(members_of(type_))
        for type_ in btf.iter_types()
        if isinstance(type_, types.Composite) and type_.name
    }
