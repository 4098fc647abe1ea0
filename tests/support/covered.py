"""Containers of which some are known, and an overlay of which some lines apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.overlay import Overlay
from tests.support.annotated import small_world

if TYPE_CHECKING:
    from btfdump._btf import Btf


def covered_btf() -> Btf:
    """Return BTF with a struct that has a container of every status."""
    world = small_world()
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct("rb_node", [("left", "void *")])
    world.struct("leaf", [("branch", "struct rb_node"), ("branch_link", "struct list_head")])
    world.struct("klist", [("k_list", "struct list_head")])
    world.struct(
        "<inside>", [("deep", "struct hlist_head"), ("plain", "int")], {"deep": "item:hash"}
    )
    world.struct(
        "box",
        [
            ("tagged", "struct list_head"),
            ("said", "struct list_head"),
            ("link", "struct list_head"),
            ("open", "struct list_head"),
            ("wrong", "struct list_head"),
            ("table", "struct hlist_head[4]"),
            ("both", "struct list_head"),
            ("depends", "struct list_head"),
            ("tree", "struct rb_root"),
            ("", "struct <inside>"),
            ("count", "int"),
        ],
        {"tagged": "item:one", "wrong": "item:none", "both": "item"},
    )
    return world.kernel().btf


OVERLAY = """
[struct.box]
said = { tag = "item:two", see = "box.c: add()" }
link = "role:link"
depends = [["cond:count", "item:one"], ["cond:!count", "item:two"]]
table = ["gone:hash", "item:hash"]
count = "item:one"
absent = "item:one"
open = ["gone:one", "item:id"]

[container]
rb_root = "leaf:branch"

[struct.nowhere]
x = "item:one"
"""


def covering_overlay() -> Overlay:
    """Return an overlay whose lines apply, misfit, or name what is not there."""
    return Overlay(OVERLAY, "overlay mine.toml")
