"""The state of one traversal: what was asked for, and what has been shown so far."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from btfdump._decode.fields import Decoder
from btfdump._graph.summaries import Summaries
from btfdump._kernel.pointers import target_of

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._btf import types
    from btfdump._decode.layout import Layout
    from btfdump._graph.infer import Inference
    from btfdump._graph.limits import Limits
    from btfdump._graph.position import Position
    from btfdump._graph.readers import Reader
    from btfdump._graph.summaries import Summary
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


class State:
    """What the rules of one traversal share.

    `seen` maps the objects shown in full to True while they are still open; `partial` holds the
    open ones, including those of which only a part is shown. `is_selecting` says that members of
    the root are selected. `links` are the links that hold
    together the containers shown so far, as (struct, byte offset).
    """

    def __init__(
        self,
        context: Context,
        limits: Limits,
        *,
        zero: bool,
        follow: frozenset[tuple[str, ...]],
        reader: Reader | None,
        is_selecting: bool = False,
    ) -> None:
        self.context = context
        self.limits = limits
        self.zero = zero
        self.follow = follow
        self.reader = reader
        self.decoder = Decoder(context.layouts, context.facts, zero=zero, elements=limits.elements)
        self.seen: dict[tuple[int, types.Type], bool] = {}
        self.partial: set[tuple[int, types.Type]] = set()
        self.links: set[tuple[types.Type, int]] = set()
        self.objects = 0
        self.is_limit_told = False
        self._is_following = bool(limits.depth or follow or is_selecting)
        self._summaries = reader.summaries if reader else Summaries(context, limits.string)

    @cached_property
    def inference(self) -> Inference:
        """What infers the contents of containers that nothing describes."""
        from btfdump._graph.infer import Inference

        return Inference(self.context)

    def pointee(self, layout: Layout, facts: MemberFacts | None) -> types.Type | None:
        """Return the type that a pointer points to, without modifiers; None if there is none.

        Where any pointers are followed, modules are asked for structs that are only declared.
        """
        is_followed = self._is_following or (facts is not None and facts.follow is not None)
        return target_of(self.context, layout, facts, is_followed=is_followed)

    def key(self, value: Value) -> tuple[int, types.Type]:
        """Return what identifies an object: its address and its type."""
        return value.address_, value.type_.btf.skip_modifiers(value.type_)

    def is_followed(self, path: tuple[str, ...]) -> bool:
        """Whether --follow names this path, or a longer one that starts with it."""
        follow = self.follow
        return bool(follow) and any(path == wanted[: len(path)] for wanted in follow)

    def is_wanted(self, position: Position) -> bool:
        """Whether the user asks for what is here, with members or --follow, however deep it is."""
        return position.selection is not None or self.is_followed(position.path)

    def has_summary(self, type_: types.Composite) -> bool:
        """Whether annotations list members that represent objects of this type."""
        return self._summaries.has(type_)

    def summary(self, value: Value, room: int | None = None) -> Summary:
        """Return the members that represent an object, as its annotations list them.

        With `room`, only those that lie in so many bytes from its start on.
        """
        return self._summaries.of(value, room)
