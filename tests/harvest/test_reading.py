"""The files that are read, by how many processes, and how reading ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._cli import main
from btfdump._cli.interrupt import INTERRUPTED
from btfdump._cli.progress import Steps
from btfdump._harvest import harvest, scan
from btfdump._harvest.reading import source_files
from btfdump.errors import AnnotationError
from tests.support.c_source import HEADER
from tests.support.effort import hangs_after
from tests.support.terminal_output import shown_on_terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from btfdump._btf import Btf

_Item = TypeVar("_Item")
FILES = 100


@pytest.fixture
def tree(tmp_path: Path, btf: Btf) -> Path:
    """A source of a hundred files; each has a list of its own, the last one's differs."""
    root = tmp_path / "linux"
    (root / "include").mkdir(parents=True)
    (root / "include" / "box.h").write_text(HEADER)
    for number in range(FILES):
        field = "more" if number == FILES - 1 else "link"
        (root / f"f{number:02}.c").write_text(
            f"static LIST_HEAD(list{number});\n"
            f"void f{number}(struct box *b, struct item *i)\n"
            f"{{\n\tlist_add(&i->{field}, &b->items);\n"
            f"\tlist_add(&i->{field}, &list{number});\n}}\n"
        )
    (tmp_path / "box.btf").write_bytes(btf.data)
    return root


def words(tree: Path, *more: str) -> list[str]:
    return ["annotations", "harvest", str(tree), "--btf", str(tree.parent / "box.btf"), *more]


def test_every_number_of_processes_reads_the_same(tree, btf):
    alone, together = (harvest(tree, btf, workers=count) for count in (1, 3))
    assert alone.conclusions == together.conclusions
    assert alone.files_read == together.files_read == FILES + 1
    assert not alone.cut_short


def test_the_headers_that_all_share_are_read_first(tree):
    (tree / "arch").mkdir()
    (tree / "arch" / "a.c").write_text("")
    assert [path.name for path in source_files(tree)[:2]] == ["box.h", "a.c"]


def test_a_folder_that_is_not_in_the_source_is_refused(tree, btf):
    for name in ("nothing", "..", "f00.c", "/"):
        with pytest.raises(AnnotationError, match="--under names a folder of"):
            harvest(tree, btf, under=[name], workers=1)


def test_what_was_read_is_concluded_from(tree, btf):
    loops = iter((2, None))

    def until(items: Iterable[_Item]) -> Iterator[_Item]:
        return islice(items, next(loops))

    done = harvest(tree, btf, workers=1, until=until)
    assert done.cut_short == f"64 of {FILES + 1} files were read"
    assert len(done.conclusions.entries) == 63
    ((known, why), *_) = done.conclusions.unsettled
    assert known.spot == ("box", "items")
    assert why == "struct box is declared in include/box.h, for files that were not read as well"


def test_the_missing_extra_is_told_before_anything_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tree_sitter", None)
    scan.c_parser.cache_clear()
    try:
        for action in (["harvest", "--btf", str(tmp_path / "none.btf")], ["patch"]):
            assert main(["annotations", *action, str(tmp_path / "none")]) == 1
            assert "pip install 'btfdump[harvest]'" in capsys.readouterr().err
    finally:
        scan.c_parser.cache_clear()


@pytest.mark.parametrize("step", ["reading", "resolving"])
def test_an_interrupt_leaves_an_overlay_of_what_was_read(tree, capsys, monkeypatch, step):
    def show(self: Steps, done: int, total: int, what: str) -> None:
        if what == step and done:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Steps, "show", show)
    monkeypatch.setattr("btfdump._harvest._OFTEN", 16)
    out = tree.parent / "out.toml"
    assert main(words(tree, "-o", str(out))) == INTERRUPTED
    overlay = Overlay.load(out)
    assert "list0" in overlay.globals()
    assert "list99" not in overlay.globals()
    how_much = "files were read" if step == "reading" else "functions were resolved"
    assert how_much in capsys.readouterr().err
    assert how_much in out.read_text()


INTERRUPTED_IN_ALL = """
import os, signal, sys
from btfdump._cli import main
from btfdump._cli.progress import Steps
def show(self, done, total, what):
    if what == "reading" and done:
        os.killpg(0, signal.SIGINT)
Steps.show = show
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_goes_to_all_processes_and_none_of_them_complains(tree):
    out = tree.parent / "out.toml"
    with hangs_after(120):
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED_IN_ALL, *words(tree, "-o", str(out))],
            capture_output=True,
            text=True,
            start_new_session=True,
            check=False,
        )
    assert done.returncode == INTERRUPTED
    *_, last = done.stderr.splitlines()
    assert last.startswith("btfdump: interrupted: ")
    assert "Traceback" not in done.stderr
    assert "list0" in Overlay.load(out).globals()


def test_progress_is_shown_on_a_terminal_with_the_time_that_is_left(tree, tmp_path):
    command = [sys.executable, "-m", "btfdump", *words(tree)]
    shown = shown_on_terminal(command, tmp_path / "out")
    assert b"reading" in shown
    assert b"left" in shown
    piped = subprocess.run(command, capture_output=True, check=True)
    assert b"reading" not in piped.stderr
    assert piped.stdout == (tmp_path / "out").read_bytes()
