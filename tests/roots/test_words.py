"""The words of a command line: which are types, and what goes with which."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._cli import main
from btfdump._cli.terminal import FAILED, OK, USAGE
from btfdump._roots.words import jobs
from btfdump.errors import ExpressionError, TypeNotFoundError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel


@pytest.fixture
def kernel() -> Kernel:
    world = World()
    world.struct("item", [("id", "int"), ("word", "u64")])
    for spelled in ("u64", "char", "int", "bool"):
        world.id(spelled)
    world.symbols["items"] = world.new("item", id=7, word=9)
    world.symbols["ticks"] = world.room(32)
    world.b.typedef("ticks_t", world.id("u64"))
    return world.kernel()


def meant(kernel: Kernel, *words: str) -> list[tuple[str, str]]:
    """Return (type, name) of everything that the words stand for."""
    return [(str(s.value.type_), s.name) for find in jobs(kernel, words) for s in find()]


def test_several_types(kernel: Kernel) -> None:
    assert meant(kernel, "bool", "ticks", "int", "items", "ticks+8", "ticks_t", "items") == [
        ("bool", "ticks"),
        ("int", "items"),
        ("int", "ticks+8"),
        ("ticks_t", "items"),
    ]
    assert meant(kernel, "struct", "item", "items", "struct item", "0x10", "struct", "item", "0x8")
    assert [name for _, name in meant(kernel, "u64", "0x10", "ticks", "0x20")] == [
        "0x10",
        "ticks",
        "0x20",
    ]


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["bool"], ExpressionError, None),
        (["bool", "ticks", "int"], ExpressionError, "'int' is a type: an address or a symbol must"),
        (["bool", "int", "ticks"], ExpressionError, "'bool' is a type: an address or a symbol"),
        (["int"], ExpressionError, "'int' is a type: an address or a symbol must follow"),
        (["void", "ticks"], ExpressionError, "'void' says nothing of what is there"),
        (["bool", "ticks", "void", "ticks"], ExpressionError, "'void' says nothing"),
        (["double", "ticks"], TypeNotFoundError, "no double in the BTF"),
        (["bool", "ticks", "struct nope", "ticks"], TypeNotFoundError, "no struct nope"),
        (["int(*)(int)", "ticks"], ExpressionError, "is the type of a function, or of a pointer"),
        (["bool", "ticks", "int (*fn)(u64)", "ticks"], ExpressionError, "say 'void \\*' for the"),
    ],
)
def test_what_is_refused_before_anything_is_shown(
    kernel: Kernel, words: list[str], error: type[Exception], message: str | None
) -> None:
    if message is None:  # a symbol as well as a type might have this form
        assert len(jobs(kernel, words)) == 1
        return
    with pytest.raises(error, match=message):
        jobs(kernel, words)


def test_what_is_refused_leaves_stdout_empty(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    core = str(sample("stock"))
    for words, status in (("bool panic_on_oops void", USAGE), ("float jiffies", FAILED)):
        assert main(["inspect", core, *words.split(), "--format", "json"]) == status
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("format_", "line"),
    [
        ("text", "panic_on_oops = (bool)false\n"),
        ("tree", "panic_on_oops false  bool\n"),
    ],
)
def test_scalars_have_their_names(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str], format_: str, line: str
) -> None:
    words = ["bool", "panic_on_oops", "int", "panic_timeout"]
    assert main(["inspect", str(sample("stock")), *words, "--format", format_]) == OK
    out = capsys.readouterr().out
    assert out.startswith(line)
    assert "-1" in out


def test_scalars_have_their_names_in_json(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bool", "panic_on_oops", "--format", "jsonl"]
    assert main(["inspect", str(sample("stock")), *words]) == OK
    assert json.loads(capsys.readouterr().out)["name"] == "panic_on_oops"
