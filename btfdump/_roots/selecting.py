"""What one word of a user's stands for: a path from a root or symbol, a type at an address."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from btfdump._btf.type_name import TypeName
from btfdump._decode.layout import StructLayout
from btfdump._kernel.expression import Path, parse_number
from btfdump._kernel.per_cpu import on_cpu
from btfdump._kernel.symbol_names import SPELLED
from btfdump._kernel.variables import named_global
from btfdump._roots import ROOTS, RootKind, Selected, root_of
from btfdump.errors import (
    AmbiguousTypeError,
    ExpressionError,
    MissingDataError,
    ObjectNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value
    from btfdump.errors import BtfdumpError


def has_symbol(kernel: Context, name: str) -> bool:
    """Whether a kernel has a symbol of that name, as far as that can be known."""
    try:
        return kernel._has_symbol(name)
    except MissingDataError:
        return False


def has_type(kernel: Context, name: str) -> bool:
    """Whether a kernel has a type of that C name, or several."""
    try:
        kernel.type(name)
    except (ExpressionError, TypeNotFoundError):
        return False
    except AmbiguousTypeError:
        return True
    return True


# What a user says. These are compiled when there is something to match, and kept by `re`.
_CALL = r"\s*([A-Za-z_]\w*)\s*\(([^()]*)\)"
_WHERE = r"(?=\s*(?:->|\.|\[|$))"
_SYMBOL = rf"\s*({SPELLED}){_WHERE}"
_ADDRESS = r"\s*(0[xX][0-9a-fA-F]+|\d+)(?![\w:])"  # but not 8021q:SYMBOL
_OFFSET = r"(?:\s*\+\s*(0[xX][0-9a-fA-F]+|\d+)(?!\w))?"
_AT_SYMBOL = rf"\s*({SPELLED}){_OFFSET}{_WHERE}"
_AT_ADDRESS = rf"{_ADDRESS}{_OFFSET}"
# What can be nothing but a type: with a keyword, or a pointer.
_WORDS = r"const|volatile|signed|unsigned|short|long|int|char|float|double|void|_Bool"
_TYPE = (
    r"(?:[\w-]+\s*:\s*)?(?:struct|union|enum)\s+[^.>]*|[^.>]*\*[*\s]*(?:\[[^]]*\]\s*)*"
    rf"|(?:[\w-]+\s*:\s*)?(?:(?:{_WORDS})\b\s*)+(?:\[[^]]*\]\s*)*"
)


def select(kernel: Context, text: str) -> Iterator[Selected]:
    """Yield what `task(1).signal->thread_head`, `init_task.children[0]` or `SYMBOL` stands for.

    Raises `ExpressionError` for a text that cannot be understood, and `SymbolNotFoundError`,
    `MemberNotFoundError` or `ObjectNotFoundError` for what does not exist.
    """
    call = re.match(_CALL, text)
    if call is not None:
        kind = root_of(call[1])
        if kind is None:
            known = ", ".join(
                f"{name}({k.argument})" for name, k in ROOTS.items() if isinstance(k, RootKind)
            )
            raise ExpressionError(f"{text}: no root {call[1]}(...); there are {known}")
        path = Path.parse(text[call.end() :], where=call[0])
        for found in kind.selected(kernel, call[2].strip() or None):
            name = f"{found.name}{path.text}"
            yield Selected(path.follow(found.value), name, not path.steps, found.fate)
        return
    symbol = re.match(_SYMBOL, text)
    if symbol is None:
        raise ExpressionError(_no_symbol(kernel, text))
    path = Path.parse(text[symbol.end() :], where=symbol[0])
    try:
        variable = named_global(kernel, symbol[1])
    except SymbolNotFoundError as error:
        raise _NoSuchName(str(error), partial(_perhaps, kernel, symbol[1], path)) from error
    if not kernel.is_per_cpu(symbol[1]):
        yield Selected(path.follow(variable), text)
        return
    for cpu, value in per_cpu_values(variable, symbol[1], path):
        rest = Path(path.text, path.steps[1:] if path.steps[:1] == (cpu,) else path.steps)
        yield Selected(rest.follow(value), f"{symbol[1]}[{cpu}]{text_after_cpu(path)}")


def per_cpu_values(variable: Value, name: str, path: Path) -> Iterator[tuple[int, Value]]:
    """Yield (CPU, value) for a per-CPU variable: the CPU that `path` starts with, or all.

    Mirrors per_cpu() (include/linux/percpu-defs.h).
    """
    wanted = path.steps[0] if path.steps and isinstance(path.steps[0], int) else None
    cpus = range(len(variable._context_.target.per_cpu_offsets)) if wanted is None else (wanted,)
    try:
        for cpu in cpus:
            yield cpu, on_cpu(variable, cpu)
    except IndexError as error:
        raise ObjectNotFoundError(f"{name}[{wanted}]: {error}") from error


def text_after_cpu(path: Path) -> str:
    """Return the text of a path without the CPU number that it may start with."""
    if path.steps and isinstance(path.steps[0], int):
        return path.text[path.text.index("]") + 1 :]
    return path.text


def at_address(kernel: Context, type_name: str, text: str) -> Selected:
    """Return the value of C type `type_name` at an address or symbol, and the path from there.

    Both may have an offset in bytes: `init_task+0x10`, `0xffff888000001000+16`.
    """
    match = re.match(_AT_ADDRESS, text)
    is_symbol = match is None
    if match is not None:
        address = parse_number(match[1])
    else:
        match = re.match(_AT_SYMBOL, text)
        if match is None:
            raise ExpressionError(
                f"{text!r} is neither an address nor a symbol, with or without an offset such as "
                "+0x10"
            )
        address = kernel.symbol(match[1])
    address += parse_number(match[2] or "0")
    if address >= 1 << kernel.layouts.pointer_size * 8:
        raise ExpressionError(f"address {match[0].strip()} does not fit into a pointer")
    if not is_symbol and kernel.is_template(address):
        name = (kernel.symbolize(address) or "SYMBOL").partition("+")[0]
        raise ExpressionError(
            f"{match[1]} is in the kernel's image of the per-CPU variables, which no CPU uses: "
            f"say '{type_name}' {name}[0] for that of CPU 0"
        )
    path = Path.parse(text[match.end() :], where=match[0])
    from btfdump._kernel.claims import Claimed, doubt

    value: Value = Claimed(kernel, kernel.type(type_name), address)
    rest = path
    if is_symbol and kernel.is_per_cpu(match[1]):
        if not path.steps or not isinstance(path.steps[0], int):
            raise ExpressionError(f"{match[1]} is per-CPU: say {match[1]}[0] for that of CPU 0")
        ((_, value),) = per_cpu_values(value, match[1], path)
        rest = Path(path.text, path.steps[1:], path.where)
    # A struct tells its address, and what it is; a scalar is nothing without its name.
    is_plain = not rest.steps and isinstance(value._layout_, StructLayout)
    return Selected(rest.follow(value), text, is_plain, doubt=doubt(value))


class _NoSuchName(SymbolNotFoundError):
    """A root that names nothing; `advise()` takes its time to look for what may have been meant."""

    def __init__(self, text: str, advise: Callable[[], str]) -> None:
        super().__init__(text)
        self.advise = advise


def advice_on(error: BtfdumpError) -> str:
    """Return what to add to an error of `select()` for a person to read, "" for most."""
    return error.advise() if isinstance(error, _NoSuchName) else ""


def _perhaps(kernel: Context, name: str, path: Path) -> str:
    """Return what to add to an error about a name of nothing, which a path may follow."""
    from btfdump._roots.suggestions import like

    roots = {one: one for one in ROOTS}
    if path.steps:  # of a table there are no members, and of a root once it is said of what
        roots = {
            one: f"{one}({kind.argument})"
            for one, kind in ROOTS.items()
            if isinstance(kind, RootKind)
        }
    found = [roots.get(one, one) for one in like(kernel, name, tuple(roots))]
    if not found:
        return "; 'btfdump inspect --help' lists what can be named"
    return f"; did you mean {' or '.join(found)}?"


def _no_symbol(kernel: Context, text: str) -> str:
    """Return what to say of a word that has not the form of a symbol: what an address is."""
    match = re.fullmatch(_AT_ADDRESS, text)
    if match is None:
        first, _, rest = text.strip().partition(" ")
        words = f"; say it without quotes: {first} {rest}" if rest and first in ROOTS else ""
        if typed := re.fullmatch(r"\s*('[^']+')\s+(\S+)\s*", text):  # quoted twice
            words = f"; say it as two words: {typed[1]} {typed[2]}"
        return f"{text!r} is neither a root, nor a symbol, nor 'TYPE' ADDRESS{words}"
    from btfdump._roots.suggestions import place

    address = parse_number(match[1]) + parse_number(match[2] or "0")
    there = place(kernel, address) if address < 1 << kernel.layouts.pointer_size * 8 else ""
    which = f" ({there})" if there else ""
    name = there.partition(" [")[0]  # without its module
    by_name = f"{name}, or " if name.isidentifier() else ""
    return f"{text} is an address{which}: say {by_name}'TYPE' {text}"


def _has_type_form(word: str) -> bool:
    """Whether a word of the command line can be nothing but a C type, by its form alone."""
    return re.fullmatch(_TYPE, word.strip()) is not None


def is_type(kernel: Context, word: str, following: str = "") -> bool:
    """Whether a word of the command line is a C type, by its form or by the word after it.

    `u64`, `char[64]` and `runqueues[0]` have one form: there the kernel's types and symbols decide.
    Raises `ExpressionError` if both have the name.
    """
    if re.match(_CALL, word):
        return False
    if _has_type_form(word) or re.match(_ADDRESS, following):
        return True
    try:
        name = TypeName.parse(word)
    except ExpressionError:
        return False
    if not following or " " in name.name:
        return bool(following)
    if not has_type(kernel, word):
        return False
    if not has_symbol(kernel, _symbol_in(name)):
        return True
    raise ExpressionError(
        f"{word!r} is a type and a symbol: say 'const {word}' for the type, or "
        f"'vmlinux:{word}' for the symbol"
    )


def is_further_type(kernel: Context, word: str) -> bool:
    """Whether a word after other words is a C type, rather than one more address or symbol.

    The word that follows it does not help to decide: it may be yet another place.
    """
    if re.match(_CALL, word) or re.match(_ADDRESS, word):
        return False
    if _has_type_form(word):
        return True
    try:
        name = TypeName.parse(word)
    except ExpressionError:
        return False
    return not has_symbol(kernel, _symbol_in(name)) and has_type(kernel, word)


def _symbol_in(name: TypeName) -> str:
    """Return the symbol that a text of the form of a type would name: `runqueues[0]`."""
    return name.text.partition("[")[0].strip()
