"""The room's front door: what it names is there, and what only writers need is loaded for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import btfdump._btf as room
from btfdump._btf.builder import BtfBuilder


def test_each_name_is_there() -> None:
    assert [name for name in room.__all__ if not hasattr(room, name)] == []
    assert room.__all__ == sorted(room.__all__, key=lambda name: (name.islower(), name))
    assert room.BtfBuilder is BtfBuilder


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match=r"btfdump\._btf' has no attribute 'nonsense'"):
        room.nonsense  # noqa: B018


def test_readers_do_not_load_the_builder() -> None:
    code = (
        "import sys, btfdump._btf as room; builder = 'btfdump._btf.builder'; "
        "print(builder in sys.modules, bool(room.BtfBuilder), builder in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False True True\n"
