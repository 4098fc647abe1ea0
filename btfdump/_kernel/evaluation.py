"""Expressions that users type, evaluated: the steps of grammar.py to values.

What a name stands for, its user finds: a root, a variable, an enumerator. It may be several things,
and so may the entries for which a condition holds: there is a result for each, one after the other.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from btfdump._annotate.postfix import BINARY, UNARY
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump._kernel.computed import (
    AddressOf,
    Cast,
    cast,
    container_of,
    integer,
    moved,
    pointed_size,
)
from btfdump._kernel.expression import binary, excerpt
from btfdump._kernel.keys import at_key, entries_of, label_of, texts_of
from btfdump._kernel.value import Value
from btfdump.errors import (
    CorruptDataError,
    ExpressionError,
    FaultError,
    MemberNotFoundError,
    ObjectNotFoundError,
    SymbolNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Protocol

    from btfdump._annotate.postfix import PathStep
    from btfdump._kernel.context import Context
    from btfdump._kernel.grammar import Expression, Name, Subscript

    Operand: TypeAlias = "Value | int | str"
    FindCpu: TypeAlias = "Callable[[], int | None]"

    class Names(Protocol):
        """Finds what a name in an expression stands for."""

        def __call__(self, name: Name, cpu: FindCpu) -> Iterator[Found]:
            """Yield what it stands for; of a per-CPU variable that of one CPU, or all if None."""


class Found(NamedTuple):
    """What a name stands for, and how it is to be called; `has_cpu` if the CPU was made use of.

    `fate()` says what has become of it since it was read, "" if nothing has.
    """

    value: Operand
    name: str
    has_cpu: bool = False
    fate: Callable[[], str] | None = None


class Result(NamedTuple):
    """What an expression came to, what to call it, and what is to be said against it.

    `fates` are those of what its names stood for.
    """

    value: Operand
    name: str
    fates: tuple[Callable[[], str], ...]
    doubts: tuple[str, ...]


class _State(NamedTuple):
    """A machine between two steps; `labels` are what to call parts of the text."""

    at: int
    stack: tuple[Operand, ...]
    labels: tuple[tuple[int, int, str], ...] = ()
    fates: tuple[Callable[[], str], ...] = ()
    doubts: tuple[str, ...] = ()


class Evaluation:
    """The evaluation of one expression in one kernel.

    With `is_doubting`, each cast that is followed is held against what lies there.
    """

    def __init__(
        self, context: Context, expression: Expression, names: Names, *, is_doubting: bool = False
    ) -> None:
        self.context = context
        self.expression = expression
        self.names = names
        self.is_doubting = is_doubting
        self._told = excerpt(expression.text)

    def results(self) -> Iterator[Result]:
        """Yield what the expression comes to, once for each thing that it may stand for.

        Raises `ExpressionError`, and what reading members, containers and names raises.
        """
        for state in self._run(self.expression.steps, self.names):
            (value,) = state.stack
            text = self.expression.text
            for start, end, label in sorted(state.labels, reverse=True):
                text = f"{text[:start]}{label}{text[end:]}"
            yield Result(value, text, state.fates, self._doubts(value, state.doubts))

    def _run(self, steps: Sequence[PathStep], names: Names) -> Iterator[_State]:
        """Yield each state in which the steps end: what is found several times is gone through."""
        pending: list[Iterator[_State]] = [iter((_State(0, ()),))]
        while pending:
            state = next(pending[-1], None)
            if state is None:
                pending.pop()
            elif state.at >= len(steps):
                yield state
            else:
                pending.append(self._next(steps, state, names))

    def _next(self, steps: Sequence[PathStep], state: _State, names: Names) -> Iterator[_State]:
        """Yield the states after some steps, of which there are several where one finds several."""
        while state.at < len(steps):
            kind, operand = steps[state.at]
            if kind == "name":
                yield from self._named(steps, state, operand, names)
                return
            if kind == "index" and operand.is_condition:
                yield from self._matching(state, operand, names)
                return
            state = self._step(kind, operand, state, names)
        yield state

    def _named(
        self, steps: Sequence[PathStep], state: _State, name: Name, names: Names
    ) -> Iterator[_State]:
        following = steps[state.at + 1] if state.at + 1 < len(steps) else None
        is_key = following is not None and following[0] == "index"
        index: Subscript | None = following[1] if following is not None and is_key else None

        def cpu() -> int | None:
            if index is None or index.is_condition:
                return None
            return self._int(self._subscript(index, names))

        for found in names(name, cpu):
            end = index.end if index is not None and found.has_cpu else name.end
            yield state._replace(
                at=state.at + 1 + found.has_cpu,
                stack=(*state.stack, found.value),
                labels=(*state.labels, (name.start, end, found.name)),
                fates=(*state.fates, found.fate) if found.fate is not None else state.fates,
            )

    def _matching(self, state: _State, subscript: Subscript, names: Names) -> Iterator[_State]:
        """Yield the states with each entry of a container for which a condition holds."""
        *rest, top = state.stack
        container, doubts = self._followed(self._value(top, "[]"), state.doubts)
        text = self.expression.text[subscript.start : subscript.end]
        count, is_found, unreadable = 0, False, ""
        for key, entry, is_pair in entries_of(container, f"{self._told}: {text}"):
            count += 1
            scope = _EntryNames(entry, key, names, is_pair=is_pair)
            try:
                holds = any(_truth(s.stack[-1]) for s in self._run(subscript.steps, scope))
            except FaultError as error:
                if error.address or error.size:  # else it leads through NULL: it does not hold
                    unreadable = unreadable or str(error)
                continue
            if holds:
                is_found = True
                label = label_of(key, count - 1)
                called = text if label is None else f"[{label}]"
                yield state._replace(
                    at=state.at + 1,
                    stack=(*rest, entry),
                    labels=(*state.labels, (subscript.start, subscript.end, called)),
                    doubts=doubts,
                )
        if unreadable:
            raise CorruptDataError(f"{self._told}: {text}: not known of every entry: {unreadable}")
        if not is_found:
            raise ObjectNotFoundError(f"{self._told}: {text} holds for none of {count} entries")

    def _subscript(self, subscript: Subscript, names: Names) -> Operand:
        """Return the one value of what stands in brackets."""
        states = list(self._run(subscript.steps, names))
        if len(states) != 1:
            text = self.expression.text[subscript.start : subscript.end]
            raise ExpressionError(f"{self._told}: {text} stands for {len(states)} things, not one")
        return states[0].stack[-1]

    def _step(self, kind: str, operand: Any, state: _State, names: Names) -> _State:
        at, stack, doubts = state.at + 1, state.stack, state.doubts
        if kind.startswith("skip "):
            is_decided = _truth(stack[-1]) == (kind == "skip ||")
            at, stack = (operand, stack) if is_decided else (at, stack[:-1])
        elif kind in ("number", "text"):
            stack = (*stack, operand)
        elif kind in BINARY or kind in ("~", "!~"):
            stack = (*stack[:-2], self._binary(kind, stack[-2], stack[-1]))
        elif kind in UNARY:
            top = stack[-1]
            number = not _truth(top) if kind == "unary !" else UNARY[kind](self._int(top))
            stack = (*stack[:-1], int(number))
        elif kind == "truth":
            stack = (*stack[:-1], int(_truth(stack[-1])))
        else:
            value, doubts = self._applied(kind, operand, stack[-1], names, doubts)
            stack = (*stack[:-1], value)
        return state._replace(at=at, stack=stack, doubts=doubts)

    def _applied(
        self, kind: str, operand: Any, top: Operand, names: Names, doubts: tuple[str, ...]
    ) -> tuple[Value, tuple[str, ...]]:
        """Return what an operator that follows or precedes one value makes of it."""
        if kind == "cast":
            if isinstance(top, str):
                raise ExpressionError(f"{self._told}: a text cannot be cast")
            return cast(top, self.context.type(operand), self.context), doubts
        value = self._value(top, kind)
        if kind == "unary &":
            return AddressOf(value), doubts
        if kind == "container_of":
            return container_of(value, *operand), doubts
        if kind == ".":
            value, doubts = self._followed(value, doubts)
            return value.member_(operand), doubts
        if kind == "unary *":
            if isinstance(value._layout_, ArrayLayout):
                return value[0], doubts
            if not value.is_pointer_:
                raise ExpressionError(f"{self._told}: * of {value.type_}, which is no pointer")
            return value.deref_(), self._doubts(value, doubts)
        key = self._subscript(operand, names)
        text = self.expression.text[operand.start : operand.end]
        try:
            return at_key(value, key, text), doubts
        except IndexError as error:
            raise ObjectNotFoundError(f"{self._told}: {text}: {error}") from error

    def _followed(self, value: Value, doubts: tuple[str, ...]) -> tuple[Value, tuple[str, ...]]:
        """Return what a cast pointer leads to, with what there is to be said against it."""
        if not isinstance(value, Cast):
            return value, doubts
        return value.deref_(), self._doubts(value, doubts)

    def _doubts(self, value: Operand, doubts: tuple[str, ...]) -> tuple[str, ...]:
        """Return doubts, and what there is to be said against a cast pointer's target."""
        if not (self.is_doubting and isinstance(value, Cast)):
            return doubts
        from btfdump._kernel.claims import doubt

        try:
            target = value.deref_()
        except FaultError:  # what is not in the kernel's memory cannot be doubted
            return doubts
        said = doubt(target) if isinstance(target._layout_, StructLayout) else ""
        return (*doubts, said) if said and said not in doubts else doubts

    def _value(self, top: Operand, kind: str) -> Value:
        if isinstance(top, Value):
            return top
        what = f"{top:#x}" if isinstance(top, int) else f'"{excerpt(top)}"'
        how = {"container_of": "container_of()", "index": "[]"}.get(kind, kind.split()[-1])
        raise ExpressionError(
            f"{self._told}: {how} of {what}, which has no type: cast it, as (struct list_head *)"
        )

    def _int(self, operand: Operand) -> int:
        if isinstance(operand, int):
            return operand
        if isinstance(operand, str) or not isinstance(operand._layout_, ScalarLayout):
            what = "a text" if isinstance(operand, str) else str(operand.type_)
            raise ExpressionError(f"{self._told}: {what} is no number")
        return integer(operand)

    def _binary(self, kind: str, left: Operand, right: Operand) -> Operand:
        if kind in ("~", "!~") or isinstance(left, str) or isinstance(right, str):
            return self._compared(kind, left, right)
        for one, other, is_first in ((left, right, True), (right, left, False)):
            if isinstance(one, Value) and one.is_pointer_ and kind in ("+", "-"):
                is_other_pointer = isinstance(other, Value) and other.is_pointer_
                if is_other_pointer and is_first and kind == "-":
                    return (self._int(one) - self._int(other)) // pointed_size(one)
                if not is_other_pointer and (is_first or kind == "+"):
                    number = self._int(other)
                    return moved(one, number if kind == "+" else -number)
        return binary(BINARY[kind], kind, self._int(left), self._int(right), self._told)

    def _compared(self, kind: str, left: Operand, right: Operand) -> int:
        """Compare with a text: a string, the name of an enumerator, or what a value means."""
        if kind in ("~", "!~") and not isinstance(right, str):
            raise ExpressionError(f'{self._told}: expected a text behind {kind}: "PATTERN"')
        if kind not in ("==", "!=", "~", "!~"):
            raise ExpressionError(f"{self._told}: texts are compared by == != ~ and !~ alone")
        value, text = (left, right) if isinstance(right, str) else (right, left)
        assert isinstance(text, str)
        texts = texts_of(value, self._told)
        if kind in ("==", "!="):
            return int((text in texts) == (kind == "=="))
        try:
            is_found = any(re.search(text, one) for one in texts)
        except re.error as error:
            told = f"{text!r} is no regular expression: {error}"
            raise ExpressionError(f"{self._told}: {told}") from error
        return int(is_found == (kind == "~"))


