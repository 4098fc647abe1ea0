"""The words of a command line: what they stand for, told before any of it is read or shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from btfdump._roots import ROOTS, VERBS, RootKind, TableKind
from btfdump._roots.selecting import (
    has_symbol,
    has_type,
    is_further_type,
    is_type,
    objects_at,
    select,
)
from btfdump.errors import ExpressionError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from btfdump._kernel.context import Context
    from btfdump._roots import Selected

    Job: TypeAlias = "Callable[[], Iterator[Selected]]"

_NAME = r"[A-Za-z_][\w-]*"
_KEYWORDS = frozenset(("struct", "union", "enum"))
_BARE_ADDRESS = r"\s*(?:0[xX][0-9a-fA-F]{1,16}|[0-9a-fA-F]{16})\s*(?=->|\.|\[|$)"
_OF_FUNCTION = r"[^(]*\(\s*\*[\s*\w]*\)\s*\(.*"


def jobs(kernel: Context, words: Sequence[str]) -> list[Job]:
    """Return a function for each of the user's words, which finds what the word stands for.

    All that follows the name of a root are its arguments. A type goes with the addresses and
    symbols after it, up to the next type. Raises `ExpressionError` if the words cannot be
    understood, and what `Context.type()` raises for a type that is not there.
    """
    words = _joined(words)
    kind = named(kernel, *words[:2])
    if isinstance(kind, RootKind):
        arguments: list[str | None] = [*words[1:]]
        return [_finder(kernel, kind, argument) for argument in arguments or [None]]
    found: list[Job] = []
    type_name, is_used = "", True
    for at, word in enumerate(words):
        if _is_type(kernel, words, at):
            _refuse_unused(type_name, is_used)
            _check_type(kernel, word, words[at + 1 : at + 2])
            type_name, is_used = word, False
            continue
        is_used = True
        if type_name:
            found.append(_placed(kernel, type_name, word))
        else:
            found.append(_selected(kernel, word, may_be_type=at == 0 and len(words) > 1))
    _refuse_unused(type_name, is_used)
    return found


def named(kernel: Context, word: str, following: str = "") -> RootKind | TableKind | None:
    """Return the root that the first word of a command line names, None for a symbol or a type.

    What the kernel knows goes before what other packages bring: who asks for a symbol, or for a
    type with an address `following`, does not wait until the metadata of packages are read. Raises
    `PluginError`.
    """
    for overlay in kernel.annotations.sources():
        if word in overlay.tables():
            from btfdump._roots.declared import declared  # few overlays have tables

            return declared(kernel, word)
    if following and word in VERBS.built_in and not has_type(kernel, word):
        return VERBS.get(word)  # a variable of the name may be said alone, or as vmlinux:NAME
    if word not in ROOTS.built_in and (
        not re.fullmatch(_NAME, word) or _is_known(kernel, word, following)
    ):
        return None
    kind = ROOTS.get(word)
    if kind is not None or not re.fullmatch(_NAME, word) or (word in _KEYWORDS and following):
        return kind
    from btfdump._roots.verbs import verb  # few words name nothing else

    return verb(word)


def _is_known(kernel: Context, word: str, following: str) -> bool:
    try:
        known = has_type if is_type(kernel, word, following) else has_symbol
    except ExpressionError:  # both
        return True
    return known(kernel, word)


def _joined(words: Sequence[str]) -> list[str]:
    """Return the words with `struct foo`, where it is two of them, as one."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _KEYWORDS:
            joined[-1] += f" {word}"
        else:
            joined.append(word)
    return joined


def _is_type(kernel: Context, words: Sequence[str], at: int) -> bool:
    """Whether the word at a position is a type: by its form, or as the kernel knows the name."""
    word = words[at]
    if re.fullmatch(_OF_FUNCTION, word):
        raise ExpressionError(
            f"{word!r} is the type of a function, or of a pointer to one; say 'void *' for the "
            "pointer"
        )
    return is_type(kernel, word, *words[1:2]) if at == 0 else is_further_type(kernel, word)


def _check_type(kernel: Context, word: str, following: Sequence[str]) -> None:
    """Raise what `Context.type()` raises, with how long an array at the word after it may be."""
    try:
        kernel.type(word)
    except ExpressionError as error:
        if "[]" not in word or not following:
            raise
        from btfdump._roots.suggestions import length_at

        raise ExpressionError(f"{error}{length_at(kernel, word, following[0])}") from None


def _refuse_unused(type_name: str, is_used: bool) -> None:
    if not is_used:
        raise ExpressionError(
            f"{type_name!r} is a type: an address or a symbol must follow it; its definition is in "
            f"btfdump types CORE {type_name!r}"
        )


def _finder(kernel: Context, kind: RootKind, argument: str | None) -> Job:
    return lambda: kind.selected(kernel, argument)


def _placed(kernel: Context, type_name: str, word: str) -> Job:
    return lambda: objects_at(kernel, type_name, word)


def _selected(kernel: Context, word: str, *, may_be_type: bool) -> Job:
    def find() -> Iterator[Selected]:
        if re.match(_BARE_ADDRESS, word):
            from btfdump._roots.at_address import lies_at

            yield from lies_at(kernel, word.strip())
            return
        try:
            yield from select(kernel, word)
        except SymbolNotFoundError as error:
            if not may_be_type:
                raise
            from btfdump._roots.names import advice_on

            told = f"{word!r} is no type, and {error}{advice_on(error)}"
            raise SymbolNotFoundError(told) from None

    return find
