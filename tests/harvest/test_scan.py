"""Sources that the parser does not understand, or that never end."""

from __future__ import annotations

import os

import pytest

from btfdump._cli import main
from btfdump._harvest.reading import source_files
from btfdump.errors import AnnotationError
from tests.support.c_source import ONE_HEAD
from tests.support.effort import effort, hangs_after


def test_what_the_parser_does_not_understand_costs_one_function(read):
    found = read(
        "void broken( { ((( ;\n}\n" + ONE_HEAD["an insertion"] + "\nint deep(void) { return "
        + "(" * 3000 + "1" + ")" * 3000 + " + 1" * 3000 + ";\n}\n"
    )  # fmt: skip
    assert [e.spot for e in found.entries] == [("box", "items")]


def test_trees_without_source(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "a.c").write_text("")
    with pytest.raises(AnnotationError, match="no C source"):
        source_files(tmp_path)


@pytest.mark.parametrize(
    ("opening", "closing", "inside"),
    [
        ("(", ")", "1"),
        ("*", "", "p"),
        ("a ? b : ", "", "c"),
        ("f(&", ")", "b->items"),
        ("(void *)", "", "p"),
        ("a[", "]", "1"),
        ("p->", "", "q"),
        ("1 + ", "", "1"),
        ("x = ", "", "1"),
    ],
)
def test_expressions_nested_without_end_cost_themselves_alone(read, opening, closing, inside):
    deep = opening * 2000 + inside + closing * 2000
    with effort(6_000_000):
        found = read(
            f"int deep(struct box *b) {{ return {deep}; }}\n"
            f"void into(struct box *b) {{ list_add({deep}, &b->items); }}\n"
            + ONE_HEAD["an insertion"]
        )
    assert [e.spot for e in found.entries] == [("box", "items")]


def test_a_file_that_cannot_be_read_does_not_end_the_run(tmp_path, read, btf, capsys):
    read(ONE_HEAD["an insertion"])
    os.mkfifo(tmp_path / "linux" / "pipe.c")
    with (tmp_path / "linux" / "sparse.c").open("wb") as file:
        file.truncate(40 << 30)
    (tmp_path / "box.btf").write_bytes(btf.data)
    words = ["annotations", "harvest", str(tmp_path / "linux"), "--btf", str(tmp_path / "box.btf")]
    with hangs_after(120):
        assert main(words) == 0
    out, err = capsys.readouterr()
    assert "item:link" in out
    assert "pipe.c: is a pipe, not a regular file; expected C source; passed over" in err
    assert "sparse.c: has 42949672960 bytes" in err
