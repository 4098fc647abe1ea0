"""Sources that the parser does not understand, or that never end."""

from __future__ import annotations

import pytest

from btfdump._harvest import source_files
from btfdump.errors import AnnotationError
from tests.support.c_source import ONE_HEAD


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
