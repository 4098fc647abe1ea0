"""The cache of BTF indexes: it changes nothing but the time, whatever state it is in."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from btfdump._api.opening import open_core
from btfdump._btf import Btf
from btfdump._btf import cache as indexcache
from btfdump._btf.index import Index
from tests.support.effort import hangs_after

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel

NAMES = ["task_struct", "list_head", "init_task", "no such thing", "unsigned int", "modules", ""]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where files will be kept; nothing is there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "btfdump"


@pytest.fixture
def data(opened: Callable[[str], Kernel]) -> bytes:
    return opened("tagged").btf.data


@pytest.fixture
def kept(cache: Path, data: bytes) -> Path:
    """Return the file of the tagged kernel's BTF."""
    indexcache.store(Btf.from_bytes(data, check=False))
    (path,) = cache.glob("*.index")
    return path


def answers(btf: Btf) -> list[object]:
    found = [btf.find_all(None, name) for name in NAMES]
    tags = [tag.text for tag in btf.decl_tags(btf.find("struct", "task_struct"))]
    return [[[t.id for t in types] for types in found], tags, len(btf), str(btf.type(1000))]


def test_an_index_answers_as_the_btf_does(kept: Path, data: bytes) -> None:
    index = indexcache.load(data)
    assert index is not None
    plain = Btf.from_bytes(data, check=False)
    assert answers(Btf.from_bytes(data, check=False, index=index)) == answers(plain)
    every = {t.name for t in plain.iter_types()}
    quick = Btf.from_bytes(data, index=index)
    for name in list(every)[::50]:
        assert quick.find_all(None, name) == [quick.type(t.id) for t in plain.find_all(None, name)]


def test_big_endian_and_split_btf(opened: Callable[[str], Kernel]) -> None:
    for btf in (opened("s390x").btf, *opened("tagged").modules.btfs()):
        key = b"k" * 32
        index = Index.from_bytes(btf.index().to_bytes(bytes(32), key), bytes(32), key)
        again = Btf.from_bytes(btf.data, base=btf.base, check=False, index=index)
        assert again._records.index is index
        names = {t.name for t in btf.iter_types()}
        for name in list(names)[::50]:
            found = [t.id for t in again.find_all(None, name)]
            assert found == [t.id for t in btf.find_all(None, name)]


@pytest.mark.parametrize("cut", [0, 10, 75, 76, 1000, -1])
def test_a_truncated_file_is_none(kept: Path, data: bytes, cut: int) -> None:
    kept.write_bytes(kept.read_bytes()[:cut])
    assert indexcache.load(data) is None


@pytest.mark.parametrize("at", [0, 8, 41, 45, 75, 100, 200_000, -1])
def test_a_damaged_file_is_none(kept: Path, data: bytes, at: int) -> None:
    damaged = bytearray(kept.read_bytes())
    damaged[at] ^= 1
    kept.write_bytes(damaged)
    assert indexcache.load(data) is None


def test_an_index_of_another_btf_is_none(kept: Path, opened: Callable[[str], Kernel]) -> None:
    other = opened("stock").btf.data
    stolen = kept.with_name(indexcache._digest(other).hex() + ".index")
    kept.rename(stolen)
    assert indexcache.load(other) is None


def test_a_forged_index_makes_no_type_another(data: bytes) -> None:
    """Whole, of this BTF, and wrong: names are compared, starts beyond the section refused."""
    index = Btf.from_bytes(data, check=False).index()
    shifted = Index(index.starts, index.kinds, index.sums, index.ids[1:] + index.ids[:1])
    btf = Btf.from_bytes(data, check=False, index=shifted)
    assert all(t.name == name for name in NAMES for t in btf.find_all(None, name))
    far = index.starts[:]
    far[-1] = 1 << 30
    forged = Index(far, index.kinds, index.sums, index.ids)
    assert answers(Btf.from_bytes(data, check=False, index=forged)) == answers(
        Btf.from_bytes(data, check=False)
    )


