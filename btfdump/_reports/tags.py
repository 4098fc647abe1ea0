"""Every decl tag and type tag in a BTF: where it is, and how it was understood."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.grammar import Contains, Lock, Marker, Unknown, parse
from btfdump._annotate.locks import check_lock
from btfdump._annotate.members import head_type
from btfdump._annotate.type_tags import MEANINGS, tags_in
from btfdump._api.types import open_types
from btfdump._btf import types
from btfdump._btf.wire import Kind
from btfdump._kernel.variables import globals_of
from btfdump._render.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from btfdump._annotate.annotations import Annotations
    from btfdump._annotate.locks import FindGlobal
    from btfdump._btf.reader import Btf


@dataclass(frozen=True)
class TagRow:
    """One tag: the BTF it is in, the thing it is on, its text, and its meaning."""

    btf: str
    place: str
    on: str
    tag: str
    meaning: str
    is_type_tag: bool = False


def list_tags(
    path: str,
    *,
    base: str | Path | None = None,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Sequence[str | Path] = (),
) -> Iterator[TagRow]:
    """Yield the tags of a raw BTF file, an ELF file with .BTF, or a vmcore and its modules.

    Raises `TargetError` where the file is none of these.
    """
    with open_types(path, base=base, btf=btf, vmlinux=vmlinux, overlays=overlays) as opened:
        if opened.kernel is not None:
            for one in opened.btfs:
                yield from tags_of(one, opened.kernel.annotations, globals_of(opened.kernel))
            return
        (parsed,) = opened.btfs
        yield from tags_of(parsed, annotations_for(parsed, (), None))


def tags_of(
    btf: Btf, annotations: Annotations, find_global: FindGlobal | None = None
) -> Iterator[TagRow]:
    """Yield the tags that this BTF itself holds (without its base), decl tags first.

    `find_global` is what `check_lock()` takes, for the locks on functions.
    """
    names = _anonymous_names(btf)
    for tag in btf.iter_types(Kind.DECL_TAG):
        if isinstance(tag, types.DeclTag):
            target = tag.target
            place, on = _place(target, tag.component_index, names)
            meaning = "attribute, verbatim"
            if not tag.is_attribute:
                meaning = _meaning(target, tag, annotations, find_global)
            yield TagRow(btf.name, place, on, tag.text, meaning)
    for type_ in btf.iter_types():
        yield from _type_rows(btf, type_, names)


def _anonymous_names(btf: Btf) -> dict[int, str]:
    """Name each anonymous struct and union after the member it is the type of: `inode.{}`."""
    names: dict[int, str] = {}
    for type_ in btf.iter_types():
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


def _place(target: types.Type, index: int, names: dict[int, str]) -> tuple[str, str]:
    """Return (the tagged thing in C words, what kind of thing it is)."""
    if index < 0:
        if isinstance(target, types.Func):
            return f"{target.name}()", "function"
        if isinstance(target, types.Var):
            return target.name, "variable"
        return str(target), "typedef" if isinstance(target, types.Typedef) else "type"
    if isinstance(target, types.Composite) and index < len(target.members):
        name = target.members[index].name or f"<member {index}>"
        return f"{names.get(target.id, str(target))}.{name}", "member"
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
        if facts.problems:
            return _reason(facts.problems[0])
    if isinstance(annotation, Lock) and isinstance(target, types.Func):
        return str(check_lock(annotation, target, tag.component_index, find_global))
    if isinstance(annotation, Lock | Marker):
        return str(annotation)
    return "not understood"


def _container_meaning(
    target: types.Composite, tag: types.DeclTag, member: types.Type, annotations: Annotations
) -> str:
    annotation = parse(tag.text)
    head = head_type(member)
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
    if isinstance(annotation, Unknown):
        return "not understood: expected NAME:NODE" if head is not None else "not understood"
    return str(annotation)


def _reason(problem: str) -> str:
    """Cut the quoted tag from a problem: the row shows it already."""
    return problem.rsplit('": ', 1)[-1].rsplit('" ', 1)[-1]


def _type_rows(btf: Btf, type_: types.Type, names: dict[int, str]) -> Iterator[TagRow]:
    if isinstance(type_, types.Composite):
        outer = names.get(type_.id, str(type_))
        for member in type_.members:
            yield from _tagged(btf, member.type_id, f"{outer}.{member.name or '{}'}", "member")
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
    spelled = str(btf.type(type_id))
    for tag in tags_in(btf, type_id):
        meaning = MEANINGS.get(tag, "type tag")
        yield TagRow(btf.name, place, on, tag, f"{meaning}: {spelled}", True)


def render_tags(rows: Iterable[TagRow], format_: str) -> Iterator[str]:
    """Yield the rows as aligned text or as one JSON document."""
    if format_ == "json":
        yield json.dumps([asdict(row) for row in rows], indent=2) + "\n"
        return
    source = None
    for row in rows:
        if row.btf != source:
            source = row.btf
            yield printable(f"{source or 'BTF'}:") + "\n"
        yield printable(f'  {f"{row.on} {row.place}":<58} "{row.tag}"  {row.meaning}') + "\n"
    if source is None:
        yield "no tags\n"
