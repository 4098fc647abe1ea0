"""Real kernels: facts that are known otherwise, and rebuilding them."""

from __future__ import annotations

import pytest

from btfdump._btf import (
    Btf,
    BtfBuilder,
    Composite,
    Const,
    Datasec,
    Enum,
    Func,
    FuncProto,
    Int,
    Kind,
    Member,
    Struct,
    Type,
    declare,
)
from btfdump.errors import BtfFormatError


def members(type_: Type) -> dict[str, Member]:
    assert isinstance(type_, Composite)
    return {m.name: m for m in type_.members}


def test_known_types(vmlinux: Btf) -> None:
    assert vmlinux.byteorder == "little"
    assert vmlinux.pointer_size == 8
    assert vmlinux.sizeof(vmlinux.find("struct", "list_head")) == 16
    assert vmlinux.sizeof(vmlinux.find("struct", "hlist_head")) == 8
    assert vmlinux.sizeof(vmlinux.find("typedef", "__u64")) == 8
    assert vmlinux.sizeof(vmlinux.find("typedef", "atomic_t")) == 4
    assert isinstance(vmlinux.skip_modifiers(vmlinux.find("typedef", "pid_t")), Int)
    task = vmlinux.find("struct", "task_struct")
    comm = members(task)["comm"]
    assert declare(comm.type, comm.name) == "char comm[16]"
    assert vmlinux.sizeof(comm.type_id) == 16
    assert str(members(task)["mm"].type) == "struct mm_struct *"
    assert task is vmlinux.find(Kind.STRUCT, "task_struct")


def test_known_declarations(vmlinux: Btf) -> None:
    operations = members(vmlinux.find("struct", "file_operations"))
    opener = operations["open"]
    assert declare(opener.type, "open") == "int (*open)(struct inode *, struct file *)"
    read = vmlinux.find("func", "vfs_read")
    assert isinstance(read, Func)
    assert len(read.proto.params) == 4
    assert str(read) == "ssize_t vfs_read(struct file *, char *, size_t, loff_t *)"


def test_bit_fields(vmlinux: Btf) -> None:
    iphdr = vmlinux.find("struct", "iphdr")
    assert isinstance(iphdr, Struct)
    assert [(m.name, m.bit_offset, m.bit_size) for m in iphdr.members[:3]] == [
        ("ihl", 0, 4),
        ("version", 4, 4),
        ("tos", 8, 0),
    ]


def test_enums(vmlinux: Btf) -> None:
    map_types = vmlinux.find("enum", "bpf_map_type")
    assert isinstance(map_types, Enum)
    assert map_types.names[1] == "BPF_MAP_TYPE_HASH"
    assert map_types.size == 4


def test_per_cpu_section(vmlinux: Btf) -> None:
    section = vmlinux.find("datasec", ".data..percpu")
    assert isinstance(section, Datasec)
    assert any(v.type.name == "runqueues" for v in section.variables)


def test_every_type_agrees_with_itself(vmlinux: Btf) -> None:
    for type_ in vmlinux.iter_types():
        if isinstance(type_, Composite) and type_.size:
            for m in type_.members:
                assert m.bit_offset + m.bit_size <= 8 * type_.size
        elif isinstance(type_, FuncProto):
            assert all(0 <= p.type_id < len(vmlinux) for p in type_.params)
    for const in vmlinux.iter_types(Kind.CONST):
        assert isinstance(const, Const)
        assert str(const)


def test_every_name_is_found(vmlinux: Btf) -> None:
    for struct in list(vmlinux.iter_types(Kind.STRUCT))[::50]:
        if struct.name:
            assert struct in vmlinux.find_all("struct", struct.name)


def test_rebuilding_is_the_identity(vmlinux: Btf) -> None:
    assert BtfBuilder.from_btf(vmlinux).build() == vmlinux.data


def test_checking_late_finds_the_same_types(vmlinux: Btf) -> None:
    late = Btf.from_bytes(vmlinux.data, check=False)
    assert len(late) == len(vmlinux)
    ours, theirs = late.find("struct", "sock"), vmlinux.find("struct", "sock")
    assert isinstance(ours, Struct)
    assert isinstance(theirs, Struct)
    assert (ours.id, ours.size, ours.members) == (theirs.id, theirs.size, theirs.members)


def test_a_bad_id_in_a_real_blob(vmlinux: Btf) -> None:
    # The columns are checked as a whole; the error must name the one record all the same.
    builder = BtfBuilder.from_btf(vmlinux)
    builder.ptr(1 << 30)
    with pytest.raises(BtfFormatError, match=rf"type \[{len(vmlinux)}\]: refers to \[1073741824\]"):
        builder.parse()
