"""What is counted of a file, of a folder and of a dump."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.headcount import LIST, Heads
from btfdump._api.headcount import headcount
from btfdump._btf import BtfBuilder
from tests.support.annotated import small_world

if TYPE_CHECKING:
    from pathlib import Path

OVERLAY = """
[struct.box]
items = "item:one"
far = "of_module:link"
"""


def test_a_file_and_a_folder(tmp_path: Path) -> None:
    """A struct of vmlinux may hold what only a module has."""
    world = small_world()
    world.struct("box", [("items", "struct list_head"), ("far", "struct list_head")])
    btf = world.btf()
    (tmp_path / "vmlinux").write_bytes(btf.data)
    b = BtfBuilder(base=btf)
    head = btf.find("struct", "list_head").id
    b.struct("of_module", 32, [("list", head, 0), ("link", head, 128)])
    (tmp_path / "module").write_bytes(b.build())
    overlay = tmp_path.parent / "mine.toml"
    overlay.write_text(OVERLAY)
    alone = headcount(str(tmp_path / "vmlinux"), [overlay])
    assert {place: count.by_kind[LIST] for place, count in alone.items()} == {
        "vmlinux": Heads(1, 3, 0, 1)  # unknown: item.two, wrap.inner, box.far
    }
    both = headcount(str(tmp_path), [overlay])
    assert {place: count.by_kind[LIST] for place, count in both.items()} == {
        "vmlinux": Heads(2, 2, 0, 1),
        "modules": Heads(0, 1, 0, 1),
    }


def test_a_dump(sample) -> None:
    counts = headcount(str(sample("tagged")))
    assert counts["modules"].with_heads == ["btfsample"]
    assert counts["vmlinux"].by_kind[LIST].typed > 250
