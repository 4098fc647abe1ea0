"""Named starting points: what a user may name on the command line.

A root is one file in this folder: a function decorated with `@root("name")` that takes the kernel
and an argument (or None), and yields the values meant.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from btfdump.errors import ExpressionError, SymbolNotFoundError
from btfdump.expression import Path
from btfdump.value import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump.context import Context

    Find: TypeAlias = "Callable[[Context, str | None], Iterator[Value]]"


@dataclass(frozen=True)
class RootKind:
    """A registered root: `find(kernel, argument)` yields values; None as argument means all."""

    name: str
    argument: str
    help: str
    find: Find


_registry: dict[str, RootKind] = {}


def root(name: str, *, argument: str) -> Callable[[Find], Find]:
    """Register a generator as the root `name`; `argument` says in help what it takes."""

    def register(find: Find) -> Find:
        first_line = (find.__doc__ or "").strip().split("\n", 1)[0]
        _registry[name] = RootKind(name, argument, first_line, find)
        return find

    return register


def kinds() -> dict[str, RootKind]:
    """Return every registered root by name; loads the files of this folder once."""
    if not _registry:
        for module in pkgutil.iter_modules(__path__):
            importlib.import_module(f"{__name__}.{module.name}")
    return _registry


_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([^()]*)\)")
_SYMBOL = re.compile(r"\s*([A-Za-z_][\w.$]*?)(?=\s*(?:->|\.|\[|$))")
_ADDRESS = re.compile(r"\s*(0[xX][0-9a-fA-F]+|\d+)")
_TYPE = re.compile(r"(?:struct|union|enum)\s+\w+|.*\*\s*")


@dataclass(frozen=True)
class Selected:
    """A value that a user's words stand for. `name` is what was typed, where it is no object."""

    value: Value
    name: str


def select(kernel: Context, text: str) -> Iterator[Selected]:
    """Yield what `task(1).signal->thread_head`, `init_task.children[0]` or `SYMBOL` stands for.

    Raises `ExpressionError` for what cannot be understood, and lookup errors for what is not there.
    """
    call = _CALL.match(text)
    if call is not None:
        kind = kinds().get(call[1])
        if kind is None:
            known = ", ".join(f"{k.name}({k.argument})" for k in kinds().values())
            raise ExpressionError(f"{text}: no root {call[1]}(...); there are {known}")
        path = Path.parse(text[call.end() :], where=call[0])
        for value in kind.find(kernel, call[2].strip() or None):
            yield Selected(path.follow(value), text if path.steps else "")
        return
    symbol = _SYMBOL.match(text)
    if symbol is None:
        raise ExpressionError(f"{text!r} is neither a root, nor a symbol, nor 'TYPE' ADDRESS")
    path = Path.parse(text[symbol.end() :], where=symbol[0])
    yield Selected(path.follow(global_value(kernel, symbol[1])), text)


def at_address(kernel: Context, type_name: str, text: str) -> Selected:
    """Return the value of C type `type_name` at an address or symbol, and a path from there."""
    match = _ADDRESS.match(text)
    if match is not None:
        address = int(match[1], 0)
    else:
        match = _SYMBOL.match(text)
        if match is None:
            raise ExpressionError(f"{text!r} is neither an address nor a symbol")
        address = kernel.symbol(match[1])
    if address >= 1 << kernel.layouts.pointer_size * 8:
        raise ExpressionError(f"address {match[1]} does not fit into a pointer")
    path = Path.parse(text[match.end() :], where=match[0])
    value = Value(kernel, kernel.type(type_name), address)
    return Selected(path.follow(value), text if path.steps else "")


def global_value(kernel: Context, name: str) -> Value:
    """Return a global variable as a value.

    Raises `SymbolNotFoundError` if there is none, `ExpressionError` if its type is not known.
    """
    known = kernel.global_type(name)
    try:
        address = kernel.symbol(name)
    except SymbolNotFoundError as error:
        hint = f"; did you mean {name}(...)?" if name in kinds() else ""
        raise SymbolNotFoundError(f"{error}{hint}") from error
    if known is None:
        raise ExpressionError(
            f"the type of {name} (at {address:#x}) is not known: BTF describes only per-CPU "
            f"variables; say 'TYPE' {name}, or state it in an overlay: "
            f'[global] {name} = "struct ..."'
        )
    type_, facts = known
    return Value(kernel, type_, address, facts=facts)


def is_type(word: str) -> bool:
    """Whether a word of the command line is a C type that an address must follow."""
    return _TYPE.fullmatch(word.strip()) is not None
