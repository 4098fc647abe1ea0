"""More items than a container shows, and what the events of a traversal show of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._graph.events import Enter
from tests.support.synthetic import CountingTarget, World

if TYPE_CHECKING:
    from btfdump._kernel.value import Value


def many_items() -> Value:
    """Return a holder of 300 items, each with a pointer to a friend; reads are counted."""
    world = World()
    world.struct("friend", [("x", "int"), ("holder", "struct holder *")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("zero", "int"),
            ("link", "struct list_head"),
            ("friend", "struct friend *"),
        ],
    )
    world.struct("holder", [("n", "int"), ("items", "struct list_head"), ("tail", "int")],
                 {"items": "item:link"})  # fmt: skip
    holder = world.new("holder", n=1, tail=2)
    friends = [world.new("friend", x=i + 1, holder=holder) for i in range(3)]
    items = [world.new("item", id=i + 1, friend=friends[i % 3]) for i in range(300)]
    world.link_list(
        holder + world.offset("holder.items"), [i + world.offset("item.link") for i in items]
    )
    kernel = world.kernel()
    kernel.target = CountingTarget(kernel.target)
    return kernel.value("struct holder", holder)


def full(events: list[Any], type_: str) -> int:
    return sum(isinstance(e, Enter) and not e.brief and str(e.value.type_) == type_ for e in events)
