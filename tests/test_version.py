"""The version stands in one place, and the package, its metadata and the command agree on it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import btfdump


def test_the_metadata_and_the_command_agree_with_the_package() -> None:
    """Where this fails, pyproject.toml or btfdump/__init__.py changed: install again."""
    done = subprocess.run(
        [sys.executable, "-m", "btfdump", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"btfdump {btfdump.__version__}\n"
    assert importlib.metadata.version("btfdump") == btfdump.__version__
