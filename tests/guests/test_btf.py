"""BTF of programs and modules in the kernel's memory: type by type what bpftool dumps inside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from btfdump._btf import types as t

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel

_LINKAGES = ("static", "global", "extern")


@pytest.fixture(scope="module")
def said(guest: Guest) -> dict[int, list[dict[str, Any]]]:
    """Id -> types of every BTF in the guest but vmlinux's own, as bpftool dumps them."""
    listed = json.loads(guest.check("bpftool btf list -j"))
    return {
        btf["id"]: json.loads(guest.check(f"bpftool btf dump -j id {btf['id']}"))["types"]
        for btf in listed
        if btf.get("name") != "vmlinux"
    }


@pytest.fixture(scope="module")
def kernel(
    guest: Guest, said: dict[int, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    path: Path = tmp_path_factory.mktemp("btf") / "vmcore"
    with guest.stopped():
        guest.dump(path, "kdump-zlib")
    with open_core(path) as opened:
        yield opened
    path.unlink()


def as_bpftool_has_it(type_: t.Type) -> dict[str, Any]:
    """Return a type in the words of `bpftool btf dump -j`; keys that depend on its version left."""
    kind = "ENUM" if isinstance(type_, t.Enum) and not isinstance(type_, t.Enum64) else None
    row: dict[str, Any] = {
        "id": type_.id,
        "kind": kind or type_.kind.name,
        "name": type_.name or "(anon)",
    }
    if isinstance(type_, t.Int):
        return row | {"size": type_.size, "bits_offset": type_.bit_offset, "nr_bits": type_.bits}
    if isinstance(type_, t.Array):
        rest = {"index_type_id": type_.index_type_id, "nr_elems": type_.length}
        return row | {"type_id": type_.type_id} | rest
    if isinstance(type_, t.Composite):
        return row | {"size": type_.size, "members": [_member(m) for m in type_.members]}
    if isinstance(type_, t.Enum):
        values = [{"name": e.name, "val": e.value} for e in type_.enumerators]
        return row | {"size": type_.size, "values": values}
    if isinstance(type_, t.Fwd):
        return row | {"fwd_kind": type_.keyword}
    if isinstance(type_, t.FuncProto):
        params = [{"name": p.name or "(anon)", "type_id": p.type_id} for p in type_.params]
        return row | {"ret_type_id": type_.type_id, "params": params}
    if isinstance(type_, t.Datasec):
        variables = [
            {"type_id": v.type_id, "offset": v.offset, "size": v.size} for v in type_.variables
        ]
        return row | {"size": type_.size, "vars": variables}
    return row | _reference(type_)


def _reference(type_: t.Type) -> dict[str, Any]:
    if isinstance(type_, t.Float):
        return {"size": type_.size}
    assert isinstance(type_, t.Reference)
    rest: dict[str, Any] = {"type_id": type_.type_id}
    if isinstance(type_, t.Func | t.Var):
        rest["linkage"] = _LINKAGES[type_.linkage]
    if isinstance(type_, t.DeclTag):
        rest["component_idx"] = type_.component_index
    return rest


def _member(member: t.Member) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": member.name or "(anon)",
        "type_id": member.type_id,
        "bits_offset": member.bit_offset,
    }
    return row | ({"bitfield_size": member.bit_size} if member.bit_size else {})


def test_every_type_of_every_btf(kernel: Kernel, said: dict[int, list[dict[str, Any]]]):
    assert len(said) > 3
    for btf_id, expected in said.items():
        found = [as_bpftool_has_it(type_) for type_ in kernel.bpf.btf(btf_id).iter_types()]
        assert len(found) == len(expected) > 0
        for ours, theirs in zip(found, expected, strict=True):
            assert ours == {key: theirs.get(key) for key in ours}, f"BTF {btf_id}"
            assert set(theirs) - set(ours) <= {"vlen", "encoding"}, f"BTF {btf_id}"
