"""Which lines of the library take effect on a kernel, and which are met and stay dead.

A line is met where the BTF of the kernel or of a loaded module has its struct with its member, that
is a container there, and the line says what it holds. It has an effect where btfdump then knows the
elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.coverage import facts_at
from btfdump._annotate.grammar import Contains
from btfdump._annotate.members import resolve
from btfdump._annotate.overlay import library
from btfdump._btf import types
from btfdump._decode.layout import StructLayout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import MemberFacts
    from btfdump._annotate.overlay import Overlay
    from btfdump._api.kernel import Kernel


class Effect(NamedTuple):
    """The number of lines met, and those of them that are dead: `line` -> why it is.

    A struct may be in the BTF of several modules: a line is dead if it is for one of them.
    """

    met: int
    dead: dict[str, str]


def effect_of(kernel: Kernel, overlay: Overlay | None = None) -> Effect:
    """Look at every line that says what a container holds: of the library, or of an overlay."""
    source = overlay or library()
    outspoken = Annotations((), source, kernel.lookup)
    outspoken.is_strict = True
    met: set[str] = set()
    dead: dict[str, str] = {}
    for name in source.structs():
        paths = list(_containers(source, name))
        for struct in _structs(kernel, name) if paths else ():
            layout = kernel.layouts.of(struct)
            if not isinstance(layout, StructLayout):
                continue
            facts = kernel.facts(layout)
            for path in paths:
                if resolve(struct, path, is_within=False) is None:
                    continue
                line = f"{name}.{path}"
                if _is_typed(facts_at(struct, facts, path)):
                    met.add(line)
                    continue
                reason = _reason(facts_at(struct, outspoken.of_struct(struct), path))
                if reason:
                    met.add(line)
                    dead[line] = reason.removeprefix(source.source).lstrip()
    return Effect(len(met), dead)


def _containers(source: Overlay, struct: str) -> Iterator[str]:
    """Yield the members of a struct that are said to be containers."""
    for path, alternatives in source.members(struct).items():
        if any(isinstance(fact, Contains) for choice in alternatives for fact in choice):
            yield path


def _structs(kernel: Kernel, name: str) -> Iterator[types.Composite]:
    """Yield the structs of a name that each BTF has itself."""
    for btf in kernel.btfs():
        for type_ in btf.find_all(None, name):
            if isinstance(type_, types.Composite) and type_.btf is btf:
                yield type_


def _reason(known: MemberFacts | None) -> str:
    """Return why a line has no effect, in the words of `--strict`; "" if it is about none here."""
    cases = [] if known is None else [known, *(case for _, case in known.cases)]
    return next((problem for case in cases for problem in case.problems), "")


def _is_typed(known: MemberFacts | None) -> bool:
    if known is None:
        return False
    return known.is_container or any(_is_typed(case) for _, case in known.cases)
