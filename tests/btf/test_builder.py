"""BtfBuilder: forward references, names, limits, copies, and what other tools make of it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._btf import Btf, BtfBuilder, Composite, Kind, Ptr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._btf.wire import ByteOrder

    Everything = Callable[..., BtfBuilder]


@pytest.fixture
def bpftool(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that has bpftool (libbpf) read a blob, and returns its JSON."""

    def dump(blob: bytes, base: bytes | None = None) -> Any:
        path, base_path = tmp_path / "blob.btf", tmp_path / "base.btf"
        path.write_bytes(blob)
        command = ["bpftool", "--json"]
        if base is not None:
            base_path.write_bytes(base)
            command += ["--base-btf", str(base_path)]
        done = subprocess.run(
            [*command, "btf", "dump", "file", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)["types"]

    return dump


def test_forward_references(b: BtfBuilder) -> None:
    node = b.struct("node", 8)
    pointer = b.ptr(node)
    b.set_members(node, [("next", pointer, 0), ("bits", node, 40, 2)])
    btf = b.parse()
    struct = btf.type(node)
    assert isinstance(struct, Composite)
    assert (struct.name, struct.size, struct.kind_flag) == ("node", 8, True)
    assert [(m.name, m.type_id, m.bit_size) for m in struct.members] == [
        ("next", pointer, 0),
        ("bits", node, 2),
    ]
    target = struct.members[0].type
    assert isinstance(target, Ptr)
    assert target.target is struct


@pytest.mark.parametrize("type_id", [0, 2, 99, -1])
def test_members_for_what_has_none(b: BtfBuilder, type_id: int) -> None:
    b.struct("s", 4)
    b.int_("int", 4)
    with pytest.raises(ValueError, match="no struct or union"):
        b.set_members(type_id, [])


def test_names_are_stored_once(b: BtfBuilder) -> None:
    b.struct("name", 4, [("name", 0, 0), ("other", 0, 0)])
    b.typedef("other", 1)
    assert b.build().endswith(b"\0name\0other\0")


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_rebuilding_is_the_identity(byteorder: ByteOrder, everything: Everything) -> None:
    blob = everything(byteorder).build()
    btf = Btf.from_bytes(blob)
    assert {t.kind for t in btf.iter_types()} == set(Kind) - {Kind.UNKN}
    assert BtfBuilder.from_btf(btf).build() == blob
    split = everything(byteorder, btf).parse()
    assert BtfBuilder.from_btf(split).build() == split.data


def test_copies_add_to_what_is_there(b: BtfBuilder, everything: Everything) -> None:
    builder = BtfBuilder.from_btf(everything(b.byteorder).parse())
    added = builder.struct("added", 4, [("a", 1, 0)])
    builder.decl_tag("about a", added, 0)
    btf = builder.parse()
    assert btf.find("struct", "added").id == added
    assert [t.text for t in btf.decl_tags(added)] == ["about a"]


def test_bpftool_accepts_it(bpftool: Callable[..., Any], everything: Everything) -> None:
    types = bpftool(everything().build())
    btf = everything().parse()
    assert len(types) == len(btf) - 1
    for theirs, ours in zip(types, btf.iter_types(), strict=True):
        assert theirs["id"] == ours.id
        assert theirs["kind"] == ours.kind.name
        assert theirs["name"] == (ours.name or "(anon)")
    by_name = {t["name"]: t for t in types}
    assert by_name["node"]["members"] == [
        {"name": "next", "type_id": 6, "bits_offset": 0},
        {"name": "lo", "type_id": 4, "bits_offset": 64, "bitfield_size": 3},
    ]
    assert by_name["e"]["values"] == [{"name": "A", "val": 0}, {"name": "B", "val": -1}]
    assert by_name["s64"]["values"] == [{"name": "E", "val": -1 << 63}]
    assert by_name["about n"]["component_idx"] == 0
    assert by_name["about f"]["component_idx"] == -1


def test_bpftool_accepts_big_endian(bpftool: Callable[..., Any], everything: Everything) -> None:
    assert bpftool(everything("big").build()) == bpftool(everything("little").build())


def test_bpftool_accepts_split(bpftool: Callable[..., Any], everything: Everything) -> None:
    base = everything().parse()
    b = BtfBuilder(base=base)
    own = b.struct("own", 24, [("node", base.find("struct", "node").id, 0)])
    types = bpftool(b.build(), base.data)
    assert [(t["id"], t["name"]) for t in types] == [(own, "own")]


def test_bpftool_accepts_a_layout_section(
    bpftool: Callable[..., Any], everything: Everything
) -> None:
    b = everything()
    b.layout[Kind.ENUM64] = (0, 12)
    types = bpftool(b.build())
    assert len(types) == b.next_id - 1
