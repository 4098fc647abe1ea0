"""What one word of a user's stands for: a path from a root or symbol, a type at an address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from btfdump._btf.type_name import TypeName
from btfdump._decode.layout import StructLayout
from btfdump._kernel.expression import Path, is_more_than_path, is_path, parse_number
from btfdump._kernel.per_cpu import on_cpu
from btfdump._kernel.symbol_names import SPELLED
from btfdump._kernel.variables import named_global
from btfdump._roots import ROOTS, Selected
from btfdump.errors import (
    AmbiguousTypeError,
    ExpressionError,
    MissingDataError,
    ObjectNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


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
_CALL = r"\s*(?!container_of\b)([A-Za-z_]\w*)\s*\(([^()]*)\)"
_WHERE = r"(?=\s*(?:->|\.|\[|$))"
_SYMBOL = rf"\s*({SPELLED}){_WHERE}"
_ADDRESS = r"\s*(0[xX][0-9a-fA-F]+|\d+|[0-9a-fA-F]{16})(?![\w:])"  # but not 8021q:SYMBOL
_DIGITS = 16
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
    if call is not None and is_path(text[call.end() :]):
        path = Path.parse(text[call.end() :], where=call[0])
        from btfdump._roots.names import called  # words alone are the most common

        for found in called(kernel, call[1], call[2].strip()):
            name = f"{found.name}{path.text}"
            yield Selected(path.follow(found.value), name, not path.steps, found.fate)
        return
    symbol = re.match(_SYMBOL, text)
    if symbol is None or not is_path(text[symbol.end() :]):
        if advice := _no_symbol(kernel, text):
            raise ExpressionError(advice)
        from btfdump._roots.expressions import evaluated  # few looks need more than a path

        yield from evaluated(kernel, text)
        return
    path = Path.parse(text[symbol.end() :], where=symbol[0])
    try:
        variable = named_global(kernel, symbol[1])
    except SymbolNotFoundError as error:
        from btfdump._roots.expressions import enumerator

        number = enumerator(kernel, symbol[1])
        if number is None:
            from btfdump._roots.names import no_such_name

            raise no_such_name(kernel, symbol[1], error, has_path=bool(path.steps)) from error
        yield Selected(path.follow(number), text)
        return
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
    for cpu in cpus:
        yield cpu, instance(variable, name, cpu)


def instance(variable: Value, name: str, cpu: int) -> Value:
    """Return one CPU's instance of the variable `name`; raises `ObjectNotFoundError`."""
    try:
        return on_cpu(variable, cpu)
    except IndexError as error:
        raise ObjectNotFoundError(f"{name}[{cpu}]: {error}") from error


def text_after_cpu(path: Path) -> str:
    """Return the text of a path without the CPU number that it may start with."""
    if path.steps and isinstance(path.steps[0], int):
        return path.text[path.text.index("]") + 1 :]
    return path.text


def objects_at(kernel: Context, type_name: str, text: str) -> Iterator[Selected]:
    """Yield the value of C type `type_name` at an address or symbol, or what is behind steps.

    Both may have an offset in bytes: `init_task+0x10`, `0xffff888000001000+16`. Behind a step may
    stand what may be behind an operand of an expression.
    """
    from btfdump._kernel.claims import doubt

    value, told, rest = _object_at(kernel, type_name, text)
    if is_more_than_path(rest):
        from btfdump._roots.expressions import evaluated_from

        yield from evaluated_from(kernel, value, told, rest, doubt(value))
        return
    path = Path.parse(rest, where=told)
    # A struct tells its address, and what it is; a scalar is nothing without its name.
    is_plain = not path.steps and isinstance(value._layout_, StructLayout)
    yield Selected(path.follow(value), text, is_plain, doubt=doubt(value))


def _object_at(kernel: Context, type_name: str, text: str) -> tuple[Value, str, str]:
    """Return the object that a text begins with, that beginning, and the rest."""
    match = re.match(_AT_ADDRESS, text)
    is_symbol = match is None
    if match is not None:
        address = _number(match[1])
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
    from btfdump._kernel.claims import Claimed

    value: Value = Claimed(kernel, kernel.type(type_name), address)
    if not is_symbol or not kernel.is_per_cpu(match[1]):
        return value, match[0], text[match.end() :]
    cpu = re.match(r"\s*\[\s*(\d+)\s*\]", text[match.end() :])
    if cpu is None:
        raise ExpressionError(f"{match[1]} is per-CPU: say {match[1]}[0] for that of CPU 0")
    number, end = parse_number(cpu[1]), match.end() + cpu.end()
    return instance(value, match[1], number), text[:end], text[end:]


def _number(text: str) -> int:
    """Return the number that a text of the form `_ADDRESS` is: 16 digits are an address."""
    return int(text, 16) if len(text) == _DIGITS and text.isalnum() else parse_number(text)


def _no_symbol(kernel: Context, text: str) -> str:
    """Return what to say of a word that is no expression, as it is an address or several words.

    Returns "" for one that may be an expression.
    """
    match = re.fullmatch(_AT_ADDRESS, text)
    if match is None or (match[2] and match[1].isdecimal()):  # the latter is a sum
        first, _, rest = text.strip().partition(" ")
        if typed := re.fullmatch(r"\s*('[^']+')\s+(\S+)\s*", text):  # quoted twice
            words = f"; say it as two words: {typed[1]} {typed[2]}"
        elif first in ROOTS and re.match(r"[\w*?'\"]", rest):
            words = f"; say it without quotes: {first} {rest}"
        else:
            return ""
        return f"{text!r} is neither a root, nor a symbol, nor 'TYPE' ADDRESS{words}"
    from btfdump._roots.suggestions import place

    address = _number(match[1]) + parse_number(match[2] or "0")
    there = place(kernel, address) if address < 1 << kernel.layouts.pointer_size * 8 else ""
    which = f" ({there})" if there else ""
    name = there.partition(" [")[0]  # without its module
    by_name = f"{name}, or " if name.isidentifier() else ""
    return f"{text} is an address{which}: say {by_name}'TYPE' {text}"


def _is_expression(word: str) -> bool:
    """Whether a word begins as no type does: with an operator, or as container_of() does."""
    return re.match(r"\s*(?:[(*&!~-]|container_of\s*\()", word) is not None


def _has_type_form(word: str) -> bool:
    """Whether a word of the command line can be nothing but a C type, by its form alone."""
    return re.fullmatch(_TYPE, word.strip()) is not None


def is_type(kernel: Context, word: str, following: str = "") -> bool:
    """Whether a word of the command line is a C type, by its form or by the word after it.

    `u64`, `char[64]` and `runqueues[0]` have one form: there the kernel's types and symbols decide.
    Raises `ExpressionError` if both have the name.
    """
    if re.match(_CALL, word) or _is_expression(word):
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
    if re.match(_CALL, word) or re.match(_ADDRESS, word) or _is_expression(word):
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
