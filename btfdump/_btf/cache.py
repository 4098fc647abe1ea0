"""The indexes of kernels' BTF, kept on disk from one run to the next.

Making an index takes a sixth of a cold start. A file is named by the digest of the BTF, is written
under another name and then renamed, and holds a checksum. So other runs see all of it or nothing,
and a damaged file counts as a missing one. If anything goes wrong with the cache, all that is lost
is time.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._btf.index import Index

if TYPE_CHECKING:
    from btfdump._btf.reader import Btf

MOST = 32
"""Files that are kept: the oldest goes first. Each takes about a megabyte."""
_MAX_SIZE = 1 << 27


def folder() -> Path | None:
    """Return the folder of the indexes, below XDG_CACHE_HOME or ~/.cache; None without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if Path(base).is_absolute():  # the specification has others ignored
        return Path(base, "btfdump")
    with contextlib.suppress(RuntimeError):
        return Path.home() / ".cache" / "btfdump"
    return None


def load(data: bytes) -> Index | None:
    """Return the index of a BTF, or None if none is kept or the file cannot be used."""
    digest = _digest(data)
    path = _path(digest)
    if path is None:
        return None
    try:
        if path.stat().st_size > _MAX_SIZE:
            return None
        return Index.from_bytes(path.read_bytes(), digest)
    except OSError:
        return None


def store(btf: Btf) -> None:
    """Keep the index of a BTF, if possible."""
    digest = _digest(btf.data)
    path = _path(digest)
    if path is None:
        return
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            file.write(btf.index().to_bytes(digest))
        temporary.replace(path)
        _drop_oldest(path.parent)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _drop_oldest(directory: Path) -> None:
    found = sorted(directory.glob("*.index*"), key=lambda path: path.stat().st_mtime)
    for path in found[:-MOST]:
        path.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    from hashlib import sha256

    return sha256(data).digest()


def _path(digest: bytes) -> Path | None:
    directory = folder()
    return directory / f"{digest.hex()}.index" if directory is not None else None
