"""The value of an expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._roots import VERBS, root
from btfdump._roots.expressions import evaluated
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Selected


@root(argument="EXPRESSION", registry=VERBS)
def find_value(kernel: Context, argument: str | None) -> Iterator[Selected]:
    """What an expression comes to, which is a root by itself as well."""
    if argument is None:
        raise ExpressionError("p: say what, as in `p 'jiffies_64 + 1'`")
    yield from evaluated(kernel, argument)
