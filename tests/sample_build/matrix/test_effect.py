"""A line is met where its struct and member are; it is dead where its element is not found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.overlay import Overlay
from btfdump._api.opening import open_core
from sample_dumps.build.matrix.effect import effect_of

if TYPE_CHECKING:
    from pathlib import Path

LINES = """\
[struct.task_struct]
children = "task_struct:sibling"
sibling = "role:link"
tasks = "no_such_struct:link"
no_such_member = "task_struct:sibling"
[struct.no_such_struct]
list = "task_struct:sibling"
[struct.mm_struct]
"mm_mt" = "vm_area_struct"
"""


def test_lines_met_and_dead(sample, tmp_path: Path):
    file = tmp_path / "lines.toml"
    file.write_text(LINES)
    with open_core(sample("stock"), overlays=[file]) as kernel:
        effect = effect_of(kernel, Overlay.load(file))
    assert effect.met == 3
    assert effect.dead == {
        "task_struct.tasks": '"no_such_struct:link": no struct no_such_struct in the BTF'
    }


def test_the_library_takes_effect(opened):
    effect = effect_of(opened("stock"))
    assert effect.met > 700
    assert len(effect.dead) < 50
    # A member that is no container in this kernel is not what the line is about.
    assert not any(reason.endswith("is not a container") for reason in effect.dead.values())
