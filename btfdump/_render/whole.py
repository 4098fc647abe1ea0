"""Members that are shown as what they mean as a whole: what the reference makes of their bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._decode.fields import Decoder, Field
from btfdump._decode.layout import StructLayout
from btfdump._decode.scope import PathFacts, stated_by
from btfdump._render.outline import Outline
from btfdump._render.text import TextPainter

if TYPE_CHECKING:
    from btfdump._annotate.facts import MemberFacts
    from btfdump._decode.compiled.plan import PlanStep
    from btfdump._decode.layout import Layout, Layouts
    from btfdump._decode.scope import FactsOf, Stated
    from btfdump._render import Options


def stated_inside(step: PlanStep) -> Stated:
    """Return what is known of a member's own members, whichever struct around them states it."""
    found = PathFacts()
    for inner in step.inner:
        if inner.facts is not None and inner.name:
            found[inner.name] = inner.facts
    return stated_by(found)


def whole_text(
    layouts: Layouts,
    layout: Layout,
    facts: MemberFacts | None,
    name: str,
    depth: int,
    options: Options,
    facts_of: FactsOf | None,
    elements: int,
    stated: Stated,
    data: bytes,
) -> str:
    """Return the lines of one member, "" if it has nothing to show.

    `stated` is what the structs around it state about its own members.
    """
    decoder = Decoder(layouts, facts_of, zero=options.zero, elements=elements)
    fields = decoder.fields(layout, data, facts=facts, stated=stated)
    if isinstance(layout, StructLayout):
        field = Field(name, layout, 0, fields, facts, data=data)
    else:
        field = fields[0].replace(name=name)
    painter = TextPainter(options)
    items = Outline(keep_empty=options.zero).body([field], depth)
    return "\n".join(line for item in items for line in painter.lines(item))
