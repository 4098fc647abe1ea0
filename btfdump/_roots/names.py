"""What names of roots stand for, and what may have been meant by those that name nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._roots import ROOTS, RootKind, root_of
from btfdump.errors import ExpressionError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._roots import Selected
    from btfdump.errors import BtfdumpError


def called(kernel: Context, name: str, words: str) -> Iterator[Selected]:
    """Yield what `NAME(WORDS)` stands for; raises `ExpressionError` if there is no such root."""
    kind = root_of(name)
    if kind is None:
        known = ", ".join(f"{n}({k.argument})" for n, k in ROOTS.items() if isinstance(k, RootKind))
        raise ExpressionError(f"{name}({words}): no root {name}(...); there are {known}")
    yield from kind.selected(kernel, words or None)


def no_such_name(
    kernel: Context, name: str, error: SymbolNotFoundError, *, has_path: bool
) -> SymbolNotFoundError:
    """Return the error about a name of nothing, of which a path or more may be asked."""
    return _NoSuchName(str(error), partial(_perhaps, kernel, name, has_path=has_path))


class _NoSuchName(SymbolNotFoundError):
    """A root that names nothing; `advise()` takes its time to look for what may have been meant."""

    def __init__(self, text: str, advise: Callable[[], str]) -> None:
        super().__init__(text)
        self.advise = advise


def advice_on(error: BtfdumpError) -> str:
    """Return what to add to an error of `select()` for a person to read, "" for most."""
    return error.advise() if isinstance(error, _NoSuchName) else ""


def _perhaps(kernel: Context, name: str, *, has_path: bool) -> str:
    """Return what to add to an error about a name of nothing, which a path may follow."""
    from btfdump._roots.suggestions import like

    roots = {one: one for one in ROOTS}
    if has_path:  # of a table there are no members, and of a root once it is said of what
        roots = {
            one: f"{one}({kind.argument})"
            for one, kind in ROOTS.items()
            if isinstance(kind, RootKind)
        }
    found = [roots.get(one, one) for one in like(kernel, name, tuple(roots))]
    if not found:
        return "; 'btfdump inspect --help' lists what can be named"
    return f"; did you mean {' or '.join(found)}?"
