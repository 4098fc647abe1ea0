"""An initramfs archive: "newc" cpio, as in the kernel's early-userspace/buffer-format.rst."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


class Archive:
    """Collects files, folders and links by path; everything belongs to root."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes | Path]] = {}

    def add(self, name: str, data: bytes | Path, *, executable: bool = False) -> None:
        """Add a file by its path in the archive; a Path is read when the archive is written."""
        self._add_folders(name)
        self._entries[name] = (stat.S_IFREG | (0o755 if executable else 0o644), data)

    def add_folder(self, name: str) -> None:
        """Add an empty folder."""
        self._add_folders(f"{name}/")

    def add_link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add_folders(name)
        self._entries[name] = (stat.S_IFLNK | 0o777, target.encode())

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def write(self, out: BinaryIO) -> None:
        """Write the archive, padded to the boundary that the next one may start at."""
        for number, (name, (mode, data)) in enumerate(self._entries.items(), 1):
            content = data if isinstance(data, bytes) else data.read_bytes()
            _write_entry(out, number, name, mode, content)
        _write_entry(out, 0, "TRAILER!!!", 0, b"")

    def _add_folders(self, name: str) -> None:
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            self._entries.setdefault("/".join(parts[:depth]), (stat.S_IFDIR | 0o755, b""))


def _write_entry(out: BinaryIO, inode: int, name: str, mode: int, content: bytes) -> None:
    encoded = name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    #         ino    mode  uid gid nlink mtime filesize    dev (4)     namesize     check
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    _write_padded(out, header + encoded)
    _write_padded(out, content)


def _write_padded(out: BinaryIO, data: bytes) -> None:
    out.write(data)
    out.write(bytes(-len(data) % 4))
