"""Lines about all values of a type, and about what matters first: whether they apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.applying import APPLIES, MISFIT, NO_MEMBER, NO_STRUCT
from btfdump._annotate.coverage import check
from btfdump._annotate.lookup import Lookup
from btfdump._api.opening import open_core
from btfdump._btf import BtfBuilder
from tests.support.annotated import overlay
from tests.support.synthetic import World

if TYPE_CHECKING:
    from pathlib import Path

LINES = """\
[scalar]
mode_t = "mode"
box = "ipv6"
gone_t = "dev"
[first]
box = ["n", "of_another_version"]
lost = ["n"]
[last]
box = ["m"]
"""


def test_every_line_is_checked() -> None:
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    b.typedef("mode_t", int_)
    b.struct("box", 8, [("n", int_, 0), ("m_", int_, 32)])
    btf = b.parse()
    rows = {row.place: row for row in check((btf,), overlay(LINES), Lookup(btf))}
    assert {place: (row.status, row.reason) for place, row in rows.items()} == {
        "[scalar] mode_t": (APPLIES, ""),
        "[scalar] box": (MISFIT, "expected 16 bytes, not 8"),
        "[scalar] gone_t": (NO_STRUCT, "no type gone_t"),
        "[first] box": (APPLIES, ""),
        "[first] lost": (NO_STRUCT, "no struct lost"),
        "[last] box": (NO_MEMBER, "struct box has none of m"),
    }


def test_what_a_word_says_is_told_by_what_it_is_on() -> None:
    world = World()
    world.struct("box", [("n", "u16"), ("t", "u64")])
    btf = world.btf()
    lines = overlay('[struct.box]\nn = "mode"\nt = "flags:table nothing"\n')
    rows = {row.place: row for row in check((btf,), lines, Lookup(btf))}
    assert rows["box.n"].says == "the type and permissions of a file"
    assert rows["box.t"].status == MISFIT
    assert "no table nothing" in rows["box.t"].reason


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('[scalar]\ndev_t = "dev"\n', ""),
        ('[scalar]\nno_such_t = "dev"\n', "scalar: no type no_such_t in the BTF of this kernel"),
        ('[scalar]\ndev_t = "ipv6"\n', "scalar: dev_t: expected 16 bytes, not 4"),
        ('[scalar]\ndev_t = "task_struct:tasks"\n', "scalar: dev_t: it does not say what values"),
        ('[first]\nlost = ["n"]\n', "no struct lost in the BTF of this kernel"),
        ('[last]\ntask_struct = ["lost"]\n', "last of struct task_struct: no member lost"),
    ],
)
def test_a_users_line_that_applies_to_nothing_is_a_problem(
    tmp_path: Path, sample, line: str, problem: str
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(line)
    with open_core(sample("stock"), overlays=[path]) as kernel:
        told = [one for one in kernel.problems if one.startswith("overlay mine.toml: ")]
    assert len(told) == bool(problem)
    assert problem in "".join(told)
