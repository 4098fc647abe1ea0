"""Which types a user means: `struct task_struct`, `tcp_*`, `ext4:struct foo`, `struct foo@ID`."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import reader
from btfdump._btf import types as t
from btfdump._btf.type_name import TypeName
from btfdump._btf.wire import Kind
from btfdump.errors import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from typing_extensions import Self

    from btfdump._api.types import Opened
    from btfdump._btf.reader import Btf

KEYWORDS = {name: reader.KEYWORDS[name] for name in ("struct", "union", "enum", "typedef", "func")}
"""What may stand before a name."""
_NAMED = tuple(kind for kinds in KEYWORDS.values() for kind in kinds)
DEFINED = _NAMED[:-1]
"""The kinds that are meant where nothing is asked for: all but functions."""
_NUMBERS = (Kind.INT, Kind.FLOAT)
_FORM = (
    r"\s*(?:(?P<module>[\w-]+)\s*:\s*)?(?:(?P<keyword>struct|union|enum|typedef|func)\s+)?"
    r"(?P<name>[^@]*?)\s*(?:@\s*(?P<id>\d{1,10}))?\s*"
)


class Pattern(NamedTuple):
    """What a user types: nothing is looked up. `id` is None, and the others "", if not given."""

    text: str
    module: str
    keyword: str
    name: str
    id: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `MODULE:KEYWORD NAME@ID`, in any part but the last; raises `ExpressionError`."""
        match = re.fullmatch(_FORM, text, re.ASCII | re.DOTALL)
        if match is None or not (match["name"] or match["id"]):
            raise ExpressionError(
                f"{text!r} is not a type such as 'struct task_struct', 'tcp_*' or 'ext4:struct foo'"
            )
        number = int(match["id"]) if match["id"] else None
        module = (match["module"] or "").replace("-", "_")
        return cls(text, module, match["keyword"] or "", match["name"], number)

    @property
    def is_exact(self) -> bool:
        """Whether the name has nothing that stands for other characters."""
        return not any(character in self.name for character in "*?[")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that may be meant."""
        if self.keyword:
            return KEYWORDS[self.keyword]
        return (*_NAMED, *_NUMBERS) if self.is_exact else _NAMED


class Chosen(NamedTuple):
    """A type that is meant; `alternatives` is how many different ones have its name."""

    type_: t.Type
    alternatives: int = 1

    @property
    def btf(self) -> t.TypeTable:
        """The BTF that it is in."""
        return self.type_.btf


def words_of(given: Iterable[str]) -> list[str]:
    """Return patterns as they are meant: `struct foo` may have been given as two words."""
    found: list[str] = []
    is_open = False
    for word in given:
        if is_open:
            found[-1] += f" {word}"
        else:
            found.append(word)
        is_open = word.rpartition(":")[2] in KEYWORDS
    return found


def chosen(opened: Opened, pattern: Pattern, only: Btf | None = None) -> Iterator[Chosen]:
    """Yield the types that a pattern means, by their BTF and id; `only` in one of the BTFs.

    A name without wildcards is looked up: of copies that are laid out alike the first is yielded.
    """
    if not pattern.name:
        yield from map(Chosen, _by_id(opened, pattern, only))
    elif pattern.is_exact:
        yield from _called(opened, pattern, only)
    else:
        matches = re.compile(fnmatch.translate(pattern.name)).match
        for btf in _searched(opened.btfs, pattern, only):
            for kind in pattern.kinds:
                for type_id, name in btf.names(kind):
                    if matches(name) and pattern.id in (None, type_id):
                        yield Chosen(btf.type(type_id))


def every(opened: Opened, only: Btf | None = None) -> Iterator[Chosen]:
    """Yield all types that are definitions, by their BTF and id, but functions."""
    for btf in (only,) if only is not None else opened.btfs:
        for type_ in btf.iter_types():
            if type_.kind in DEFINED and type_.name:
                yield Chosen(type_)


def _searched(btfs: Sequence[Btf], pattern: Pattern, only: Btf | None) -> Iterator[Btf]:
    for btf in btfs if only is None else (only,):
        if pattern.module in ("", btf.name.replace("-", "_")):
            yield btf


def _by_id(opened: Opened, pattern: Pattern, only: Btf | None) -> Iterator[t.Type]:
    assert pattern.id is not None
    for btf in _searched(opened.btfs, pattern, only):
        if (btf.start_id if btf.base and btf is not opened.btf else 1) <= pattern.id < len(btf):
            yield btf.type(pattern.id)


def _called(opened: Opened, pattern: Pattern, only: Btf | None) -> Iterator[Chosen]:
    found: list[t.Type] = []
    for spelling in _spellings(pattern):
        for btf in _searched(opened.naming(spelling), pattern, only):
            found += [
                type_
                for type_ in btf.find_all(None, spelling)
                if type_.kind in pattern.kinds
                and pattern.id in (None, type_.id)
                # What a module's BTF is split from has been looked at, but for a file alone.
                and (type_.btf is btf or btf is opened.btf or btf is only)
            ]
        if found:
            break
    by_kind: dict[object, list[t.Type]] = {}
    for type_ in found:
        word = type_.keyword if isinstance(type_, t.Composite) else _word(type_)
        by_kind.setdefault(word, []).append(type_)
    for same in by_kind.values():
        different = same
        if len(same) > 1:
            from btfdump._btf.alike import distinct

            different = distinct(same)
        for type_ in different:
            yield Chosen(type_, len(different))


def _word(type_: t.Type) -> str:
    return "enum" if isinstance(type_, t.Enum) else type_.kind.name


def _spellings(pattern: Pattern) -> tuple[str, ...]:
    """Return the names that compilers may have given to it."""
    if pattern.keyword:
        return (pattern.name,)
    name = " ".join(pattern.name.split())
    return TypeName(name, "", "", name, None, 0, ()).spellings


def spelled(type_: t.Type) -> str:
    """Return a type as `Pattern.parse()` understands it: `btfsample:struct foo@ID`."""
    word = next((w for w, kinds in KEYWORDS.items() if type_.kind in kinds), "")
    module = f"{type_.btf.name}:" if type_.btf.base is not None else ""
    return f"{module}{word}{' ' * bool(word)}{type_.name}@{type_.id}"
