"""Templates as one type has them: fitted to the types of the kernel, with all that they name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.summaries import condition_of, fit
from btfdump._annotate.template import Slot
from btfdump._graph.conditions import compiled
from btfdump._graph.ways import SlotPlace, SlotPlaces
from btfdump.errors import AnnotationError, BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from btfdump._annotate.lookup import Lookup
    from btfdump._annotate.template import Part, Template
    from btfdump._btf import types
    from btfdump._kernel.context import Context

UNTOLD = (BtfdumpError, LookupError, TypeError, ValueError)
"""What is raised where something cannot be said: it is left out."""


class FittedCondition:
    """A condition over an object's members; "" always holds."""

    __slots__ = ("quick", "text")

    def __init__(self, text: str, places: SlotPlaces) -> None:
        self.text = text
        self.quick = compiled(text, partial(_reading, places)) if text else None


class FittedChoice:
    """An optional part, made for the objects of one type."""

    __slots__ = ("condition", "otherwise", "parts")

    def __init__(
        self, condition: FittedCondition, parts: Sequence[Fitted], otherwise: Sequence[Fitted]
    ) -> None:
        self.condition = condition
        self.parts = parts
        self.otherwise = otherwise


Fitted: TypeAlias = "str | SlotPlace | FittedChoice"


class FittedTemplate:
    """A template, made for the objects of one type."""

    __slots__ = ("has_slots", "parts", "texts")

    def __init__(
        self, parts: Sequence[Fitted], texts: Sequence[tuple[SlotPlace, tuple[str, ...]]]
    ) -> None:
        self.parts = parts
        self.texts = texts
        self.has_slots = any(not isinstance(part, str) for part in parts)


class FittedTemplates:
    """The templates of one type.

    `conditions` has that of each, None for one that always applies. A template itself is fitted
    when it is first needed: modules may be asked for what it names.
    """

    def __init__(
        self, context: Context, struct: types.Composite, templates: Sequence[Template]
    ) -> None:
        self.places = SlotPlaces(context, struct)
        self._lookup = context.lookup
        self._struct = struct
        self._templates = templates
        self._fitted: dict[int, FittedTemplate | None] = {}
        self.conditions = [
            FittedCondition(_resolved(one.condition, struct, self._lookup), self.places)
            if one.condition
            else None
            for one in templates
        ]

    def template(self, number: int) -> FittedTemplate | None:
        """Return a template by its number, None if it does not fit."""
        if number not in self._fitted:
            try:
                self._fitted[number] = self._fit(number)
            except UNTOLD:  # a struct that it names is damaged
                self._fitted[number] = None
        return self._fitted[number]

    def _fit(self, number: int) -> FittedTemplate | None:
        is_last = number == len(self._templates) - 1
        template = fit(
            self._templates[number], self._struct, self._lookup, [], is_checked=not is_last
        )
        if template is None:
            return None
        return FittedTemplate(
            tuple(map(self._part, template.parts)),
            [(SlotPlace(slot), texts) for slot, texts in template.texts],
        )

    def _part(self, part: Part) -> Fitted:
        if isinstance(part, str):
            return part
        if isinstance(part, Slot):
            return SlotPlace(part)
        return FittedChoice(
            FittedCondition(part.condition, self.places),
            tuple(map(self._part, part.parts)),
            tuple(map(self._part, part.otherwise)),
        )


def _reading(places: SlotPlaces, path: str) -> Callable[[bytes, int], int] | None:
    """Return what reads a member that conditions name from an object's bytes, None for others."""
    located = places.member(path)
    return located.read if located is not None and located.is_plain else None


def _resolved(text: str, struct: types.Composite, lookup: Lookup) -> str:
    """Return a condition with its enumerators resolved; one that cannot be does not hold."""
    try:
        return condition_of(text, struct, lookup)
    except AnnotationError:
        return "0"
