"""What a word that names nothing may have been meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._cli.terminal import FAILED, USAGE
from btfdump._roots.suggestions import like, place
from tests.support.command import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["tasks"], FAILED, "no symbol 'tasks'; did you mean task?"),
        (["progz"], FAILED, "did you mean progs?"),
        (["module"], FAILED, "did you mean modules?"),
        (["modlues.next"], FAILED, "did you mean modules?"),
        (["saved_comand_line"], FAILED, "did you mean saved_command_line?"),
        (["tasks.comm"], FAILED, "did you mean task(PID or COMM)?"),
        (["char[]", "linux_banner"], USAGE, "symbol after linux_banner there is room for 'char["),
        (["struct x[]", "linux_banner"], USAGE, "'struct x[]': [] has no length such as [16] or"),
        (["char[][2]", "linux_banner"], USAGE, "'char[][2]': [][2] has no length such as [16] or"),
        (["char[]", "0xffffffff97c0b480"], USAGE, "'char[]': [] has no length such as [16] or"),
        (["char[x]", "linux_banner"], USAGE, "'char[x]': [x] has no length such as [16] or"),
        (["help"], FAILED, "'btfdump inspect --help' lists what can be named"),
        (["item_t", "other_item_t"], FAILED, "'item_t' is no type, and the kernel has no symbol"),
        (["0xffffffff97c0b480+8"], USAGE, "an address (init_task+0x8): say 'TYPE' 0xff"),
        (["0xffff9caa829c5904+0"], USAGE, "(slab task_struct, object 0xffff9caa829c5900+0x4)"),
        (["0xffffffffc03f9010+0"], USAGE, "(sample_root [btfsample]): say sample_root, or 'TYPE'"),
        (["16"], USAGE, "16 is an address: say 'TYPE' 16"),
        (["0x1ffffffffffffffff"], USAGE, "is an address: say 'TYPE'"),
        (["'u64' 0xff.x"], USAGE, "nor 'TYPE' ADDRESS; say it as two words: 'u64' 0xff.x"),
    ],
)
def test_what_is_said_of_words(
    sample: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    status: int,
    message: str,
) -> None:
    got, out, err = run(capsys, "inspect", str(sample("tagged")), *words)
    assert (got, out) == (status, "")
    assert message in err.splitlines()[0]


def test_few_are_named_and_none_without_a_variable(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    assert like(kernel, "map", ("maps", "map", "mapz", "mapy", "mapx")) == ["map", "mapz", "mapy"]
    assert like(kernel, "no_such_thing", ("task",)) == []
    assert like(kernel, "x" * 100_000, ("task",)) == []
    assert like(kernel, "crash_kexex", ("task",)) == []  # a function


def test_no_place(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    assert place(kernel, 16) == ""
    kernel.infers = False
    assert place(kernel, 0xFFFF9CAA829C5900) == ""
