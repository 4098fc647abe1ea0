"""The command, run in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._cli import main

if TYPE_CHECKING:
    import pytest


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    out, err = capsys.readouterr()
    return status, out, err
