"""What annotations say of a member, as a few words for a comment beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._annotate.grammar import NotUnderstood, parse
from btfdump._btf.sections import member_tags
from btfdump._btf.types import Array
from btfdump._meaning.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.facts import Expansion, MemberFacts, StructFacts
    from btfdump._btf import types as t
    from btfdump._meaning import Meaning

_LISTS = frozenset(
    (
        *("list_head", "hlist_head", "hlist_nulls_head", "hlist_bl_head", "llist_head"),
        *("plist_head", "klist", "bpf_list_head", "swait_queue_head", "wait_queue_head"),
        "list_lru",
    )
)
_TREES = frozenset(("rb_root", "rb_root_cached", "bpf_rb_root", "timerqueue_head"))
_MAX_CASES = 4


class Sayings:
    """What annotations say of the members of one struct, and of those nested in it."""

    def __init__(self, struct: t.Composite, annotations: Annotations) -> None:
        self._annotations = annotations
        self._facts: StructFacts = annotations.of_struct(struct)
        self._inner: dict[int, StructFacts] = {struct.id: self._facts}
        self.problems: tuple[str, ...] = tuple(self._facts.problems)

    def of(self, outer: t.Composite, index: int, path: str) -> tuple[str, ...]:
        """Return what is said of a member of `outer`, whose path from the whole struct is given."""
        own = self._inner.get(outer.id)
        if own is None:
            own = self._inner[outer.id] = self._annotations.of_struct(outer)
        known: MemberFacts | None = self._facts.paths.get(path) or own.members.get(index)
        member = outer.members[index]
        is_array = isinstance(outer.btf.skip_modifiers(member.type_id), Array)
        said = tuple(_facts(known, is_array=is_array)) if known is not None else ()
        if known is None or not known.is_meant:
            said += tuple(self._by_type(member.type))
        quoted = (f'"{text}"' for text in _tags(outer, index))
        return (*said, *(f"tag {tag}" for tag in quoted if not any(tag in one for one in said)))

    def _by_type(self, type_: t.Type) -> Iterator[str]:
        """Yield what is said of all values of a member's type."""
        stated = self._annotations.meanings.stated_of_type(type_)
        if stated is not None:
            meaning, source = stated
            yield f"{said_of_values(meaning)} [{source}]"


def _tags(outer: t.Composite, index: int) -> Iterator[str]:
    """Yield the decl tags on a member that have no meaning here."""
    for at, tag in member_tags(outer):
        if at == index and (tag.is_attribute or isinstance(parse(tag.text), NotUnderstood)):
            yield tag.text


def _facts(known: MemberFacts, *, is_array: bool = False) -> Iterator[str]:
    words = list(_words(known.settled(), is_array=is_array))
    for condition, case in known.cases[:_MAX_CASES]:
        said = "; ".join(_words(case.settled(), is_array=is_array))
        words += [f"{said} if {condition}"] if said else []
    if len(known.cases) > _MAX_CASES:
        words.append(f"{len(known.cases) - _MAX_CASES} more cases")
    if words:
        source = known.provenance or next((c.provenance for _, c in known.cases), "")
        yield "; ".join(words) + (f" [{source}]" if source else "")
    for problem in known.problems:
        yield f"! {problem}"


def _words(known: MemberFacts, *, is_array: bool) -> Iterator[str]:
    if known.expansion is not None:
        yield _container(known.expansion, is_array=is_array)
    if known.candidates:
        yield "holds one of " + ", ".join(
            f"struct {c.element.name} by {c.node}" for c in known.candidates
        )
    if known.points_to is not None:
        inside = f"{known.points_into} bytes into " if known.points_into else ""
        somewhere = "what holds " if known.placed is not None else ""
        yield f"leads {inside}{'' if inside else 'to '}{somewhere}struct {known.points_to.name}"
    if known.length is not None:
        yield f"length {known.length}"
    if known.typed_by is not None:
        yield f"value of the BPF map {known.typed_by}"
    if known.meaning is not None:
        yield said_of_values(known.meaning)
    if known.skip is not None:
        yield f"without those for which {known.skip}"
    if known.vacant is not None:
        yield f"head {known.vacant} is not in use"
    yield from _plain(known)


def _plain(known: MemberFacts) -> Iterator[str]:
    if known.space:
        yield "no address" if known.space == "none" else f"__{known.space} pointer"
    if known.is_string:
        yield "string"
    if known.is_hex:
        yield "hexadecimal"
    if known.is_link:
        yield "link of a container"
    if known.is_stale:
        yield "may lead to what has been freed"


def said_of_values(meaning: Meaning) -> str:
    """Return in words what a meaning says."""
    return phrase(*meaning.name.partition(":")[::2])


def _container(expansion: Expansion, *, is_array: bool) -> str:
    head = expansion.head
    word = "list" if head in _LISTS else "tree" if head in _TREES else head
    if expansion.is_ring:
        word = "ring"
    if is_array:
        word = f"array of {word}s, each"
    by = f" by {expansion.node}" if expansion.node else ""
    return f"{word} of struct {expansion.element.name}{by}"