def test_whole_and_of_this_btf_but_of_another_key(kept: Path, data: bytes) -> None:
    """Content that somebody else has made up: names it leaves out could not be missed."""
    digest = indexcache._digest(data)
    index = Btf.from_bytes(data, check=False).index()
    empty = Index(index.starts, index.kinds, index.sums[:0], index.ids[:0])
    kept.write_bytes(empty.to_bytes(digest, bytes(32)))
    assert indexcache.load(data) is None
    kept.write_bytes(index.to_bytes(digest, (kept.parent / "key").read_bytes()))
    assert indexcache.load(data) is not None


def test_a_key_is_the_users_own(kept: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    key = kept.parent / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    for mode in (0o640, 0o604, 0o622):
        key.chmod(mode)
        assert indexcache.load(data) is None
    key.chmod(0o600)
    assert indexcache.load(data) is not None
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 4242)
        assert indexcache.load(data) is None
    key.rename(kept.parent / "elsewhere")
    key.symlink_to(kept.parent / "elsewhere")
    assert indexcache.load(data) is None
    indexcache.store(Btf.from_bytes(data, check=False))  # refuses as well
    assert indexcache.load(data) is None
    key.unlink()
    key.write_bytes(b"short")
    key.chmod(0o600)
    assert indexcache.load(data) is None


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_that_is_none_is_made_again(kept: Path, data: bytes, size: int) -> None:
    """One that was left empty by a full disk made all runs after it go without, for good."""
    kept.with_name("key").write_bytes(bytes(size))
    assert indexcache.load(data) is None
    indexcache.store(Btf.from_bytes(data, check=False))
    assert indexcache.load(data) is not None
    assert kept.with_name("key").stat().st_mode & 0o777 == 0o600


def test_an_index_that_others_may_write_is_none(kept: Path, data: bytes) -> None:
    kept.chmod(0o666)
    assert indexcache.load(data) is None


@pytest.mark.parametrize("name", ["key", "index"])
def test_what_is_no_file_blocks_nobody(kept: Path, data: bytes, name: str) -> None:
    path = kept.parent / "key" if name == "key" else kept
    path.unlink()
    os.mkfifo(path, 0o600)
    with hangs_after(60):
        assert indexcache.load(data) is None
    path.unlink()
    path.symlink_to("/dev/zero")
    with hangs_after(60):
        assert indexcache.load(data) is None


def test_what_cannot_be_written_is_left_alone(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    indexcache.store(Btf.from_bytes(data, check=False))
    assert indexcache.load(data) is None
    assert blocked.read_text() == "no directory"


def test_a_read_only_folder(cache: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    cache.mkdir()
    with monkeypatch.context() as patch:  # root could write anywhere
        patch.setattr("pathlib.Path.open", refuse)
        indexcache.store(Btf.from_bytes(data, check=False))
    assert indexcache.load(data) is None
    assert list(cache.glob("*.index*")) == []


def test_a_relative_folder_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/somewhere")
    assert str(indexcache.folder()) == "/somewhere/.cache/btfdump"


def test_only_so_many_are_kept(cache: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexcache, "MOST", 3)
    cache.mkdir()
    for number in range(5):
        old = cache / f"{number}.index"
        old.write_bytes(b"")
        os.utime(old, (number, number))
    indexcache.store(Btf.from_bytes(data, check=False))
    left = sorted(path.name for path in cache.glob("*.index"))
    assert len(left) == 3
    assert {"3.index", "4.index"} < set(left)


def command(core: Path, cache: Path, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "btfdump", "inspect", str(core), "task", "1", *options],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        stdout=subprocess.PIPE,
    )


def test_runs_at_once_and_one_after_the_other(
    sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """Several at once, none finding anything; then one that does, and one that may not look."""
    core = sample("tagged")
    at_once = [command(core, tmp_path) for _ in range(3)]
    outputs = {process.communicate()[0] for process in at_once}
    (path,) = (tmp_path / "btfdump").glob("*.index")
    before = path.stat()
    outputs.add(command(core, tmp_path).communicate()[0])
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    outputs.add(command(core, tmp_path / "unused", "--no-cache").communicate()[0])
    assert len(outputs) == 1
    assert b".comm" in outputs.pop()
    assert not (tmp_path / "unused").exists()


def test_the_library_keeps_nothing_unless_told(sample: Callable[[str], Path], cache: Path) -> None:
    open_core(sample("tagged")).close()
    assert not cache.exists()
    open_core(sample("tagged"), cache=True).close()
    assert len(list(cache.glob("*.index"))) == 1
