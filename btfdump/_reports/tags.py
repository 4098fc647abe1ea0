"""Every decl tag and type tag in a BTF: where it is, and how it was understood."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import chain
from operator import attrgetter
from textwrap import indent
from typing import TYPE_CHECKING

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.grammar import (
    Contains,
    Lock,
    Marker,
    Means,
    NotUnderstood,
    Show,
    as_meaning,
    parse,
)
from btfdump._annotate.locks import check_lock
from btfdump._annotate.members import head_type
from btfdump._annotate.type_tags import MEANINGS, TypeTagged, tags_in
from btfdump._btf import types
from btfdump._btf.wire import Kind
from btfdump._kernel.variables import globals_of
from btfdump._meaning.phrases import described
from btfdump._render.escape import printable
from btfdump.errors import AnnotationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.grammar import Annotation
    from btfdump._annotate.locks import FindGlobal
    from btfdump._api.types import Opened
    from btfdump._btf.reader import Btf
    from btfdump._btf.types import TypeTable


@dataclass(frozen=True)
class TagRow:
    """One tag: the BTF it is in, the thing it is on, its text, and its meaning."""

    btf: str
    place: str
    on: str
    tag: str
    meaning: str
    is_type_tag: bool = False


def rows_of(opened: Opened) -> Iterator[TagRow]:
    """Yield the tags of a file of BTF, or of a kernel and its modules."""
    if opened.kernel is not None:
        tagged = TypeTagged()
        for one in opened.btfs:
            find = globals_of(opened.kernel)
            yield from tags_of(one, opened.kernel.annotations, find, tagged)
        return
    (parsed,) = opened.btfs
    yield from tags_of(parsed, annotations_for(parsed, (), None))


def tags_of(
    btf: Btf,
    annotations: Annotations,
    find_global: FindGlobal | None = None,
    tagged: TypeTagged | None = None,
) -> Iterator[TagRow]:
    """Yield the tags that this BTF itself holds (without its base), decl tags first.

    `find_global` is what `check_lock()` takes, for the locks on functions. `tagged` remembers what
    was found in the base, for others that are split from it.
    """
    names = _Names(btf)
    for tag in btf.iter_types(Kind.DECL_TAG):
        if isinstance(tag, types.DeclTag):
            target = tag.target
            place, on = _place(target, tag.component_index, names)
            meaning = "attribute, verbatim"
            if not tag.is_attribute:
                meaning = _meaning(target, tag, annotations, find_global)
            yield TagRow(btf.name, place, on, tag.text, meaning)
    yield from _type_tags(btf, names, tagged or TypeTagged())


class _Names(dict[int, str]):
    """What anonymous structs and unions are called, by id; found out when it is first asked."""

    def __init__(self, btf: Btf) -> None:
        super().__init__()
        self._btf: Btf | None = btf

    def of(self, type_: types.Type) -> str:
        """Return what a type is called."""
        if type_.name or not isinstance(type_, types.Composite):
            return str(type_)
        if self._btf is not None:
            btf, self._btf = self._btf, None
            self.update(_anonymous_names(btf))
        return self.get(type_.id, str(type_))


def _anonymous_names(btf: Btf) -> dict[int, str]:
    """Name each anonymous struct and union after the member it is the type of: `inode.{}`."""
    names: dict[int, str] = {}
    nameless = btf.nameless((Kind.STRUCT, Kind.UNION))
    containing = (btf.users(kind, nameless) for kind in (Kind.STRUCT, Kind.UNION))
    for type_ in sorted(chain.from_iterable(containing), key=attrgetter("id")):
        if not isinstance(type_, types.Composite):
            continue
        own = str(type_) if type_.name else names.get(type_.id)
        if own is None:
            continue
        # Types are written after what they are made of; what is inside comes later, or now.
        pending = [(own, type_)]
        while pending:
            outer, composite = pending.pop()
            for member in composite.members:
                if btf.kind(member.type_id) not in (Kind.STRUCT, Kind.UNION):
                    continue
                inner = btf.type(member.type_id)
                if isinstance(inner, types.Composite) and not inner.name and inner.id not in names:
                    names[inner.id] = f"{outer}.{member.name or '{}'}"
                    pending.append((names[inner.id], inner))
    return names


def _place(target: types.Type, index: int, names: _Names) -> tuple[str, str]:
    """Return (the tagged thing in C words, what kind of thing it is)."""
    if index < 0:
        if isinstance(target, types.Func):
            return f"{target.name}()", "function"
        if isinstance(target, types.Var):
            return target.name, "variable"
        return str(target), "typedef" if isinstance(target, types.Typedef) else "type"
    if isinstance(target, types.Composite) and index < len(target.members):
        name = target.members[index].name or f"<member {index}>"
        return f"{names.of(target)}.{name}", "member"
    if isinstance(target, types.Func):
        proto = target.target
        if isinstance(proto, types.FuncProto) and index < len(proto.params):
            return f"{target.name}({proto.params[index].name or f'#{index}'})", "parameter"
    return f"{target} component {index}", "component"


def _meaning(
    target: types.Type,
    tag: types.DeclTag,
    annotations: Annotations,
    find_global: FindGlobal | None,
) -> str:
    annotation = parse(tag.text)
    if isinstance(target, types.Composite) and 0 <= tag.component_index < len(target.members):
        member = target.members[tag.component_index].type
        return _container_meaning(target, tag, member, annotations)
    if isinstance(target, types.Var):
        facts = annotations.of_global(target.target, target.btf, [], (tag.text,))
        if facts.expansion is not None:
            return f"{facts.expansion.head} of {annotation}"
        if isinstance(annotation, Means) or facts.meaning is not None:
            return _of_values(annotation, target.target, target.btf, annotations)
        if facts.problems:
            return _reason(facts.problems[0])
    if isinstance(target, types.Typedef | types.Composite) and as_meaning(annotation) is not None:
        return _of_values(annotation, target, target.btf, annotations)
    if isinstance(annotation, Lock) and isinstance(target, types.Func):
        return str(check_lock(annotation, target, tag.component_index, find_global))
    if isinstance(annotation, Lock | Marker | Show):
        return str(annotation)
    return "not understood"


def _container_meaning(
    target: types.Composite, tag: types.DeclTag, member: types.Type, annotations: Annotations
) -> str:
    annotation = parse(tag.text)
    head = head_type(member)
    if isinstance(annotation, Means) or (head is None and as_meaning(annotation) is not None):
        return _of_values(annotation, member, target.btf, annotations)
    if isinstance(annotation, Contains):
        facts = annotations.of_member(target, member, [], (tag.text,))
        if facts.expansion is not None:
            return f"{facts.expansion.head} {annotation}"
        if head is None:
            return "not understood: the member is not a container"
        if facts.candidates:
            nodes = ", ".join(c.node for c in facts.candidates)
            return f"{head} {annotation}: ambiguous, the link may be {nodes}"
        return f"{head}: {_reason('; '.join(facts.problems))}"
    if isinstance(annotation, NotUnderstood):
        if annotation.reason or head is None:
            return str(annotation)
        return "not understood: expected NAME:NODE"
    return str(annotation)


def _of_values(
    annotation: Annotation, type_: types.Type, near: TypeTable, annotations: Annotations
) -> str:
    """Return what is said of values of a type, or why it cannot be said."""
    stated = as_meaning(annotation)
    assert stated is not None
    try:
        return described(annotations.meanings.of(stated, type_, near))
    except AnnotationError as error:
        return f"not understood: {error}"


def _reason(problem: str) -> str:
    """Cut the quoted tag from a problem: the row shows it already."""
    return problem.rsplit('": ', 1)[-1].rsplit('" ', 1)[-1]


def _type_tags(btf: Btf, names: _Names, known: TypeTagged) -> Iterator[TagRow]:
    """Yield the type tags that types of this BTF have in their declarations, by id."""
    tagged = known.types(btf)
    if not tagged:
        return
    found = [*btf.users(Kind.FUNC, known.prototypes(btf))]
    for kind in (Kind.STRUCT, Kind.UNION, Kind.VAR, Kind.TYPEDEF):
        found += btf.users(kind, tagged)
    for type_ in sorted(found, key=attrgetter("id")):
        yield from _type_rows(btf, type_, tagged, names)


def _type_rows(btf: Btf, type_: types.Type, tagged: set[int], names: _Names) -> Iterator[TagRow]:
    if isinstance(type_, types.Composite):
        for member in type_.members:
            if member.type_id in tagged:
                place = f"{names.of(type_)}.{member.name or '{}'}"
                yield from _tagged(btf, member.type_id, place, "member")
    elif isinstance(type_, types.Func) and isinstance(type_.target, types.FuncProto):
        yield from _tagged(btf, type_.target.type_id, f"{type_.name}()", "return value")
        for number, param in enumerate(type_.target.params):
            place = f"{type_.name}({param.name or f'#{number}'})"
            yield from _tagged(btf, param.type_id, place, "parameter")
    elif isinstance(type_, types.Var):
        yield from _tagged(btf, type_.type_id, type_.name, "variable")
    elif isinstance(type_, types.Typedef):
        yield from _tagged(btf, type_.type_id, str(type_), "typedef")


def _tagged(btf: Btf, type_id: int, place: str, on: str) -> Iterator[TagRow]:
    """Yield the type tags between a declaration and its type."""
    for tag in tags_in(btf, type_id):
        meaning = f"{MEANINGS.get(tag, 'type tag')}: {btf.spell(type_id)}"
        yield TagRow(btf.name, place, on, tag, meaning, True)


def render_tags(rows: Iterable[TagRow], format_: str) -> Iterator[str]:
    """Yield the rows as aligned text or as one JSON document."""
    if format_ == "json":
        yield from _json(rows)
        return
    source = None
    for row in rows:
        if row.btf != source:
            source = row.btf
            yield printable(f"{source or 'BTF'}:") + "\n"
        yield printable(f'  {f"{row.on} {row.place}":<58} "{row.tag}"  {row.meaning}') + "\n"
    if source is None:
        yield "no tags\n"


def _json(rows: Iterable[TagRow]) -> Iterator[str]:
    """Yield one list, a row as soon as it is known."""
    separator = "["
    for row in rows:
        yield f"{separator}\n{indent(json.dumps(asdict(row), indent=2), '  ')}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"
