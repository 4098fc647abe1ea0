"""A small BTF, and C read against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._harvest import harvest
from tests.support.c_source import HEADER
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._btf import Btf
    from btfdump._harvest.conclude import Conclusions


@pytest.fixture
def btf() -> Btf:
    world = World()
    world.struct("rb_node", [("left", "struct rb_node *")])
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct("xarray", [("xa_head", "void *")])
    world.struct("part", [("node", "struct list_head")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("link", "struct list_head"),
            ("more", "struct list_head"),
            ("hash", "struct hlist_node"),
            ("hashes", "struct hlist_node[2]"),
            ("rb", "struct rb_node"),
            ("part", "struct part"),
        ],
    )
    world.struct(
        "box",
        [
            ("items", "struct list_head"),
            ("others", "struct list_head"),
            ("table", "struct hlist_head[4]"),
            ("pair", "struct hlist_head[2]"),
            ("far", "struct hlist_head *"),
            ("tree", "struct rb_root"),
            ("all", "struct xarray"),
            ("inner", "struct part"),
            ("peers", "struct list_head"),
            ("up", "struct box *"),
        ],
    )
    world.struct("<anon>", [("l", "struct list_head")])
    world.b.typedef("anon_t", world.b.next_id - 1)
    return world.kernel().btf


@pytest.fixture
def read(tmp_path: Path, btf: Btf) -> Callable[..., Conclusions]:
    """Harvest one file of C beside the header."""

    def call(source: str, **others: str) -> Conclusions:
        root = tmp_path / "linux"
        (root / "include").mkdir(parents=True)
        (root / "include" / "box.h").write_text(HEADER)
        (root / "box.c").write_text(source)
        for name, text in others.items():
            path = root / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.with_suffix(".c").write_text(text)
        return harvest(root, btf, workers=1).conclusions

    return call
