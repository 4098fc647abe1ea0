"""Global variables whose type an overlay or the library states: whether that fits what is there.

BTF describes few variables, so their types are stated by name. But the same name is another thing
in another kernel: a list becomes a tree, a pointer a list. So a statement is believed only if its
type exists, if the links that it names are members of the elements, if the variable is not longer
than the room up to the next symbol, and if its conditions hold in the variable's own memory. If
several statements fit so, as two heads of one size may, that one goes first whose first entry leads
back to the variable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.grammar import Length
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._kernel.expression import evaluate
from btfdump._targets.memory import symbol_room
from btfdump._walk import Anomaly, Head, walker_of
from btfdump._walk.structs import KernelStruct
from btfdump.errors import BtfdumpError, FaultError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.overlay import Global
    from btfdump._btf import types
    from btfdump._btf.reader import Btf
    from btfdump._decode.layout import Layout, Layouts
    from btfdump._targets.memory import Target

    class Surroundings(Protocol):
        """What is asked about the kernel that has the variable."""

        annotations: Annotations
        btf: Btf
        layouts: Layouts
        target: Target

        def own_type(self, name: str) -> types.Type:
            """Return a type by its C name; raises `TypeNotFoundError` or `AmbiguousTypeError`."""

        def own_symbol(self, name: str) -> int:
            """Return the virtual address of a symbol; raises `SymbolNotFoundError`."""

        def struct(self, name: str) -> KernelStruct:
            """Return where the members of `struct name` are; raises `TypeNotFoundError`."""

        def symbolize(self, address: int) -> str | None:
            """Return `name` or `name+0x10` for a virtual address, else None."""


def fitting(
    kernel: Surroundings, address: int, stated: Sequence[tuple[str, Global]]
) -> tuple[types.Type, MemberFacts, str] | list[str]:
    """Return the first of the types stated of a global variable that fits, its facts, and whose.

    `address` is the variable's virtual address, and `stated` has what each source says. The last
    statement of an overlay of the user's is believed; what does not fit of it is a problem at the
    place, and a type that does not exist raises what `own_type()` raises. If none fits, returns a
    text for each that says why.
    """
    reasons: list[str] = []
    unproven: tuple[types.Type, MemberFacts, str] | None = None
    for at, (source, choice) in enumerate(stated):
        is_last = source != "library" and all(s != source for s, _ in stated[at + 1 :])
        try:
            type_ = kernel.own_type(choice.type)
        except BtfdumpError as error:
            if is_last:
                raise
            reasons.append(f"{source}: {error}")
            continue
        misfits = kernel.annotations.misfits(type_, type_.btf, source, choice.alternatives)
        inside = [(s, c.members) for s, c in stated[at:] if c.type == choice.type and c.members]
        of_members, unfit = kernel.annotations.inside_global(type_, inside)
        misfits += unfit
        others = [(s, c.alternatives) for s, c in stated[at:] if c.type == choice.type]
        facts = kernel.annotations.of_global(type_, type_.btf, others, ())
        wrong = _against_memory(kernel, type_, address, choice, facts)
        if (wrong or misfits) and not is_last:
            texts = [text.removeprefix(f"{source} ") for text in misfits]
            reasons.append(f"{source}: {choice.type}: {'; '.join(texts + wrong)}")
            continue
        if facts.cases:  # the condition was found to be true, or is the user's own
            facts = facts.cases[0][1]
        facts.of_target.update(of_members)
        facts.problems += [f"{source}: {choice.type}: {text}" for text in wrong]
        # Of one statement alone, the walk says what does not lead back: memory may be corrupt.
        if is_last or len(stated) == 1 or _leads_back(kernel, address, facts):
            return _within_room(kernel, type_, address), facts, source
        unproven = unproven or (_within_room(kernel, type_, address), facts, source)
    return unproven or reasons


def _leads_back(kernel: Surroundings, address: int, facts: MemberFacts) -> bool:
    """Whether the first entry of a container leads back to it, or nothing speaks against it."""
    expansion = facts.expansion
    if expansion is None or facts.length is not None:
        return True
    found = walker_of(expansion.head)
    if found is None or not found.has_back:
        return True
    target = kernel.target
    head = Head(target, target.platform, address, expansion.link_offset, kernel=kernel)
    try:
        if not any(target.read(address, target.platform.pointer_size)):
            return True
    except FaultError:
        return True
    first = next(iter(found.once(head)), None)
    return not isinstance(first, Anomaly)


def _against_memory(
    kernel: Surroundings, type_: types.Type, address: int, choice: Global, facts: MemberFacts
) -> list[str]:
    """Return what contradicts a statement in the symbols and the memory of this kernel."""
    layout = kernel.layouts.of(type_)
    wrong = _too_long(kernel, layout, address)
    for alternative in choice.alternatives:
        for annotation in alternative:
            if isinstance(annotation, Length):
                wrong += _missing(kernel, annotation.expression)
    if facts.cases and not wrong:
        wrong += _untrue(kernel, layout, address, facts.cases[0][0])
    return wrong


def _too_long(kernel: Surroundings, layout: Layout, address: int) -> list[str]:
    """Say that another symbol lies within the variable; a text ends with its NUL before that."""
    is_text = isinstance(layout, ArrayLayout) and layout.is_text
    here = kernel.symbolize(address)
    if is_text or layout.size < 2 or here is None or "+" in here:
        return []
    last = kernel.symbolize(address + layout.size - 1)
    if last is None or _symbol(last) == _symbol(here):
        return []
    return [f"it has {layout.size} bytes, and within them is {_symbol(last)}"]


def _within_room(kernel: Surroundings, type_: types.Type, address: int) -> types.Type:
    """Return the type of a text as long as the variable is: it was stated as long as any may be."""
    layout = kernel.layouts.of(type_)
    if not isinstance(layout, ArrayLayout) or not layout.is_text:
        return type_
    try:
        room, _ = symbol_room(kernel.target, address)
    except BtfdumpError:  # there is no table of symbols
        return type_
    if not 0 < room < layout.size:
        return type_
    from btfdump._btf.derived import derive

    return derive(layout.element.type, 0, (room,))


def _symbol(text: str) -> str:
    """Return the name in `name`, `name+0x10` or `name+0x10 [module]`."""
    return re.split(r"[+ ]", text, maxsplit=1)[0]


def _missing(kernel: Surroundings, expression: str) -> list[str]:
    """Say which global variables, by which a length is counted, this kernel does not have."""
    missing = []
    of_globals = re.sub(r"(->|\.)\s*\w+|\b0[xX]\w+", "", expression)  # no members, no numbers
    for name in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", of_globals)):
        try:
            kernel.own_symbol(name)
        except BtfdumpError:
            if not kernel.btf.find_enumerators(name):
                missing.append(name)
    return [f"len:{expression}: there is no {' or '.join(missing)}"] if missing else []


def _untrue(kernel: Surroundings, layout: Layout, address: int, condition: str) -> list[str]:
    """Say that a condition on the variable's own members does not hold."""
    if not isinstance(layout, StructLayout):
        return [f"cond:{condition}: it has no members"]
    try:
        data = kernel.target.read(address, layout.size)
        holds = evaluate([_Member(KernelStruct(kernel.layouts, layout), data)], condition)
    except BtfdumpError as error:
        return [f"cond:{condition}: {error}"]
    return [] if holds else [f"cond:{condition} does not hold"]


class _Member(NamedTuple):
    """A member of a struct whose bytes are `data`, or that struct itself: an operand."""

    shape: KernelStruct
    data: bytes
    path: str = ""

    def member_(self, name: str) -> _Member:
        path = f"{self.path}.{name}" if self.path else name
        if path not in self.shape:
            raise MemberNotFoundError(f"no member {path}")
        return _Member(self.shape, self.data, path)

    def value_(self) -> int:
        return self.shape.integer(self.data, self.path)
