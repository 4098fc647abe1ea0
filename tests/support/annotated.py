"""Small kernels with annotated containers, and what is said of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from btfdump._annotate.overlay import Overlay
from btfdump._graph.limits import Limits
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


def small_world() -> World:
    """Return the small kernel that most tests of annotations start from."""
    world = World()
    world.struct("wrap", [("x", "int"), ("inner", "struct list_head")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("one", "struct list_head"),
            ("two", "struct list_head"),
            ("hash", "struct hlist_node"),
            ("deep", "struct wrap"),
        ],
    )
    return world


def overlay(text: str, name: str = "mine.toml") -> Overlay:
    return Overlay(text, f"overlay {name}")


def ids(value: Value) -> list[int]:
    return [int(entry.id) for entry in value.walk_()]


def dumped(kernel: Kernel, value: Value, **limits: Any) -> Any:
    return json.loads("".join(kernel.dump(value, "jsonl", Limits(**limits))))


def texts(node: Any) -> list[str]:
    """Every note anywhere in a JSON document."""
    if isinstance(node, dict):
        found = [note["text"] for note in node.get("notes", ())]
        return found + [text for inner in node.values() for text in texts(inner)]
    if isinstance(node, list):
        return [text for inner in node for text in texts(inner)]
    return []


def items(world: World, head: int, node: str, *numbers: int) -> list[int]:
    """Put new items on a list_head, by member `node`."""
    found = [world.new("item", id=number) for number in numbers]
    world.link_list(head, [item + world.offset(f"item.{node}") for item in found])
    return found


def holder(world: World, tag: str | Sequence[str] = (), **how: Any) -> int:
    """A struct with one tagged list_head, which holds items 1, 2, 3 by `node`."""
    world.struct(
        "holder", [("n", "int"), ("head", "struct list_head")], {"head": tag} if tag else {}
    )
    address = world.new("holder")
    items(world, address + world.offset("holder.head"), how.get("node", "one"), 1, 2, 3)
    return address
