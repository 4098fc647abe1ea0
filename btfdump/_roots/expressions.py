"""Expressions as roots: what their names stand for, and what they come to as values to be shown."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from btfdump._kernel.computed import Computed, number_value
from btfdump._kernel.evaluation import Evaluation, Found
from btfdump._kernel.grammar import parse
from btfdump._kernel.per_cpu import on_cpu
from btfdump._kernel.variables import named_global
from btfdump._roots import Selected
from btfdump._roots.names import called, no_such_name
from btfdump._targets.memory import symbols_named
from btfdump.errors import (
    AnnotationError,
    ExpressionError,
    ObjectNotFoundError,
    SymbolNotFoundError,
    TypeNotFoundError,
    UnknownTypeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.evaluation import FindCpu
    from btfdump._kernel.grammar import Expression, Name
    from btfdump._kernel.value import Value


def evaluated(kernel: Context, text: str) -> Iterator[Selected]:
    """Yield what an expression comes to, once for each thing that it may stand for.

    A number is a `long`, or an `unsigned long` where it is too large for that. Raises
    `ExpressionError`, and what looking for its names and reading the kernel raises.
    """
    yield from _results(kernel, parse(text.strip()), _Names(kernel))


def evaluated_from(
    kernel: Context, value: Value, told: str, rest: str, doubt: str
) -> Iterator[Selected]:
    """Yield what an object comes to with `rest` behind it, operators as well as steps.

    `told` is what the object is called, and `doubt` what is to be said against it. Raises the same
    errors.
    """
    name = "_" * len(told)  # it stands where the object is told
    try:
        expression = parse(f"{name}{rest}")
    except ExpressionError as error:
        raise ExpressionError(str(error).replace(name, told, 1)) from None
    names = _FromObject(kernel, Found(value, told))
    for found in _results(kernel, expression._replace(text=f"{told}{rest}"), names):
        yield found._replace(doubt="; ".join(filter(None, (doubt, found.doubt))))


def _results(kernel: Context, expression: Expression, names: _Names) -> Iterator[Selected]:
    evaluation = Evaluation(kernel, expression, names, is_doubting=True)
    for value, name, fates, doubts in evaluation.results():
        if isinstance(value, str):
            raise ExpressionError(f"{name}: a text is nothing to be shown")
        found = number_value(kernel, value) if isinstance(value, int) else value
        yield Selected(found, name, fate=partial(_first, fates), doubt="; ".join(doubts))


def _first(fates: tuple[Callable[[], str], ...]) -> str:
    return next((said for fate in fates if (said := fate())), "")


def evaluate(kernel: Context, text: str) -> Value:
    """Return the one value that an expression comes to; see `Kernel.eval()`."""
    found: list[Selected] = []
    for selected in evaluated(kernel, text):
        found.append(selected)
        if len(found) > 1:
            names = ", ".join(one.name for one in found)
            raise ExpressionError(f"{text} stands for several things: {names}, ...; say which")
    if not found:
        raise ObjectNotFoundError(f"{text} stands for nothing")
    return found[0].value


def enumerator(kernel: Context, name: str) -> Value | None:
    """Return an enumerator of the kernel's as a value, None if there is none of the name.

    Raises `ExpressionError` if several enums have it with different values.
    """
    if not name.isidentifier():
        return None
    try:
        number = kernel.lookup.enumerator(name, kernel.btf)
    except AnnotationError as error:
        raise ExpressionError(str(error)) from error
    return None if number is None else number_value(kernel, number)


class _Names:
    """What a name stands for: a root, a variable, a function, an enumerator."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel

    def __call__(self, name: Name, cpu: FindCpu) -> Iterator[Found]:
        if name.words is not None:
            for one in called(self._kernel, name.text, name.words):
                yield Found(one.value, one.name, fate=one.fate)
            return
        kernel = self._kernel
        try:
            variable = named_global(kernel, name.text)
        except SymbolNotFoundError as error:
            constant = enumerator(kernel, name.text)
            if constant is None:
                raise no_such_name(kernel, name.text, error, has_path=True) from error
            yield Found(constant, name.text)
            return
        except UnknownTypeError:
            yield Found(self._function(name.text), name.text)
            return
        if not kernel.is_per_cpu(name.text):
            yield Found(variable, name.text)
            return
        asked = cpu()
        every = range(len(kernel.target.per_cpu_offsets))
        for number in every if asked is None else (asked,):
            try:
                value = on_cpu(variable, number)
            except IndexError as error:
                raise ObjectNotFoundError(f"{name.text}[{number}]: {error}") from error
            yield Found(value, f"{name.text}[{number}]", has_cpu=asked is not None)

    def _function(self, name: str) -> Value:
        """Return the address of a function, as a name of one is in C; else raise why not."""
        kernel = self._kernel
        symbols = symbols_named(kernel.target, name)
        if len(symbols) != 1 or not symbols[0].is_code:
            kernel.variable(name)  # raises the error, with what to do about it
        try:
            return Computed(kernel, kernel.type("void *"), kernel.symbol(name))
        except TypeNotFoundError:
            return number_value(kernel, kernel.symbol(name))


class _FromObject(_Names):
    """The same, and an object that is the first name."""

    def __init__(self, kernel: Context, given: Found) -> None:
        super().__init__(kernel)
        self._given = given

    def __call__(self, name: Name, cpu: FindCpu) -> Iterator[Found]:
        if name.start == 0:
            yield self._given
        else:
            yield from super().__call__(name, cpu)
