"""Files that are no files, and those without end."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from btfdump._files import open_file, read_file
from btfdump.errors import TargetError
from tests.support.effort import hangs_after

if TYPE_CHECKING:
    from pathlib import Path


def refused(path: Path | str, match: str, most: int = 100) -> None:
    with hangs_after(60), pytest.raises(TargetError, match=match) as error:
        read_file(path, most, "expected a note")
    assert str(path) in str(error.value)


def test_a_regular_file_of_at_most_so_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    assert read_file(path, 100, "") == bytes(100)
    refused(path, "has 100 bytes; expected a note, of at most 99 bytes", most=99)


def test_a_sparse_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(40 << 30)
    refused(path, "has 42949672960 bytes; expected a note")


def test_a_file_whose_size_is_not_told() -> None:
    refused("/proc/self/maps", "has more than 100 bytes")


def test_what_is_no_file(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "no such file")
    refused(tmp_path, "is a directory; expected a note")
    refused("/dev/zero", "is a character device, not a regular file")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    refused(fifo, "is a pipe, not a regular file")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        refused(tmp_path / "socket", "cannot be opened: ")
    refused(f"{tmp_path}/a\0b", "cannot be opened: embedded null byte")


def write_all(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb") as file:
        file.write(data)


def test_what_the_shell_connects_is_read() -> None:
    """As /dev/stdin in a pipe, or <(command); bounded as anything else."""
    for size, most in ((70_000, 1 << 20), (70_000, 69_999)):
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb"), hangs_after(60):
            threading.Thread(target=write_all, args=(writing, bytes(size))).start()
            if size <= most:
                assert read_file(f"/dev/fd/{reading}", most, "") == bytes(size)
            else:
                with pytest.raises(TargetError, match="has more than 69999 bytes"):
                    read_file(f"/dev/fd/{reading}", most, "")


def test_permission_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:  # root may read anything
        patch.setattr(os, "open", refuse)
        with pytest.raises(TargetError, match="permission denied; expected a note"):
            read_file(tmp_path / "file", 1, "expected a note")


def test_a_link_is_followed_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    with open_file(link, "") as file:
        assert file.read() == b"x"
    with pytest.raises(TargetError, match="cannot be opened"):
        open_file(link, "", links=False)
