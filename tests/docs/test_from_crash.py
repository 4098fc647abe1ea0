"""What docs/from-crash.md says to type instead of commands of crash, drgn and bpftool is done."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from btfdump._cli import main
from btfdump._roots.verbs import crash_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "from-crash.md"


def cells() -> Iterator[tuple[str, list[str]]]:
    """Yield the cells of each row of the tables: the first, and what the second has as code."""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            first, second, *_ = line.strip("| ").split(" | ")
            yield first, re.findall(r"`([^`]+)`", second)


COMMANDS = sorted({text for _, said in cells() for text in said if text.startswith("btfdump ")})
PYTHON = sorted({text for _, said in cells() for text in said if text.startswith("kernel")})


@pytest.mark.parametrize("text", COMMANDS)
def test_commands(text, sample, capsys):
    words = shlex.split(text.replace("CORE", str(sample("tagged"))))[1:]
    if "--help" in words:
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0
    else:
        limits = ["--elements", "2"] if words[0] == "inspect" else []
        assert main([*words, *limits]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("text", PYTHON)
def test_python(text, opened):
    assert eval(text, {"kernel": opened("tagged")}) is not None


def test_every_command_of_crash_is_there():
    firsts = " ".join(first for first, _ in cells())
    for word in crash_commands():
        assert re.search(rf"`(?:\w+ )?{word}\b", firsts), word
