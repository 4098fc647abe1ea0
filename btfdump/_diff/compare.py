"""The structural difference between two documents of `--format json`, by path.

It needs nothing but the documents (docs/json-schema.json), so a dump of last week can be compared
with one of today, or a vmcore with a live kernel. Entries of containers are matched by identity,
not by position; their order is not compared.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from btfdump._diff.document import Json

Part: TypeAlias = "tuple[str, list[Any], list[Any]]"
Identify: TypeAlias = "Callable[[int, dict[str, Any]], tuple[str, Hashable]]"

ABSENT = object()
"""A member that a document does not have: it was zero."""

_ITEMS = 4
"""So many differing items of an array of scalars are listed one by one."""

_IDENTITIES = ("pid", "id", "ifindex", "i_ino", "name")
"""Members of a summary that tell one entry from the others, best first."""


class Kind(Enum):
    """What happened to a path."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` and `after` are JSON values, None for what does not exist.

    `is_address` means that the two differ only in an address that no symbol names; between two
    boots that has no significance. `before_meaning` and `after_meaning` are what annotations say
    of the two, "" if nothing; `is_bits` that they say it of the bits of numbers.
    """

    path: str
    kind: Kind
    before: Json = None
    after: Json = None
    is_address: bool = False
    before_meaning: str = ""
    after_meaning: str = ""
    is_bits: bool = False


def compare(before: dict[str, Any], after: dict[str, Any]) -> Comparison:
    """Compare two documents, as `document.load()` returns them."""
    comparison = Comparison()
    if "rows" in before or "rows" in after:
        old, new = ([_as_entry(row) for row in side.get("rows", [])] for side in (before, after))
        comparison.elements("", old, new)
        return comparison
    old, new = before["roots"], after["roots"]
    comparison.is_same_boot = _share_an_address(old, new)
    if len(old) == len(new) == 1:
        comparison.pair(old[0], new[0])
    else:
        comparison.elements("", old, new)
    return comparison


def _as_entry(row: dict[str, Any]) -> dict[str, Any]:
    """Make an object of a table's row, so that it is matched and compared like one."""
    return {"summary": row, "members": row}


def _share_an_address(before: list[Any], after: list[Any]) -> bool:
    """Whether any object that both documents show, by name, is at one address in both.

    Kernels are randomised at boot, so this distinguishes two looks at one boot from two boots.
    """
    old = {(_name(root), root.get("address")) for root in before}
    return any((_name(root), root.get("address")) in old for root in after)


def _name(entry: dict[str, Any], *, is_told: bool = True) -> str:
    """Return what an entry is called: by its summary, or by what a root was asked for as.

    With `is_told`, words count if there is nothing else. They may change while their object stays
    what it is: those for a timer say when it expires.
    """
    summary = entry.get("summary") or {}
    for key in _IDENTITIES:
        if key in summary:
            return f"{key} {_plain(summary[key])}"
    members = {key: value for key, value in summary.items() if key != "text"}
    if not members and is_told:
        members = summary
    names = [plain for value in members.values() if isinstance(plain := _plain(value), str)]
    return str(entry.get("name") or " ".join(names))


def _plain(value: Json) -> Json:
    """Reduce a JSON value to the one thing that is compared and shown of it.

    What a value means is not it: a moment that is `1.2 s ago` now is the same one tomorrow, and
    documents without meanings are compared with those that have them.
    """
    if isinstance(value, dict):
        for key in ("enum", "symbol", "string", "float", "hex", "pointer", "value"):
            if value.get(key) is not None:
                plain: Json = value[key]
                return plain
    return value


def _meaning(value: Any) -> str:
    """Return what a document says that a value means, or "" if nothing."""
    if not isinstance(value, dict):
        return ""
    meaning = value.get("meaning")
    if not isinstance(meaning, str) or not meaning:
        flags = value.get("flags")
        return "|".join(map(str, flags)) if isinstance(flags, list) else ""
    return meaning


