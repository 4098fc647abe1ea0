"""A reader of BTF that is as plain as can be: what btfdump's is compared with.

It reads sound blobs alone, all at once, by include/uapi/linux/btf.h, and shares no code with
`btfdump._btf`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# By kind: words after `struct btf_type`, and words of each element.
_ONCE = {1: 1, 3: 3, 14: 1, 17: 1}
_EACH = {4: 3, 5: 3, 6: 2, 13: 2, 15: 3, 19: 3}
_REFERENCES = (2, 8, 9, 10, 11, 12, 13, 14, 17, 18)
_LAST_KIND = 19


def read(blob: bytes) -> list[dict[str, Any]] | None:
    """Return the types of a blob that is known to be sound, or None if it has unknown kinds."""
    order = "<" if blob[:2] == b"\x9f\xeb" else ">"
    (header, type_at, type_size, string_at, string_size) = struct.unpack_from(f"{order}5I", blob, 4)
    section = blob[header + type_at :][:type_size]
    words = struct.unpack(f"{order}{type_size // 4}I", section)
    strings = blob[header + string_at :][:string_size]

    def name(offset: int) -> str:
        return strings[offset : strings.index(b"\0", offset)].decode("utf-8", "backslashreplace")

    found: list[dict[str, Any]] = []
    at = 0
    while at < len(words):
        name_at, info, third = words[at : at + 3]
        kind, count, flag = info >> 24 & 0x7F, info & 0xFFFFFF, info >> 31
        if not 0 < kind <= _LAST_KIND:
            return None
        once, each = _ONCE.get(kind, 0), _EACH.get(kind, 0)
        rest = words[at + 3 : at + 3 + once]
        at += 3 + once
        rows = [words[at + n * each : at + (n + 1) * each] for n in range(count if each else 0)]
        at += each * len(rows)
        found.append(_type(kind, name, name_at, third, flag, rest, rows))
    return found


def _type(
    kind: int,
    name: Callable[[int], str],
    name_at: int,
    third: int,
    flag: int,
    rest: Sequence[int],
    rows: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """Return one type: what its kind says its words mean."""
    type_: dict[str, Any] = {"kind": kind, "name": name(name_at)}
    if kind in _REFERENCES:
        type_["type_id"] = third
    if kind in (1, 4, 5, 6, 15, 16, 19):
        type_["size"] = third
    if kind == 1:
        type_["bits"] = rest[0] & 0xFF
    if kind == 3:
        type_["type_id"], _, type_["length"] = rest
    if kind in (4, 5):
        type_["rows"] = [
            (name(n), i, o & 0xFFFFFF if flag else o, o >> 24 if flag else None) for n, i, o in rows
        ]
    if kind in (6, 19):
        bits = 32 if kind == 6 else 64
        values = [r[1] if kind == 6 else r[2] << 32 | r[1] for r in rows]
        type_["rows"] = [
            (name(row[0]), v - (1 << bits) if flag and v >> bits - 1 else v)
            for row, v in zip(rows, values, strict=True)
        ]
    if kind == 13:
        type_["rows"] = [(name(n), i) for n, i in rows]
    if kind == 15:
        type_["rows"] = rows
    if kind == 17:
        type_["component"] = rest[0] - (1 << 32) if rest[0] >> 31 else rest[0]
    return type_
