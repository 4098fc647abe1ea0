"""What is kept is made once, and is there for all while others make more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sample_dumps.build import cache

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    return tmp_path


def write(into: Path) -> None:
    into.write_text("made")


def test_what_is_there_does_not_wait_for_what_is_being_made(monkeypatch):
    """To unpack a package of debug symbols takes minutes, and the others are there."""
    made = cache.keep("things", "one", write)
    monkeypatch.setattr(cache, "_locked", lambda _: pytest.fail("waits"))
    assert cache.keep("things", "one", lambda _: pytest.fail("made again")) == made
    assert made.read_text() == "made"


def test_what_fails_leaves_nothing(folder: Path):
    def fail(into: Path) -> None:
        into.write_text("half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        cache.keep("things", "one", fail)
    assert [path.name for path in (folder / "things").iterdir()] == [".lock"]


def test_those_used_last_are_kept():
    made = [cache.keep("things", key, write, versions=2) for key in ("one", "two", "three")]
    assert sum(path.exists() for path in made) == 2
    assert made[2].exists()
