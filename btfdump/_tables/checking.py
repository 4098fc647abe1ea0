"""Whether declared tables apply to a kernel: their rows and columns, each with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.applying import APPLIES, MISFIT, NO_MEMBER
from btfdump._annotate.coverage import CheckedHeads
from btfdump._kernel.following import Troubles
from btfdump._tables.columns import Bound
from btfdump._tables.library import definition_of, names
from btfdump.errors import AnnotationError, BtfdumpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from btfdump._annotate.overlay import Overlay
    from btfdump._kernel.context import Context


def check_tables(kernel: Context, overlays: Sequence[Overlay]) -> Iterator[CheckedHeads]:
    """Yield a record for the rows of each table and for each of its columns.

    `overlays` are those of the user. What the kernel has no members for is said to be missing; what
    no kernel can have, such as a function that does not exist, not to fit.
    """
    for name in names(overlays):
        source = next((o.source for o in overlays if name in o.tables()), "library")
        try:
            definition = definition_of(name, overlays)
            assert definition is not None
            bound = Bound(kernel, definition, Troubles())
        except BtfdumpError as error:
            yield _checked(source, name, "rows", error)
            continue
        yield _checked(source, name, "rows", None)
        for column in definition.columns:
            yield _checked(source, name, column.name, bound.lacking.get(column.name), column.see)


def _checked(
    source: str, table: str, member: str, error: BtfdumpError | None, see: str = ""
) -> CheckedHeads:
    status = APPLIES
    if error is not None:
        status = MISFIT if isinstance(error, AnnotationError) else NO_MEMBER
    reason = str(error) if error is not None else ""
    says = "rows of a table" if member == "rows" else "a column"
    return CheckedHeads(source, table, member, says, see, status, reason, table="table")
