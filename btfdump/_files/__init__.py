"""Files that users name, opened and read so that none of them can hold btfdump up or fill memory.

A path may name anything: a FIFO that nobody writes to, /dev/zero, a sparse file of 40 GiB. So
nothing is opened that could block, what is no regular file is refused, and a file is compared with
the most that can be made of it before it is read.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from btfdump.errors import TargetError

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_BTF = 1 << 27
"""Bytes of the largest BTF that is believed: no kernel's has a tenth of that."""
MAX_TEXT = 1 << 24
"""Bytes of the largest file that people write: an overlay, a file of C."""
MAX_DOCUMENT = 1 << 30
"""Bytes of the largest document of `--format json` that is read back."""

_PIECE = 1 << 20
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISSOCK, "a socket"),
)


def open_file(
    path: str | os.PathLike[str],
    expected: str,
    *,
    devices: bool = False,
    links: bool = True,
    pipes: bool = False,
) -> BinaryIO:
    """Open a regular file, or with `devices` a block device, for reading; never blocks.

    With `pipes`, what the shell has connected may be read as well (/dev/stdin, `<(command)`): that
    has a writer, who is waited for. A FIFO with a name of its own may have none. `expected` says in
    messages what the file should be. Without `links`, the path itself may be no symbolic link.
    Raises `TargetError`, which says what is there instead.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise TargetError(f"{path}: no such file") from None
    except PermissionError:
        raise TargetError(
            f"{path}: permission denied; {expected}; it may take root to read it"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise TargetError(f"{path}: cannot be opened: {reason}; {expected}") from None
    mode = os.fstat(descriptor).st_mode
    if pipes and stat.S_ISFIFO(mode) and os.path.realpath(path).startswith("/proc/"):
        os.set_blocking(descriptor, True)
    elif not (stat.S_ISREG(mode) or (devices and stat.S_ISBLK(mode))):
        os.close(descriptor)
        other = "" if stat.S_ISDIR(mode) else ", not a regular file"
        raise TargetError(f"{path}: is {kind_of(mode)}{other}; {expected}")
    return os.fdopen(descriptor, "rb")


def kind_of(mode: int) -> str:
    """Return what a file is by its `st_mode`, in words: "a pipe"."""
    return next((kind for is_one, kind in _KINDS if is_one(mode)), "a special file")


def read_file(path: str | os.PathLike[str], most: int, expected: str) -> bytes:
    """Return what is in a regular file, or comes out of a pipe: at most `most` bytes.

    Raises `TargetError` if it is larger, is something else, or cannot be read.
    """
    with open_file(path, expected, pipes=True) as file:
        return read_rest(path, file, most, expected)


def read_rest(path: str | os.PathLike[str], file: BinaryIO, most: int, expected: str) -> bytes:
    """Return what is left of an open file of at most `most` bytes; raises as `read_file()` does."""
    try:
        size = os.fstat(file.fileno()).st_size  # 0 in /proc, whatever the file holds
        data = file.read(size + 1) if size <= most else b""
        while size < len(data) <= most and (more := file.read(_PIECE)):
            data += more
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror or error}") from None
    if size > most or len(data) > most:
        seen = f"has {size} bytes" if size > most else f"has more than {most} bytes"
        raise TargetError(f"{path}: {seen}; {expected}, of at most {most} bytes")
    return data


def as_text(data: bytes, path: str | os.PathLike[str]) -> str:
    """Return what a file holds as text; raises `TargetError`, which says where it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"byte {data[error.start]:#04x} at offset {error.start}"
        raise TargetError(f"{path}: is not UTF-8 text ({wrong})") from None
