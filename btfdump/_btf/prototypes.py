"""Functions and their prototypes straight from the words of the records; hardly a type is made.

A kernel has fifty thousand functions and half as many prototypes, and who lists them wants what
they take as text. A few thousand types, and a few parameters for each, are all they are made of:
each of these is spelled once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump.errors import BtfdumpError

from .check import check_record
from .names import ELLIPSIS, WORDS, clip, declare
from .wire import MAX_VLEN, TYPE_WORDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .check import Checked
    from .records import Records
    from .strings import Strings
    from .types import TypeTable

_PLACE = "\0"  # of a name: no name has it
_AT_ONCE = 1000  # functions: the first are seen when so many are spelled
_MAX_STARS = 3  # that are read here: more are as rare as other declarators


def functions(btf: Checked, records: Records) -> Iterator[tuple[list[str], list[int]]]:
    """Yield the names of some functions and the ids of their prototypes, until all are told, by id.

    Raises `BtfFormatError` at a malformed record.
    """
    words, strings = records.words, btf.strings
    starts = records.starts_of(Kind.FUNC)
    offsets = [words[at] for at in starts]
    protos = [words[at + 2] for at in starts]
    if _are_good(btf, records, offsets, protos):
        for start in range(0, len(starts), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            yield strings.many(offsets[some]), protos[some]
        return
    for type_id, offset, proto_id in zip(records.ids(Kind.FUNC), offsets, protos, strict=True):
        check_record(btf, records, type_id)
        yield [strings[offset]], [proto_id]


def _are_good(btf: Checked, records: Records, offsets: list[int], protos: list[int]) -> bool:
    """Whether all of the names exist, and all of the prototypes are some."""
    if max(offsets, default=0) >= btf.strings.end or max(protos, default=0) >= len(btf):
        return False
    kinds, first = records.kinds, records.start_id
    return all(
        (kinds[proto_id - first] if proto_id >= first else btf.kind(proto_id)) == Kind.FUNC_PROTO
        for proto_id in set(protos)
    )


class Prototypes:
    """What stands before and behind the name of a function, by the id of its prototype.

    Found when it is first asked, and remembered; `base` has those of the BTF that this one is split
    from.
    """

    def __init__(
        self, btf: TypeTable, strings: Strings, records: Records, base: Prototypes | None
    ) -> None:
        self._btf = btf
        self._base = base
        self._words, self._starts, self._first = records.words, records.starts, records.start_id
        self._known: dict[int, tuple[str, str]] = {}
        self.around: Declarations = Declarations(btf, records, base.around if base else None)
        self._params: _Parameters = _Parameters(
            btf, strings, self.around, base._params if base else None
        )

    def many(self, proto_ids: Iterable[int]) -> list[tuple[str, str]]:
        """Return what stands around the names of functions, by the ids of their prototypes.

        Raises what `Btf.type()` raises for a prototype that is malformed, or made of what is.
        """
        known = self._known
        found = []
        for proto_id in proto_ids:
            around = known.get(proto_id)
            if around is None:
                try:
                    around = known[proto_id] = self._found(proto_id)
                except BtfdumpError:
                    self._btf.type(proto_id)  # which says what is wrong with the record itself
                    raise
            found.append(around)
        return found

    def _found(self, proto_id: int) -> tuple[str, str]:
        if self._base is not None and proto_id < self._first:
            return self._base.many((proto_id,))[0]
        words = self._words
        at = self._starts[proto_id - self._first]
        start = at + TYPE_WORDS
        end = start + 2 * (words[at + 1] & MAX_VLEN)
        before, behind = self.around[words[at + 2]]
        if start == end:
            return before, f"(void){behind}"
        halves = iter(words[start:end])
        texts = ", ".join(map(self._params.__getitem__, zip(halves, halves, strict=True)))
        if not words[end - 1] and not self._btf.string(words[end - 2]):
            texts = texts.removesuffix("void") + ELLIPSIS
        return before, f"({texts}){behind}"


class _Parameters(dict[tuple[int, int], str]):
    """The declaration of a parameter by the two words of it: offset of its name, id of its type."""

    def __init__(
        self, btf: TypeTable, strings: Strings, around: Declarations, base: _Parameters | None
    ) -> None:
        super().__init__()
        self._btf = btf
        self._around = around
        self._base = base
        self._first_offset, self._first_id = strings.start, btf.start_id

    def __missing__(self, words: tuple[int, int]) -> str:
        offset, type_id = words
        if self._base is not None and offset < self._first_offset and type_id < self._first_id:
            text = self._base[words]
        elif name := self._btf.string(offset):
            before, behind = self._around[type_id]
            text = f"{before}{clip(name)}{behind}"
        else:
            text = self._btf.spell(type_id)
        self[words] = text
        return text


class Declarations(dict[int, tuple[str, str]]):
    """What stands before and behind a name declared as a type, by the type's id.

    Found when it is first asked, and remembered. Raises what `Btf.type()` and
    `spell()` raise.
    """

    def __init__(self, btf: TypeTable, records: Records, base: Declarations | None) -> None:
        super().__init__()
        self._btf = btf
        self._base = base
        self._words, self._starts, self._kinds = records.words, records.starts, records.kinds
        self._first, self._end = records.start_id, records.end_id

    def __missing__(self, type_id: int) -> tuple[str, str]:
        if self._base is not None and type_id < self._first:
            found = self._base[type_id]
        else:
            before = self._quick(type_id)
            if before is not None:
                found = before, ""
            else:
                before, _, behind = declare(self._btf.type(type_id), _PLACE).partition(_PLACE)
                found = before, behind
        self[type_id] = found
        return found

    def _quick(self, type_id: int) -> str | None:
        """Return what stands before a name for `foo`, `const foo`, and pointers to them.

        Most are such; None for any other.
        """
        stars = const = ""
        kind, name_at, target = self._look(type_id)
        while kind == Kind.PTR and len(stars) < _MAX_STARS:
            stars += "*"
            kind, name_at, target = self._look(target)
        if kind == Kind.CONST:
            const = "const "
            kind, name_at, target = self._look(target)
        word = WORDS.get(kind)
        if word is None or not name_at:
            return None
        return f"{const}{word}{clip(self._btf.string(name_at))} {stars}"

    def _look(self, type_id: int) -> tuple[int, int, int]:
        """Return the kind of a type, the offset of its name, and the third word; -1 of none."""
        if self._base is not None and type_id < self._first:
            return self._base._look(type_id)
        if not self._first <= type_id < self._end:
            return -1, 0, 0
        at = self._starts[type_id - self._first]
        return self._kinds[type_id - self._first], self._words[at], self._words[at + 2]
