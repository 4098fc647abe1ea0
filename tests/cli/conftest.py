"""The sample dump, and the command run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def core(sample: Callable[[str], Path]) -> str:
    return str(sample("tagged"))


@pytest.fixture
def run(core: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `btfdump inspect CORE ...`; return (exit status, stdout, stderr)."""

    def call(*words: str, command: str = "inspect") -> tuple[int, str, str]:
        try:
            status = main([command, core, *words])
        except SystemExit as error:  # argparse leaves by this
            status = int(error.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out, err

    return call


@pytest.fixture
def incomplete(sample: Callable[[str], Path], tmp_path: Path) -> Path:
    """A dump that its writer could not finish."""
    data = bytearray(sample("tagged").read_bytes())
    data[424] |= 8
    path = tmp_path / "incomplete"
    path.write_bytes(data)
    return path
