"""The indexes of kernels' BTF, kept on disk from one run to the next.

Making an index takes a sixth of a cold start. A file is named by the digest of the BTF, is written
under another name and then renamed, and is sealed with a key that only the user can read. So other
runs see all of it or nothing, and a file that is damaged, or of somebody else's making, counts as a
missing one. If anything goes wrong with the cache, all that is lost is time.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._btf.index import KEY, Index
from btfdump._files import open_file, read_rest
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from btfdump._btf.reader import Btf

MOST = 32
"""Files that are kept: the oldest goes first. Each takes about a megabyte."""
_MAX_SIZE = 1 << 27
_KEY = "key"


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
    directory = folder()
    if directory is None:
        return None
    try:
        key = _read(directory / _KEY, KEY)
        digest = _digest(data)
        return Index.from_bytes(_read(_path(directory, digest), _MAX_SIZE), digest, key)
    except TargetError:
        return None


def store(btf: Btf) -> None:
    """Keep the index of a BTF, if possible."""
    directory = folder()
    if directory is None:
        return
    digest = _digest(btf.data)
    path = _path(directory, digest)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = btf.index().to_bytes(digest, _key(directory))
        with temporary.open("xb") as file:
            file.write(sealed)
        temporary.replace(path)
        _drop_oldest(path.parent)
    except (OSError, TargetError):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _key(directory: Path) -> bytes:
    """Return the key of the folder; it is made where there is none.

    Raises `TargetError` if others can read it, or could have made it.
    """
    path = directory / _KEY
    with contextlib.suppress(FileNotFoundError):
        about = path.lstat()
        is_own = stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid()
        if is_own and about.st_size != KEY:  # whoever made it was ended, or had no room
            path.unlink()
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY))
    return _read(path, KEY)


def _read(path: Path, most: int) -> bytes:
    """Return the content of a file that is the user's own; a key is nobody else's to read.

    Raises `TargetError`, for a link too: it may lead to a file that is meant for something else.
    """
    with open_file(path, "", links=False) as file:
        about = os.fstat(file.fileno())
        forbidden = 0o077 if path.name == _KEY else 0o022
        if about.st_uid != os.geteuid() or about.st_mode & forbidden:
            raise TargetError(f"{path}: is not the user's own")
        data = read_rest(path, file, most, "")
    if path.name == _KEY and len(data) != KEY:
        raise TargetError(f"{path}: is no key")
    return data


def _drop_oldest(directory: Path) -> None:
    found = sorted(directory.glob("*.index*"), key=lambda path: path.stat().st_mtime)
    for path in found[:-MOST]:
        path.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    from hashlib import sha256

    return sha256(data).digest()


def _path(directory: Path, digest: bytes) -> Path:
    return directory / f"{digest.hex()}.index"
