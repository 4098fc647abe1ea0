"""What is known of a member under a condition: `cond:EXPR` in annotations."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError
from btfdump.kernel.expression import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump.annotate.facts import MemberFacts
    from btfdump.kernel.typed import TypedAddress


def applying(facts: MemberFacts, scopes: Sequence[TypedAddress]) -> MemberFacts:
    """Return what holds of a member here: the first case whose condition does, or the rest.

    Names in conditions are members of `scopes`: the structs around the member, the innermost first.
    A condition that cannot be decided does not hold, and is a problem.
    """
    problems = []
    for condition, case in facts.cases:
        try:
            if evaluate(scopes, condition):
                return case
        except BtfdumpError as error:
            problems.append(f"{case.provenance} cond:{condition}: {error}")
    return replace(facts, cases=[], problems=[*facts.problems, *problems])
