"""The functions in a BTF and the tags on them: locks, kfuncs, pointers of parameters."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from btfdump._annotate.grammar import Lock, parse
from btfdump._annotate.locks import LockFact, check_lock
from btfdump._annotate.type_tags import MEANINGS, TypeTagged, tags_in
from btfdump._btf import types
from btfdump._btf.names import clip, prototype
from btfdump._btf.wire import Kind
from btfdump._roots.table import Block, Table
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from btfdump._annotate.locks import FindGlobal
    from btfdump._btf.reader import Btf
    from btfdump._roots import Query


@dataclass(frozen=True, slots=True)
class FunctionTag:
    """A tag on `func`, its return value or a parameter.

    `on` is "function", "return value" or "parameter 1, inode". `meaning` says how the tag was
    understood. `lock` is set for a lock annotation.
    """

    func: types.Func
    on: str
    tag: str
    meaning: str
    lock: LockFact | None = None

    @property
    def problem(self) -> str:
        """What does not fit, "" if nothing was found."""
        return self.lock.problem if self.lock is not None else ""


def functions(btf: Btf) -> Iterator[types.Func]:
    """Yield the functions of a BTF, without those of its base, by id."""
    for func in btf.iter_types(Kind.FUNC):
        if isinstance(func, types.Func):
            yield func


def function_tags(func: types.Func, find_global: FindGlobal | None = None) -> Iterator[FunctionTag]:
    """Yield the decl tags on a function and its parameters, then the type tags of its pointers.

    `find_global` is as `check_lock()` takes it.
    """
    btf, proto = func.btf, func.proto
    for tag in btf.decl_tags(func):
        on = _place(proto, tag.component_index)
        if tag.is_attribute:
            yield FunctionTag(func, on, tag.text, "attribute, verbatim")
            continue
        annotation = parse(tag.text)
        if isinstance(annotation, Lock):
            lock = check_lock(annotation, func, tag.component_index, find_global)
            yield FunctionTag(func, on, tag.text, str(lock), lock)
        else:
            yield FunctionTag(func, on, tag.text, str(annotation))
    places = [("return value", proto.type_id)]
    places += [(_place(proto, at), param.type_id) for at, param in enumerate(proto.params)]
    for on, type_id in places:
        for text in tags_in(btf, type_id):
            meaning = f"{MEANINGS.get(text, 'type tag')}: {btf.spell(type_id)}"
            yield FunctionTag(func, on, f"__{text}", meaning)


def _place(proto: types.FuncProto, component: int) -> str:
    if component < 0:
        return "function"
    name = proto.params[component].name if component < len(proto.params) else ""
    return f"parameter {component + 1}" + (f", {name}" if name else "")


def function_table(btfs: Iterable[Btf], query: Query) -> Table:
    """Return a table of the wanted functions of several BTFs, with their prototypes."""

    def blocks() -> Iterator[Block]:
        for btf in btfs:
            for names, protos in btf.iter_functions():
                try:
                    yield from _blocks(btf, names, protos, query)
                except BtfFormatError:
                    for name, proto_id in zip(names, protos, strict=True):  # those before it
                        yield from _blocks(btf, [name], [proto_id], query)

    return Table("functions", ("module", "prototype"), blocks=blocks())


def _blocks(btf: Btf, names: Sequence[str], protos: Sequence[int], query: Query) -> Iterator[Block]:
    """Yield the rows of those functions that are wanted, if there are any."""
    if query.patterns:
        wanted = query.wanted(names)
        names, protos = list(compress(names, wanted)), list(compress(protos, wanted))
    texts = [
        f"{before}{clip(name)}{behind}"
        for name, (before, behind) in zip(names, btf.around_names(protos), strict=True)
    ]
    if names:
        yield Block({"name": names, "module": [btf.name] * len(names), "prototype": texts})


def tagged_functions(
    btfs: Iterable[Btf], query: Query, find_global: FindGlobal | None = None
) -> Iterator[FunctionTag]:
    """Yield the tags on the wanted functions of several BTFs."""
    known = TypeTagged()
    for btf in btfs:
        tagged = _tagged(btf, known)
        for func in functions(btf):
            if query.wants(func.name) and func.id in tagged:
                yield from function_tags(func, find_global)


def _tagged(btf: Btf, known: TypeTagged) -> set[int]:
    """Return the ids of the functions on which a tag may be, or on what they take or return."""
    found = {func.id for func in btf.users(Kind.FUNC, known.prototypes(btf))}
    found.update(t.type_id for t in btf.iter_types(Kind.DECL_TAG) if isinstance(t, types.DeclTag))
    return found


def tagged_table(tags: Iterable[FunctionTag]) -> Table:
    """Return tags on functions as a table, one row for each tag."""
    rows = (
        {
            "function": tag.func.name,
            "module": tag.func.btf.name,
            "on": tag.on,
            "tag": tag.tag,
            "meaning": f"! {tag.problem}" if tag.problem else tag.meaning,
            "problem": tag.problem or None,
            "prototype": prototype(tag.func),
        }
        for tag in tags
    )
    return Table("tagged functions", ("function", "on", "tag", "meaning"), rows)
