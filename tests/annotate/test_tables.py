"""Where the library says what: its index is true, and a file is read when it is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from btfdump._annotate import overlay as overlay_module
from btfdump._annotate.grammar import Contains
from btfdump._annotate.overlay import Global, Overlay, library
from btfdump._annotate.tables import INDEX, Folder, Pieces, make_index

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIBRARY = Path(overlay_module.__file__).parent / "overlays"
STALE = "the index is not that of the files: pytest --update-goldens tests/annotate/test_tables.py"


def index_of(folder: Path) -> str:
    files = {path.name: tomllib.loads(path.read_text("utf-8")) for path in folder.glob("*.toml")}
    return make_index(files)


def test_the_index_of_the_library_is_that_of_its_files(request):
    expected = index_of(LIBRARY)
    if request.config.getoption("--update-goldens"):
        (LIBRARY / INDEX).write_text(expected, "utf-8", newline="\n")
    assert (LIBRARY / INDEX).read_text("utf-8") == expected, STALE


def test_the_library_says_by_its_index_what_its_files_say():
    text = "\n".join(path.read_text("utf-8") for path in sorted(LIBRARY.glob("*.toml")))
    whole = Overlay(text, "library")
    assert sorted(library().structs()) == sorted(whole.structs())
    assert sorted(library().globals()) == sorted(whole.globals())
    assert sorted(library().summaries()) == sorted(whole.summaries())
    assert library().container_texts() == whole.container_texts()
    for struct in whole.structs():
        assert library().members(struct) == whole.members(struct), struct
        for member in whole.members(struct):
            proven = whole.is_proven(struct, member)
            assert library().is_proven(struct, member) == proven, (struct, member)
    for struct in whole.summaries():
        assert library().summary(struct) == whole.summary(struct), struct
    for name in whole.globals():
        assert library().global_(name) == whole.global_(name), name
        assert library().is_proven("", name) == whole.is_proven("", name), name
    for head in whole.container_texts():
        assert library().container(head) == whole.container(head), head
    for name in whole._table("opaque"):
        assert library().opaque(name) == whole.opaque(name), name
    for name in whole.slab_caches():
        assert library().slab_cache(name) == whole.slab_cache(name), name


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "one.toml").write_text(
        '[struct.a]\nx = "item:link"\n\n[global]\nfirst = "int"\n\n[summary]\na = ["x"]\n'
    )
    (tmp_path / "two.toml").write_text(
        '[struct.a]\ny = "item:link"\n[struct.b]\n\n[global]\nsecond = "long"\nfirst_of = "int"\n'
    )
    (tmp_path / INDEX).write_text(index_of(tmp_path))
    return tmp_path


def test_a_file_is_read_when_something_of_it_is_asked_for(folder):
    overlay = Overlay(Folder(folder), "library")
    (folder / "one.toml").unlink()
    assert overlay.structs() == ["a", "b"]
    assert overlay.members("b") == {}
    assert overlay.members("nothing") == {}
    assert overlay.global_("second") == (Global("long"),)
    assert overlay.global_("sec") == ()
    assert overlay.summary("b") is None
    with pytest.raises(FileNotFoundError):
        overlay.members("a")


def test_what_several_files_say_comes_together(folder):
    overlay = Overlay(Folder(folder), "library")
    link = ((Contains("item", "link"),),)
    assert overlay.members("a") == {"x": link, "y": link}
    assert overlay.globals() == ["first", "second", "first_of"]
    assert overlay.global_("first") == (Global("int"),)
    assert overlay.summary("a") == ("x",)
    assert overlay.summaries() == ["a"]
    assert overlay.opaque("a") == []


def test_a_table_that_stands_twice_in_a_file_is_in_two_pieces():
    pieces = Pieces('# a\n[struct.a]\nx = "b"\n["struct" . "q"]\n[struct.a]\ny = "c"\n')
    assert pieces.structs() == ["a", "q"]
    assert list(pieces.pieces("struct.a")) == ['\nx = "b"', '\ny = "c"\n']
    assert list(pieces.pieces("global", "x")) == []
