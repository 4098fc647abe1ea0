"""What commands about types print of a file or a dump that they open."""

from __future__ import annotations

import pytest

from btfdump._cli import main
from btfdump._cli.terminal import OK


@pytest.mark.parametrize(
    "command",
    [
        ["tags", "CORE", "--decl"],
        ["functions", "CORE", "vfs_read"],
        ["functions", "CORE", "--tagged"],
        ["kfuncs", "CORE"],
        ["types", "CORE", "struct pid"],
        ["types", "CORE", "--header", "struct pid"],
        ["btf", "CORE", "-o", "FILE"],
        ["annotations", "check", "CORE"],
    ],
    ids=" ".join,
)
def test_who_asks_for_types_is_told_what_a_dump_lacks(incomplete, tmp_path, capsys, command):
    """The BTF of modules may be among it."""
    files = {"CORE": str(incomplete), "FILE": str(tmp_path / "out")}
    assert main([files.get(word, word) for word in command]) == OK
    assert f"btfdump: note: {incomplete}: is marked as incomplete: " in capsys.readouterr().err