@dataclass
class Comparison:
    """The differences of two documents, and how the two relate."""

    changes: list[Change] = field(default_factory=list)
    is_same_boot: bool = True

    def pair(self, before: Any, after: Any) -> None:
        """Compare two objects that are the same one, whatever they are called."""
        for path, old, new in self._values("", before, after):
            self.elements(path, old, new)

    def elements(self, path: str, before: list[Any], after: list[Any]) -> None:
        """Compare entries, matched by identity, and everything that hangs off them."""
        work = [(path, before, after)]
        while work:  # entries within entries may be nested as deep as the data is
            work.extend(self._entries(*work.pop()))

    def _entries(self, path: str, before: list[Any], after: list[Any]) -> Iterator[Part]:
        identify = self._identity(before, after)
        old, new = _by_identity(before, identify), _by_identity(after, identify)
        for key, (label, entry) in old.items():
            if key in new:
                yield from self._values(f"{path}{label}", entry, new[key][1])
            else:
                self.changes.append(Change(f"{path}{label}", Kind.REMOVED, before=_gist(entry)))
        for key, (label, entry) in new.items():
            if key not in old:
                self.changes.append(Change(f"{path}{label}", Kind.ADDED, after=_gist(entry)))

    def _identity(self, before: list[Any], after: list[Any]) -> Identify:
        """Choose how entries are told apart: a function (position, entry) -> (label, key).

        Within one boot that is the address, together with the pid or id, since slabs are reused.
        Between boots it is what the summaries say, or the position if there is nothing else.
        """
        everything = [*before, *after]
        if all("key" in entry for entry in everything):
            return lambda at, entry: (f"[{_text(entry['key'])}]", _text(entry["key"]))
        if all(_name(entry) for entry in everything):
            if self.is_same_boot:
                return lambda at, entry: (
                    f"[{_name(entry)}]",
                    (_name(entry, is_told="address" not in entry), entry.get("address")),
                )
            return lambda at, entry: (f"[{_name(entry)}]", _name(entry))
        if self.is_same_boot and all("address" in entry for entry in everything):
            return lambda at, entry: (f"[{entry['address']}]", entry["address"])
        return _by_position

    def _values(self, path: str, before: Any, after: Any) -> Iterator[Part]:
        """Compare two values that belong together; yields lists of entries still to compare."""
        work: list[tuple[str, Any, Any]] = []
        yield from self._inside(path, before, after, work)
        while work:
            where, one, other = work.pop()
            old, new = _bare(one), _bare(other)
            if old is not one or new is not other:
                self._remarks(where, _dict(one), _dict(other))
            if _is_object(old) and _is_object(new) and not self._is_same(old, new):
                self.changes.append(Change(where, Kind.CHANGED, _gist(old), _gist(new)))
            else:
                yield from self._inside(where, old, new, work)

    def _is_same(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        if self.is_same_boot:
            return old.get("address") == new.get("address")
        return _name(old) == _name(new)

    def _inside(
        self, path: str, old: Any, new: Any, work: list[tuple[str, Any, Any]]
    ) -> Iterator[Part]:
        """Compare what two values are made of; their parts are added to `work`."""
        old_parts, new_parts = _parts(old), _parts(new)
        if old_parts is None and new_parts is None:
            if not (_is_object(old) and _is_object(new)):
                self._leaf(path, old, new)
        elif _are_told(old, new):
            self._leaf(path, old, new)
        elif _are_comparable(old, old_parts, new, new_parts):
            left, right = old_parts or {}, new_parts or {}
            names = [*left, *(name for name in right if name not in left)]
            is_all = len(names) == 1
            for name in reversed(names):
                one = _part(left, name, old, is_all=is_all)
                other = _part(right, name, new, is_all=is_all)
                work.append((path + name, one, other))
        elif not (_is_object(old) and _is_object(new)):  # else one of them is but a reference
            self.changes.append(Change(path, Kind.CHANGED, _leaf_value(old), _leaf_value(new)))
        left, right = _dict(old), _dict(new)
        self._remarks(path, left, right)
        if "elements" in left or "elements" in right:
            yield from self._group(path, left, right)

    def _group(self, path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Part]:
        before, after = old.get("elements", []), new.get("elements", [])
        if "container" in old or "container" in new:
            yield path, before, after
            return
        # The place in an array is what tells its elements apart, whatever they are.
        left, right = _by_identity(before, _by_position), _by_identity(after, _by_position)
        for key in [*left, *(key for key in right if key not in left)]:
            (label, one), (_, other) = left.get(key, ("", None)), right.get(key, ("", None))
            where = path + (label or right[key][0])
            if one is None:
                self.changes.append(Change(where, Kind.ADDED, after=_gist(other)))
            elif other is None:
                self.changes.append(Change(where, Kind.REMOVED, before=_gist(one)))
            elif not self._is_same(one, other):
                self.changes.append(Change(where, Kind.CHANGED, _gist(one), _gist(other)))
            else:
                yield from self._values(where, one, other)

    def _remarks(self, path: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Compare the types and the notes of two values."""
        if old.get("type") != new.get("type") and "type" in old and "type" in new:
            self.changes.append(Change(path, Kind.CHANGED, old["type"], new["type"]))
        before, after = (Counter(_text(n.get("text")) for n in _notes(side)) for side in (old, new))
        self.changes += [Change(f"{path} note", Kind.ADDED, after=text) for text in after - before]
        self.changes += [Change(f"{path} note", Kind.REMOVED, text) for text in before - after]

    def _leaf(self, path: str, old: Any, new: Any) -> None:
        before, after = _leaf_value(old), _leaf_value(new)
        if before != after:
            is_address = _is_address(old) and _is_address(new)
            meanings = _meaning(old), _meaning(new)
            is_bits = any("flags" in _dict(value) for value in (old, new))
            self.changes.append(
                Change(path, Kind.CHANGED, before, after, is_address, *meanings, is_bits)
            )


def _by_position(position: int, entry: dict[str, Any]) -> tuple[str, Hashable]:
    index = entry.get("index", position)
    return f"[{index}]", _text(index)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _notes(value: dict[str, Any]) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = value.get("notes", [])
    return notes


def _bare(value: Any) -> Any:
    """Return what is behind a pointer, or beside notes, where the document has it."""
    if isinstance(value, dict):
        if "value" in value and ("notes" in value or "provenance" in value):
            value = value["value"]
        if isinstance(value, dict) and "target" in value:
            return value["target"]
    return value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and "address" in value and "type" in value


def _are_comparable(
    old: Any, left: dict[str, Any] | None, new: Any, right: dict[str, Any] | None
) -> bool:
    """Whether two values with these parts are of one kind; what is absent is of any."""
    if left is not None and right is not None and isinstance(_array(old), list):
        # Arrays of which more differs than can be read item by item are shown as a whole.
        differing = [name for name in {*left, *right} if left.get(name) != right.get(name)]
        return len(differing) <= _ITEMS
    return (left is not None or old is ABSENT) and (right is not None or new is ABSENT)


def _are_told(old: Any, new: Any) -> bool:
    """Whether both are arrays that mean something as a whole, or absent: a hardware address."""
    return all(
        side is ABSENT or (_array(side) is not side and _meaning(side)) for side in (old, new)
    )


def _array(value: Any) -> Any:
    """Return an array of scalars without what it means."""
    is_array = isinstance(value, dict) and isinstance(value.get("value"), dict | list)
    return value["value"] if is_array else value


def _part(parts: dict[str, Any], name: str, whole: Any, *, is_all: bool) -> Any:
    """Return a part of a value, with what the whole means if that `is_all` there is of it."""
    part, meaning = parts.get(name, ABSENT), _dict(whole).get("meaning")
    if not is_all or part is ABSENT or not meaning or _meaning(part):
        return part
    return {**(part if isinstance(part, dict) else {"value": part}), "meaning": meaning}


def _parts(value: Any) -> dict[str, Any] | None:
    """Return what a value is made of, by the text that goes behind its path; None for a leaf."""
    value = _array(value)
    if isinstance(value, list):
        return {f"[{index}]": item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        return None
    if "members" in value:
        return {f".{name}": member for name, member in value["members"].items()}
    if "at" in value:
        return {f"[{index}]": item for index, item in value["at"].items()}
    if "first" in value:
        return {f"[{index}]": item for index, item in enumerate(value["first"])}
    if "elements" in value or value.get("empty"):
        return {}
    return None


def _leaf_value(value: Any) -> Json:
    if value is ABSENT:
        return 0  # what is zero is not in a document
    return _gist(value)


def _is_address(value: Any) -> bool:
    return isinstance(value, dict) and "pointer" in value and _plain(value) == value["pointer"]


def _gist(entry: Json) -> Json:
    """Return what stands for an object in one line."""
    if not isinstance(entry, dict):
        return entry
    if "address" not in entry and "summary" not in entry:
        return _plain(entry)
    words = [str(entry[key]) for key in ("type", "address") if entry.get(key)]
    summary = _dict(entry.get("summary"))
    told = str(_plain(summary.get("text", "")))
    if told:
        words.append(told)
    for key, value in summary.items():
        plain = _plain(value)
        if told and (key == "text" or str(plain) in told):  # a template's words have its members
            continue
        words.append(f'"{plain}"' if isinstance(plain, str) else f"{key} {_text(plain)}")
    return " ".join(words)


def _text(value: Json) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _by_identity(entries: list[Any], identify: Identify) -> dict[Hashable, tuple[str, Any]]:
    """Return (label, entry) by key; several with one key are told apart by their order."""
    found: dict[Hashable, tuple[str, Any]] = {}
    times: Counter[Hashable] = Counter()
    for position, entry in enumerate(entries):
        label, key = identify(position, entry)
        times[key] += 1
        if times[key] > 1:
            label = f"{label.removesuffix(']')} #{times[key]}]"
        found[key, times[key]] = label, entry
    return found