class _EntryNames:
    """The names in a condition: members of one entry, its key, and all that names mean outside."""

    def __init__(self, entry: Value, key: object, outer: Names, *, is_pair: bool) -> None:
        self._entry = entry
        self._key = key
        self._outer = outer
        self._is_pair = is_pair

    def __call__(self, name: Name, cpu: FindCpu) -> Iterator[Found]:
        value = self._member(name.text) if name.words is None else None
        if value is not None:
            yield Found(value, name.text)
            return
        try:
            yield from self._outer(name, cpu)
        except SymbolNotFoundError:
            told = f"{self._entry.type_} has no member {name.text!r}, and the kernel no variable"
            raise MemberNotFoundError(f"{told} or enumerator of that name") from None

    def _member(self, name: str) -> Operand | None:
        if self._is_pair and name in ("key", "value"):
            return self._entry if name == "value" else self._as_operand()
        try:
            return self._entry.member_(name)
        except MemberNotFoundError:
            if name == "key" and self._key is not None:
                return self._as_operand()
            is_plain = isinstance(self._entry._layout_, ScalarLayout | ArrayLayout)
            return self._entry if name == "value" and is_plain else None

    def _as_operand(self) -> Operand:
        if isinstance(self._key, Value | int | str):
            return self._key
        if isinstance(self._key, tuple):
            told = f"{self._key[0]:#x} to {self._key[1]:#x}"
            raise ExpressionError(f"the key is a range, {told}: say [N] for one number in it")
        raise ExpressionError("the entry has no key")


def _truth(operand: Operand) -> bool:
    if isinstance(operand, str):
        raise ExpressionError(f'"{excerpt(operand)}" is no condition: compare it, by == or ~')
    return bool(operand)
