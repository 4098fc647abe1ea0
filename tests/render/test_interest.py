"""A tree shows what matters first, and what is of interest to few on one line, or counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._graph.traverse import traverse
from btfdump._render import Root, get
from btfdump._render.fitting import visible
from btfdump.errors import AnnotationError
from tests.support.annotated import overlay, texts
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel

LINES = """\
[first]
thing = ["name", "b"]
part = ["y"]
[last]
thing = ["noise", "part"]
[scalar]
regs = "fold"
[struct.thing]
link = "role:link"
"""


def shown(lines: str = LINES, **options: Any) -> list[str]:
    world = World()
    world.struct("part", [("x", "int"), ("y", "int"), ("bad", "struct list_head")])
    world.struct("regs", [("r", "u64[16]")])
    world.struct("wide", [(f"m{i}", "u8") for i in range(16)])
    world.union("views", [("one", "struct regs"), ("two", "struct wide")])
    world.struct(
        "thing",
        [
            ("a", "int"),
            ("b", "int"),
            ("noise", "int"),
            ("part", "struct part"),
            ("regs", "struct regs"),
            ("link", "struct list_head"),
            ("views", "union views"),
            ("name", "char[8]"),
        ],
    )
    address = world.new("thing", a=1, b=2, noise=3, name=b"thing")
    world.set(address, "thing.part", world.pack(4, 4) + world.pack(5, 4))
    world.set(address, "thing.regs", world.pack(6, 8))
    world.set(address, "thing.link", world.pack(0x1000, 8) * 2)
    world.set(address, "thing.views", bytes(range(1, 17)))
    kernel = world.kernel([overlay(lines)])
    events = traverse(kernel.value("struct thing", address))
    return "".join(get("tree")([Root(events)], kernel.options(**options))).splitlines()


def test_a_tree() -> None:
    assert shown()[1:] == [
        '├── name  "thing"  char[8]',
        "├── b     2  int",
        "├── a     1  int",
        "├── part  y 5, ...  struct part (--unfold)",
        "├── regs  ...  struct regs (--unfold)",
        "├── views union views",
        "│   ├── one ...  struct regs (--unfold)",
        "│   └── two ...  struct wide (--unfold)",
        "└── 1 zero member not shown (--zero), 2 links and minor members left out (--unfold), "
        "2 pointers not followed (--depth, --follow)",
    ]


def test_unfolded_everything_is_there_in_the_order_of_c() -> None:
    lines = shown(unfold=True)
    names = [line.split()[1] for line in lines[1:] if line.startswith(("├", "└"))]
    assert names == ["a", "b", "noise", "part", "regs", "link", "views", "name", "1"]
    assert "--unfold" not in "\n".join(lines)


def test_without_a_word_about_a_struct_its_order_is_that_of_c() -> None:
    lines = shown("")
    names = [line.split()[1] for line in lines[1:] if line.startswith(("├", "└"))]
    assert names == ["a", "b", "noise", "part", "regs", "link", "views", "name", "1"]
    (other,) = (line for line in lines if "two" in line)
    assert other.endswith("...  struct wide (--unfold)")  # of the same bytes as `one`


def test_no_line_is_wider_than_the_terminal() -> None:
    for width in (20, 40, 80):
        for line in shown(width=width):
            assert visible(line) <= width


def test_what_is_wrong_inside_of_it_is_told() -> None:
    """Notes are never folded away."""
    world = World()
    world.struct("part", [("x", "int"), ("head", "struct list_head")], {"head": "nothing:node"})
    world.struct("thing", [("a", "int"), ("part", "struct part")])
    address = world.new("thing", a=1)
    world.set(address, "thing.part", world.pack(1, 8) + world.pack(0x1000, 8) * 2)
    kernel = world.kernel([overlay('[last]\nthing = ["part"]\n')])
    value = kernel.value("struct thing", address)
    text = "".join(kernel.dump(value, "tree"))
    assert "...  struct part (--unfold)" in text
    assert "no struct nothing in the BTF" in text


@pytest.mark.parametrize("table", ["first", "last"])
def test_mistakes_in_an_overlay(table: str, tmp_path: Path) -> None:
    from btfdump._annotate.overlay import Overlay

    file = tmp_path / "mine.toml"
    file.write_text(f'[{table}]\nthing = "name"\n')
    with pytest.raises(AnnotationError, match=rf"{table}.thing: expected a list of members"):
        Overlay.load(file)
    world = World()
    world.struct("thing", [("a", "int")])
    address = world.new("thing", a=1)
    kernel = world.kernel([overlay(f'[{table}]\nthing = ["b"]\n')])
    import json

    document = json.loads("".join(kernel.dump(kernel.value("struct thing", address), "jsonl")))
    assert texts(document) == [f"overlay mine.toml: {table} of struct thing: no member b"]


def test_a_task_fits_on_a_few_screens(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("tagged")
    (init,) = (task for task in kernel.tasks() if int(task.pid) == 1)
    for width in (80, 160):
        options = kernel.options(width=width)
        lines = "".join(get("tree")([Root(traverse(init))], options)).splitlines()
        assert len(lines) <= 120
        assert max(map(visible, lines)) <= width
    assert [line.split()[1] for line in lines[1:5]] == ["comm", "pid", "tgid", "__state"]
