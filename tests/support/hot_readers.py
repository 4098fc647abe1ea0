"""What compiled readers print, beside what is printed without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._render import Root, get, reader_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

MEMBERS = selection_of(["comm", "pid", "mm.pgd", "children.comm", "se.avg", "cred.uid", "files"])


def render(
    kernel: Kernel, values: Iterable[Value], format_: str, *, is_hot: bool, **how: Any
) -> list[str]:
    limits = how.pop("limits", Limits())
    options = kernel.options(limits=limits)
    reader = reader_for(format_, kernel, limits, options) if is_hot else None
    roots = (Root(traverse(value, limits, reader=reader, **how)) for value in values)
    return list(get(format_)(roots, options))


def assert_same(kernel: Kernel, values: list[Value], format_: str, **how: Any) -> None:
    expected = render(kernel, values, format_, is_hot=False, **how)
    assert render(kernel, values, format_, is_hot=True, **how) == expected
