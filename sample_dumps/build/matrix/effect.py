"""Which lines of the library take effect on a kernel, and which are met and stay dead.

A line is met where the BTF of the kernel or of a loaded module has its struct with its member, and
what it says is what a container holds. It has an effect where btfdump then knows the elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.grammar import Contains
from btfdump._annotate.members import resolve_place
from btfdump._annotate.overlay import library
from btfdump._btf import types
from btfdump._decode.layout import StructLayout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import MemberFacts, StructFacts
    from btfdump._annotate.overlay import Overlay
    from btfdump._api.kernel import Kernel


class Effect(NamedTuple):
    """The number of lines met, and those of them that are dead: `line` -> the elements it names.

    A struct may be in the BTF of several modules: a line is dead if it is for one of them.
    """

    met: int
    dead: dict[str, str]


def effect_of(kernel: Kernel, overlay: Overlay | None = None) -> Effect:
    """Look at every line that says what a container holds: of the library, or of an overlay."""
    source = overlay or library()
    met: set[str] = set()
    dead: dict[str, str] = {}
    for name in source.structs():
        lines = dict(_containers(source, name))
        if not lines:
            continue
        for struct in _structs(kernel, name):
            layout = kernel.layouts.of(struct)
            if not isinstance(layout, StructLayout):
                continue
            facts = kernel.facts(layout)
            for path, elements in lines.items():
                if resolve_place(struct, path) is None:
                    continue
                met.add(f"{name}.{path}")
                if not _is_typed(_known(facts, struct, path)):
                    dead[f"{name}.{path}"] = elements
    return Effect(len(met), dead)


def _containers(source: Overlay, struct: str) -> Iterator[tuple[str, str]]:
    """Yield the members of a struct that are said to be containers, with their elements' names."""
    for path, alternatives in source.members(struct).items():
        said = [fact for choice in alternatives for fact in choice if isinstance(fact, Contains)]
        if said:
            yield path, " or ".join(dict.fromkeys(fact.element for fact in said))


def _structs(kernel: Kernel, name: str) -> Iterator[types.Composite]:
    """Yield the structs of a name that each BTF has itself."""
    for btf in kernel.btfs():
        for type_ in btf.find_all(None, name):
            if isinstance(type_, types.Composite) and type_.btf is btf:
                yield type_


def _known(facts: StructFacts, struct: types.Composite, path: str) -> MemberFacts | None:
    for index, member in enumerate(struct.members):
        if member.name == path:
            return facts.members.get(index)
    first, _, rest = path.partition(".")
    direct: MemberFacts | None = facts.paths.get(path)
    if direct is not None or not rest:
        return direct
    for index, member in enumerate(struct.members):  # behind a pointer
        if member.name == first:
            held = facts.members.get(index)
            behind: MemberFacts | None = held.of_target.get(rest) if held is not None else None
            return behind
    return None


def _is_typed(known: MemberFacts | None) -> bool:
    if known is None:
        return False
    return known.is_container or any(_is_typed(case) for _, case in known.cases)
