"""Every decl tag and type tag of a BTF, where it stands, and what it was understood as."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from btfdump.annotate.facts import Annotations, head_type
from btfdump.annotate.grammar import Contains, Lock, Marker, Unknown, parse
from btfdump.btf import types
from btfdump.btf.reader import Btf
from btfdump.btf.wire import Kind
from btfdump.errors import BtfFormatError, TargetError
from btfdump.render.escape import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class TagRow:
    """One tag: the BTF it is in, the thing it is on, its text, and what it means."""

    btf: str
    place: str
    on: str
    tag: str
    meaning: str
    is_type_tag: bool = False


def list_tags(
    path: str,
    *,
    btf: str | Path | None = None,
    vmlinux: str | Path | None = None,
    overlays: Sequence[str | Path] = (),
) -> Iterator[TagRow]:
    """Yield the tags of a raw BTF file, an ELF file with .BTF, or a vmcore and its modules.

    Raises `TargetError` where the file is none of these.
    """
    from btfdump.kernel import open_core
    from btfdump.target.elf import read_btf_file

    try:
        data = read_btf_file(path)
    except TargetError:
        with open_core(path, btf=btf, vmlinux=vmlinux, overlays=overlays) as kernel:
            yield from tags_of(kernel.btf, kernel.annotations)
            for module in kernel.loaded_modules.btfs():
                yield from tags_of(module, kernel.annotations)
        return
    base = Btf.from_bytes(read_btf_file(btf), name="base") if btf is not None else None
    parsed = Btf.from_bytes(data, base=base, name=str(path))

    def find(name: str, near: Btf, everywhere: bool) -> list[types.Composite]:
        del near, everywhere
        return [t for t in parsed.find_all(None, name) if isinstance(t, types.Composite)]

    yield from tags_of(parsed, Annotations((), None, find))


def tags_of(btf: Btf, annotations: Annotations) -> Iterator[TagRow]:
    """Yield the tags that this BTF itself holds (not its base), decl tags first."""
    for tag in btf.iter_types(Kind.DECL_TAG):
        if tag.id >= btf.start_id and isinstance(tag, types.DeclTag):
            yield _decl_row(btf, tag, annotations)
    for type_ in btf.iter_types():
        if type_.id >= btf.start_id:
            yield from _type_rows(btf, type_)


def _decl_row(btf: Btf, tag: types.DeclTag, annotations: Annotations) -> TagRow:
    target = tag.target
    place, on = _place(target, tag.component_index)
    if tag.is_attribute:
        return TagRow(btf.name, place, on, tag.text, "attribute, verbatim")
    return TagRow(btf.name, place, on, tag.text, _meaning(target, tag, annotations))


def _place(target: types.Type, index: int) -> tuple[str, str]:
    """Return (the tagged thing in C words, what kind of thing it is)."""
    if index < 0:
        on = {types.Func: "function", types.Var: "variable", types.Typedef: "typedef"}.get(
            type(target), "type"
        )
        name = f"{target.name}()" if isinstance(target, types.Func) else str(target)
        return (target.name if isinstance(target, types.Var) else name), on
    if isinstance(target, types.Composite) and index < len(target.members):
        return f"{target}.{target.members[index].name or f'<member {index}>'}", "member"
    if isinstance(target, types.Func):
        proto = target.target
        if isinstance(proto, types.FuncProto) and index < len(proto.params):
            return f"{target.name}({proto.params[index].name or f'#{index}'})", "parameter"
    return f"{target} component {index}", "component"


def _meaning(target: types.Type, tag: types.DeclTag, annotations: Annotations) -> str:
    annotation = parse(tag.text)
    if isinstance(target, types.Composite) and 0 <= tag.component_index < len(target.members):
        member = target.members[tag.component_index].type
        return _container_meaning(target, tag, member, annotations)
    if isinstance(target, types.Var):
        facts = annotations.of_global(target.target, [], (tag.text,))
        if facts.expansion is not None:
            return f"{facts.expansion.head} of {annotation}"
        if facts.problems:
            return _reason(facts.problems[0])
    if isinstance(annotation, Lock | Marker):
        return str(annotation)
    return "not understood"


def _container_meaning(
    target: types.Composite, tag: types.DeclTag, member: types.Type, annotations: Annotations
) -> str:
    annotation = parse(tag.text)
    head = head_type(member)
    if isinstance(annotation, Contains):
        if head is None:
            return "not understood: the member is not a container"
        facts = annotations.of_global(member, [], (tag.text,))
        if facts.expansion is not None:
            return f"{head} {annotation}"
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


def _type_rows(btf: Btf, type_: types.Type) -> Iterator[TagRow]:
    if isinstance(type_, types.Composite):
        for member in type_.members:
            place = f"{type_}.{member.name or '<anonymous>'}"
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
    """Yield the type tags between a declaration and its type, pointers passed through."""
    for _ in range(32):
        for tag in btf.type_tags(type_id):
            yield TagRow(btf.name, place, on, tag, f"__{tag} on {btf.type(type_id)}", True)
        try:
            base = btf.skip_modifiers(type_id)
        except BtfFormatError:
            return
        if not isinstance(base, types.Ptr | types.Array) or btf.type(type_id) is not base:
            return
        type_id = base.type_id


def render_tags(rows: Iterable[TagRow], format_: str) -> Iterator[str]:
    """Yield the rows as aligned text or as one JSON document."""
    if format_ == "json":
        yield json.dumps([asdict(row) for row in rows], indent=2) + "\n"
        return
    seen = 0
    for row in rows:
        seen += 1
        place = f"{row.on} {row.place}"
        yield printable(f'{place:<52} "{row.tag}"  {row.meaning}') + "\n"
    if not seen:
        yield "no tags\n"
