"""Write annotations into a BTF as decl tags, for tools that read tags and know no overlays.

A decl tag names a member by the type id of the struct that declares it and its index there. So a
statement about a member of a member (`task_struct.pending.list`) can be written only if that inner
struct is anonymous and used nowhere else, and a statement with alternatives that hold under
conditions cannot be written at all. What cannot be written is returned with the reason. What all
values of a type mean is a tag on the typedef or struct itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from btfdump._annotate.applying import types_called
from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.grammar import Condition, as_meaning, parse
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.members import head_type
from btfdump._btf import types
from btfdump._btf.builder import BtfBuilder
from btfdump._btf.members import find_member
from btfdump._decode.paths import split_path
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.grammar import Annotation
    from btfdump._annotate.meanings import Meanings
    from btfdump._annotate.overlay import Overlay
    from btfdump._btf.reader import Btf

_ON_TYPE = -1
"""The index of a tag that is on no member, but on the type."""


@dataclass(slots=True)
class Encoded:
    """A blob of BTF, how many tags were added to it, and what could not be added: (member, why)."""

    data: bytes = b""
    tags: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


def encode(btf: Btf, overlays: Sequence[Overlay], *, split: bool = False) -> Encoded:
    """Write what the overlays say about `btf` into a copy of it as decl tags.

    The first overlay has the most authority; a tag that is there already has more than any overlay.
    With `split`, the result holds nothing but the tags, and `btf` is its base.
    """
    result = Encoded()
    builder = BtfBuilder(btf.byteorder, btf) if split else BtfBuilder.from_btf(btf)
    for (type_id, index), texts in _tags(btf, overlays, result).items():
        for text in texts:
            builder.decl_tag(text, type_id, index)
            result.tags += 1
    result.data = builder.build()
    return result


def _tags(
    btf: Btf, overlays: Sequence[Overlay], result: Encoded
) -> dict[tuple[int, int], list[str]]:
    """Return the tags to write: (id of the struct, index of the member) -> texts.

    The index is -1 for a tag on a type.
    """
    tags: dict[tuple[int, int], list[str]] = {}
    annotations = annotations_for(btf, (), None)
    lookup = Lookup(btf)
    uses = _uses_of_anonymous(btf)
    for overlay in overlays:
        for name in overlay.structs():
            for struct in lookup.every(name, (btf,)):
                for member in overlay.members(name):
                    _add(overlay, name, struct, member, annotations, uses, tags, result)
    for overlay in overlays:
        _add_by_type(btf, overlay.container_texts(), tags)
    for overlay in overlays:
        for name in overlay.scalars():
            _add_scalar(overlay, name, btf, annotations.meanings, tags)
    return tags


def _add_scalar(
    overlay: Overlay,
    name: str,
    btf: Btf,
    meanings: Meanings,
    tags: dict[tuple[int, int], list[str]],
) -> None:
    """Tag a type of whose values nothing is said yet with what they mean."""
    for type_ in types_called(name, (btf,)):
        own = [tag.text for tag in btf.decl_tags(type_) if tag.component_index < 0]
        if (type_.id, _ON_TYPE) in tags or any(_is_meaning(one, type_, meanings) for one in own):
            continue
        for text in chain(*overlay.scalar_texts(name)):
            if _is_meaning(text, type_, meanings):
                tags[type_.id, _ON_TYPE] = [text]
                break


def _is_meaning(text: str, type_: types.Type, meanings: Meanings) -> bool:
    """Whether a tag on a type says what its values mean."""
    try:
        return meanings.stated(parse(text), type_) is not None
    except AnnotationError:
        return False


def _add_by_type(
    btf: Btf,
    by_head: Mapping[str, tuple[tuple[str, ...], ...]],
    tags: dict[tuple[int, int], list[str]],
) -> None:
    """Tag the containers of which nothing is said but what every one of their type holds."""
    for struct in btf.composites() if by_head else ():
        tagged = {tag.component_index for tag in btf.decl_tags(struct.id)}
        for index, member in enumerate(struct.members):
            texts = by_head.get(head_type(member.type) or "")
            if texts and index not in tagged and (struct.id, index) not in tags:
                tags[struct.id, index] = list(texts[0])


def _add(
    overlay: Overlay,
    name: str,
    struct: types.Composite,
    path: str,
    annotations: Annotations,
    uses: Counter[int],
    tags: dict[tuple[int, int], list[str]],
    result: Encoded,
) -> None:
    place = f"{struct.name}.{path}"
    holder = holder_of(struct, path)
    if isinstance(holder, str):
        if holder:
            result.left_out.append((place, holder))
        return
    inner, index = holder
    if inner is not struct and uses[inner.id] > 1:
        result.left_out.append((place, "the anonymous struct around it is used elsewhere too"))
        return
    texts = _fitting(overlay, name, struct, path, inner.members[index].type, annotations)
    if isinstance(texts, str):
        if texts:
            result.left_out.append((place, texts))
        return
    known = tags.setdefault((inner.id, index), [])
    present = [tag.text for tag in inner.btf.decl_tags(inner.id) if tag.component_index == index]
    is_head = head_type(inner.members[index].type) is not None
    kinds = {_kind(text, is_head) for text in (*known, *present)}
    added = [text for text in texts if _kind(text, is_head) not in kinds]
    if any(_kind(text, is_head) is not Condition for text in added):  # none for what others state
        known += added


def _kind(text: str, is_head: bool) -> type[Annotation]:
    """Return what kind of thing a tag says; on what is no container, `pid` is a meaning."""
    annotation = parse(text)
    means = None if is_head else as_meaning(annotation)
    return type(annotation if means is None else means)


def _fitting(
    overlay: Overlay,
    name: str,
    struct: types.Composite,
    member: str,
    type_: types.Type,
    annotations: Annotations,
) -> tuple[str, ...] | str:
    """Return the first alternative that fits, or why none is written ("": none fits)."""
    texts = overlay.texts(name, member)
    for choice, written in zip(overlay.members(name)[member], texts, strict=True):
        if len(texts) > 1 and any(isinstance(a, Condition) for a in choice):
            return "what it holds depends on conditions"
        if not annotations.of_member(struct, type_, [("entry", (choice,))], ()).problems:
            return written
    return ""


def holder_of(struct: types.Composite, path: str) -> tuple[types.Composite, int] | str:
    """Find the struct that declares a member: return (that struct, the member's index).

    If there is none that a tag could name, returns the reason; "" if there is no such member.
    """
    current: types.Type = struct
    found: tuple[types.Composite, int] | None = None
    for step in split_path(path):
        if found is not None:
            current = current.btf.skip_modifiers(found[0].members[found[1]].type_id)
            if not isinstance(current, types.Composite):
                return "a path through a pointer or an array"
            if current.name:
                return f"a member of {current}, which others have too"
        member = find_member(current, step)
        if member is None:
            return ""
        found = member.struct, member.number
    return found if found is not None else ""


def _uses_of_anonymous(btf: Btf) -> Counter[int]:
    """Count, for each struct and union without a name, the members that are of its type."""
    uses: Counter[int] = Counter()
    for struct in btf.composites():
        for member in struct.members:
            base = btf.skip_modifiers(member.type_id)
            if isinstance(base, types.Composite) and not base.name:
                uses[base.id] += 1
    return uses
