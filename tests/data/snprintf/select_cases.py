"""Choose the recorded outputs of bpf_snprintf_btf() that are kept here, and cut BTF down to them.

    .venv/bin/python -m tests.data.snprintf.select_cases

reads tests/data/cases and rewrites cases.jsonl.xz and one small .btf per kernel. In those, a type
that is only pointed to is an empty shell: its name is all that is printed.
"""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from btfdump._btf import (
    Array,
    Btf,
    BtfBuilder,
    Composite,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Kind,
    Ptr,
    Reference,
    Typedef,
    TypeTag,
    Var,
)
from tests.support.case_files import read_btf, read_case

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
MAX_CASE = 6000
"""Bytes of object and text together: long outputs show nothing that short ones don't."""

QUIRKS = {
    "unsupported kind": r"<unsupported kind:\d+>",
    "no type": r"\(\)",
    "no name or bracket": r"(?m)^ +$",
    "empty union": r"\|",
    "quoted character": r"'.'",
    "latin-1 character": r"'[\xa0-\xff]'",
    "more than 64 bits": r"0x[1-9a-f][0-9a-f]{16,}",
    "negative": r"-\d",
    "empty array": r"(?m)\[\n *\]",
    "empty struct": r"(?m)\{\n *\}",
    "array of pointers": r"\*\[\]\)\s*0x",
    "array of arrays": r"\[\]\[\]",
    "many stars": r"\*{4,}",
    "enumerator": r"\(enum\b[^)]*\)[A-Za-z_]",
    "enum without name": r"\(enum\b[^)]*\)-?\d",
    "deep": r"(?m)^ {32}\S",
    "cut prefix": r"(?m)^ *\.[^\n]{78}(?!.*\))",
    "null pointer": r"\*\)0x0{16}",
    "error pointer": r"0xfffffffffffff[0-9a-f]{3}\b",
    "nameless": r"\((?:struct|union|enum)\)",
    "more than a line": r"\n.*\n",
}


def features(case: dict[str, Any], added: range) -> Iterator[tuple[Any, ...]]:
    """Yield what a case shows; `added` are the ids of types made for testing."""
    flags = tuple(case["flags"])
    kernel = case["kernel"]
    yield "kind", kernel, case["kind"], flags
    yield "error", kernel, case.get("error")
    yield "size", kernel, case.get("out_size")
    yield "hashed", "hashed" in case, flags
    if case["type_id"] in added:
        yield "type", kernel, case["type_id"]
    for quirk, pattern in QUIRKS.items():
        if re.search(pattern, case.get("expect", "")):
            yield "quirk", quirk, flags


