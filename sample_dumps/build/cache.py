"""What is downloaded or built, kept outside the tree: $XDG_CACHE_HOME/btfdump/guests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Fixed at the start: tests give the commands they run another XDG_CACHE_HOME.
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "btfdump" / "guests"
# Several working trees share the cache, each with its own state of the sources.
KEPT_VERSIONS = 4


def digest(files: Iterable[Path], *words: str) -> str:
    """Return a key that changes when the contents or names of the files, or the words, change."""
    total = hashlib.sha256()
    for path in sorted(files):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        total.update(path.read_bytes())
    for word in words:
        total.update(f"{word}\0".encode())
    return total.hexdigest()[:16]


def keep(name: str, key: str, make: Callable[[Path], None], versions: int = KEPT_VERSIONS) -> Path:
    """Return the file or folder `name` of this key; `make` writes it first when it is missing.

    Of a name, the `versions` used last are kept.
    """
    place = FOLDER / name
    place.mkdir(parents=True, exist_ok=True)
    wanted = place / key
    if not wanted.exists():  # what is there need not wait for what somebody else makes
        with _locked(place / ".lock"):
            if not wanted.exists():
                _make_whole(wanted, make)
                _drop_old(place, versions)
    os.utime(wanted)
    return wanted


def _make_whole(wanted: Path, make: Callable[[Path], None]) -> None:
    # Renamed when complete: an interrupted build leaves nothing that looks finished.
    scratch = Path(tempfile.mkdtemp(dir=wanted.parent, prefix=".making-"))
    try:
        made = scratch / "it"
        make(made)
        made.rename(wanted)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _drop_old(place: Path, versions: int) -> None:
    entries = [path for path in place.iterdir() if not path.name.startswith(".")]
    entries.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[versions:]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
