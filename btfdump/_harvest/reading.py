"""The files of a source tree, read in processes of their own."""

from __future__ import annotations

import os
import signal
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from btfdump._files import MAX_TEXT, read_file
from btfdump._harvest.resolve import members_of
from btfdump._harvest.scan import FileFacts, Wanted, c_parser, scan
from btfdump._harvest.tables import table_names
from btfdump.errors import AnnotationError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from btfdump._btf.reader import Btf

MOST_WORKERS = 16
_NOT_THE_KERNEL = frozenset(("Documentation", "samples", "scripts", "tools", "usr"))
_CHUNK = 32
_AHEAD = 4
"""How many chunks a worker has before it: results that nobody has taken yet take up memory."""
_HEADER, _REGISTERS, _LARGE = 3, 100, 200_000
"""How much faster a header is read than a .c file of its size: one this large names registers."""


class SourceFile(NamedTuple):
    """A file: its name in the tree, and what reading it costs (bytes of a .c file)."""

    name: str
    cost: int


def require_parser() -> None:
    """Raise `AnnotationError` if the extra `harvest` is not installed."""
    try:
        c_parser()
    except ImportError as error:
        reason = f"{error.name} is not installed: pip install 'btfdump[harvest]'"
        raise AnnotationError(reason) from error


def inside(root: Path, under: Sequence[str]) -> list[str]:
    """Return the folders of a source tree that a user names, from its top; none for all of it.

    Raises `AnnotationError` if one is not there.
    """
    found = []
    for name in under:
        folder = (root / name).resolve()
        if not folder.is_dir() or not folder.is_relative_to(root.resolve()):
            raise AnnotationError(f"{root / name}: --under names a folder of {root}: this is none")
        found.append(folder.relative_to(root.resolve()).as_posix())
    return [] if "." in found else found


def source_files(root: Path, under: Sequence[str] = ()) -> list[Path]:
    """List the C files of a source tree, or those of some folders and all headers of `include/`.

    Those of `include/` come first: without them little else can be concluded. Raises
    `AnnotationError` if there are none.
    """
    folders = [root / name for name in ("include", *under)] if under else [root]
    found = {
        path
        for folder in folders
        for path in folder.rglob("*.[ch]")
        if path.relative_to(root).parts[0] not in _NOT_THE_KERNEL
    }
    if not found:
        raise AnnotationError(f"{root}: no C source there")
    return sorted(found, key=lambda path: (path.relative_to(root).parts[0] != "include", path))


def measured(root: Path, paths: Sequence[Path]) -> list[SourceFile]:
    """Return files with what each costs; one whose size cannot be told costs little."""
    found = []
    for path in paths:
        try:
            size = min(path.stat().st_size, MAX_TEXT)
        except OSError:
            size = 0
        faster = _REGISTERS if size > _LARGE else _HEADER
        cost = size // faster if path.suffix == ".h" else size
        found.append(SourceFile(str(path.relative_to(root)), cost + 1000))
    return found


def scan_all(
    root: Path, files: Sequence[SourceFile], btf: Btf, workers: int | None
) -> Iterator[list[FileFacts]]:
    """Scan files and yield what each says, in their order, a few at a time.

    `workers` is the number of processes, by default one for each core. Raises `AnnotationError` if
    one of them is killed.
    """
    chunks = [files[at : at + _CHUNK] for at in range(0, len(files), _CHUNK)]
    wanted = Wanted(_member_names(btf), table_names(btf))
    count = min(workers or _cores(), len(chunks), MOST_WORKERS)
    if count < 2:
        _wanted[0] = wanted
        yield from map(partial(_scan_chunk, root), chunks)
        return
    with ProcessPoolExecutor(count, initializer=_begin, initargs=(wanted,)) as pool:
        yield from _in_order(pool, root, chunks, count * _AHEAD)


def _in_order(
    pool: ProcessPoolExecutor, root: Path, chunks: list[Sequence[SourceFile]], ahead: int
) -> Iterator[list[FileFacts]]:
    rest = iter(chunks)
    pending: deque[Future[list[FileFacts]]] = deque()
    try:
        for chunk in islice(rest, ahead):
            pending.append(pool.submit(_scan_chunk, root, chunk))
        while pending:
            done = pending.popleft().result()
            for chunk in islice(rest, 1):
                pending.append(pool.submit(_scan_chunk, root, chunk))
            yield done
    except BrokenProcessPool as error:
        reason = "a process that reads the source was killed: is memory short?"
        raise AnnotationError(reason) from error
    finally:  # also when the consumer stops early
        pool.shutdown(wait=False, cancel_futures=True)


def _cores() -> int:
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


_wanted = [Wanted({})]


def _begin(wanted: Wanted) -> None:
    """Prepare a process: Ctrl-C goes to all of them, and is for the one that has begun them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _wanted[0] = wanted


def _scan_chunk(root: Path, files: Sequence[SourceFile]) -> list[FileFacts]:
    return [_scan_file(root / file.name, file.name) for file in files]


def _scan_file(path: Path, name: str) -> FileFacts:
    try:
        source = read_file(path, MAX_TEXT, "expected C source")
    except TargetError as error:  # one file does not end the run
        return FileFacts(name, problem=str(error))
    return scan(name, source, _wanted[0])


def _member_names(btf: Btf) -> dict[str, frozenset[str]]:
    """Return the member names of every named struct: what its definition must mention."""
    found = _member_names(btf.base) if btf.base is not None else {}
    for struct in btf.composites():
        if struct.name:
            found[struct.name] = frozenset(members_of(struct))
    return found