def choose(cases: list[dict[str, Any]], added: dict[str, range]) -> list[dict[str, Any]]:
    """Return cases that together have every feature, the smallest first."""
    seen: set[tuple[Any, ...]] = set()
    chosen = []
    for case in sorted(cases, key=lambda c: len(c.get("hex", "")) // 2 + len(c.get("expect", ""))):
        if "hex" not in case or "raw_flags" in case:
            continue  # needs memory that isn't there, or flags that have no name
        new = set(features(case, added[case["btf"]])) - seen
        is_small = len(case["hex"]) // 2 + len(case.get("expect", "")) <= MAX_CASE
        if new and is_small:
            seen |= new
            chosen.append(case)
    return sorted(chosen, key=lambda c: c["id"])


class Extract:
    """A copy of those types of a `Btf` that printing some of them looks at."""

    def __init__(self, btf: Btf, roots: set[int]) -> None:
        self.btf = btf
        self.by_value: set[int] = set()  # types of which more than the name is printed
        self.needed: set[int] = {found.id for found in btf.find_all("int", "long unsigned int")[:1]}
        pending = [(root, True) for root in sorted(roots)]
        while pending:
            type_id, by_value = pending.pop()
            if not type_id or type_id in self.by_value:
                continue
            if not by_value and type_id in self.needed:
                continue
            self.needed.add(type_id)
            if by_value:
                self.by_value.add(type_id)
            pending += self.edges(type_id, by_value)
        self.ids = {0: 0} | {old: new for new, old in enumerate(sorted(self.needed), 1)}

    def edges(self, type_id: int, by_value: bool) -> Iterator[tuple[int, bool]]:
        """Yield the types that one refers to, and whether by value."""
        type_ = self.btf.type(type_id)
        if isinstance(type_, Composite) and by_value:
            for member in type_.members:
                yield member.type_id, True
        elif isinstance(type_, Array):
            yield type_.type_id, by_value
            yield type_.index_type_id, True
        elif isinstance(type_, Reference) and not isinstance(type_, DeclTag):
            yield type_.type_id, by_value and not isinstance(type_, Ptr | Func)

    def build(self) -> BtfBuilder:
        """Return the types, their ids in the same order."""
        builder = BtfBuilder(self.btf.byteorder)
        for old in sorted(self.needed):
            new = self.add(builder, old)
            assert new == self.ids[old], f"[{old}]"
        return builder

    def add(self, b: BtfBuilder, type_id: int) -> int:
        """Add a copy of one type."""
        type_, ids = self.btf.type(type_id), self.ids
        if isinstance(type_, Composite):
            members = self.members(type_) if type_id in self.by_value else []
            make = b.struct if type_.kind == Kind.STRUCT else b.union
            return make(type_.name, type_.size, members, kind_flag=type_.kind_flag)
        if isinstance(type_, Array):
            return b.array(ids[type_.type_id], type_.length, ids[type_.index_type_id])
        if isinstance(type_, FuncProto):
            return b.func_proto(0)
        if isinstance(type_, Datasec):
            return b.datasec(type_.name, size=type_.size)
        if isinstance(type_, Func):
            return b.func(type_.name, ids[type_.type_id], type_.linkage)
        if isinstance(type_, Var):
            return b.var(type_.name, ids[type_.type_id], type_.linkage)
        if isinstance(type_, DeclTag):
            return b.decl_tag(type_.text, 0)
        if isinstance(type_, Reference):
            target = ids[type_.type_id]
            if isinstance(type_, Typedef | TypeTag):
                return getattr(b, type_.kind.name.lower())(type_.name, target)
            return getattr(b, type_.kind.name.lower())(target)
        assert isinstance(type_, Int | Enum | Enum64 | Float | Fwd)
        return b.add_type(type_)

    def members(self, type_: Composite) -> Iterator[tuple[str, int, int, int]]:
        """Yield members as the record has them, an odd integer being no bit field by itself."""
        for m in type_.members:
            if type_.kind_flag or not m.bit_size:
                yield m.name, self.ids[m.type_id], m.bit_offset, m.bit_size
            else:
                in_int, _ = self.btf.odd_ints[self.btf.final_id(m.type_id)]
                yield m.name, self.ids[m.type_id], m.bit_offset - in_int, 0


def kept(case: dict[str, Any], ids: dict[int, int], hashes: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored of a case."""
    names = ("id", "kernel", "btf", "type", "kind", "flags", "hex", "expect", "ret", "error")
    row = {name: case[name] for name in (*names, "out_size") if name in case}
    row["type_id"] = ids.get(case["type_id"], case["type_id"])
    if "hashed" in case:
        table = hashes[case["hashed"]]
        shown = set(re.findall(r"0x[0-9a-f]{16}", case["expect"]))
        row["hashes"] = {raw: hashed for raw, hashed in table.items() if hashed in shown}
    return row


def main() -> None:
    cases = [json.loads(line) for line in read_case("kernel_cases.jsonl.zst").splitlines()]
    hashes = json.loads(read_case("kernel_ptr_hash.json.zst"))
    btfs = {
        name: Btf.from_bytes(read_btf(name), name=name)
        for name in sorted({case["btf"] for case in cases})
    }
    added = {}
    for name, btf in btfs.items():
        # The kernel's own types have one `int`; those made for testing begin with a second one.
        ints = [type_.id for type_ in btf.find_all("int", "int")]
        added[name] = range(ints[1], len(btf)) if len(ints) > 1 else range(0)
    chosen = choose(cases, added)
    rows = []
    for name, btf in btfs.items():
        own = [case for case in chosen if case["btf"] == name]
        extract = Extract(btf, {c["type_id"] for c in own if c["type_id"] < len(btf)})
        (HERE / f"{name}.btf").write_bytes(extract.build().build())
        rows += [kept(case, extract.ids, hashes) for case in own]
        print(f"{name}: {len(own)} cases, {len(extract.needed)} types")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (HERE / "cases.jsonl.xz").write_bytes(lzma.compress(text.encode()))


if __name__ == "__main__":
    main()
