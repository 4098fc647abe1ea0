"""What the library says of the files of a guest_memfd: no sample dump has one.

The structs are those of virt/kvm/guest_memfd.c: a `kvm_gmem` in its mapping's list until 6.18, a
`gmem_file` in its inode's since 7.x.
"""

from __future__ import annotations

import pytest

from btfdump._kernel.value_at import value_at
from tests.support.synthetic import World

ENTRY = 24
"""The offset of `entry` in a file."""


def world_with(file: str, flags: dict[str, int]) -> World:
    world = World()
    world.enum("mapping_flags", {"AS_EIO": 0, **flags})
    world.struct("buffer_head", [("b_state", "u64"), ("b_assoc_buffers", "struct list_head")])
    world.struct("address_space", [("flags", "u64"), ("i_private_list", "struct list_head")])
    world.struct("kvm", [("id", "int")])
    world.struct(
        file, [("kvm", "struct kvm *"), ("bindings", "u64[2]"), ("entry", "struct list_head")]
    )
    return world


@pytest.mark.parametrize(
    ("file", "flags"),
    [
        ("kvm_gmem", {"AS_UNMOVABLE": 8}),  # 6.8
        ("kvm_gmem", {"AS_INACCESSIBLE": 8}),  # 6.12, 6.18
        ("gmem_file", {"AS_INACCESSIBLE": 8}),
    ],
)
def test_the_list_of_a_mapping_holds_files_if_it_is_inaccessible(
    file: str, flags: dict[str, int]
) -> None:
    world = world_with(file, flags)
    (bit,) = flags.values()
    mapping = world.new("address_space", flags=1 << bit)
    files = [world.new(file) for _ in range(2)]
    world.link_list(mapping + 8, [file_ + ENTRY for file_ in files])
    other = world.new("address_space", flags=0xFF << (bit + 1))
    buffers = [world.new("buffer_head") for _ in range(3)]
    world.link_list(other + 8, [buffer + 8 for buffer in buffers])
    kernel = world.kernel()

    head = value_at(kernel, "struct address_space", mapping).i_private_list
    assert [(e.type_.name, e.address_) for e in head.walk_()] == [(file, at) for at in files]
    text = "".join(kernel.dump(value_at(kernel, "struct address_space", mapping)))
    assert f"2 x struct {file} by entry [library]" in text
    head = value_at(kernel, "struct address_space", other).i_private_list
    assert [e.address_ for e in head.walk_()] == buffers
    text = "".join(kernel.dump(value_at(kernel, "struct address_space", other)))
    assert "3 x struct buffer_head by b_assoc_buffers [library]" in text


def test_kernels_without_guest_memfd_have_buffers_there() -> None:
    world = world_with("item", {})
    mapping = world.new("address_space", flags=1 << 8)
    buffer = world.new("buffer_head")
    world.link_list(mapping + 8, [buffer + 8])
    kernel = world.kernel()
    head = value_at(kernel, "struct address_space", mapping).i_private_list
    assert [entry.address_ for entry in head.walk_()] == [buffer]


def test_newer_kernels_list_files_in_the_inode_and_buffers_beside_it() -> None:
    world = world_with("gmem_file", {"AS_INACCESSIBLE": 8})
    world.struct("gmem_inode", [("gmem_file_list", "struct list_head"), ("flags", "u64")])
    world.struct("mapping_metadata_bhs", [("mapping", "u64"), ("list", "struct list_head")])
    inode = world.new("gmem_inode", flags=3)
    file = world.new("gmem_file")
    world.link_list(inode, [file + ENTRY])
    buffers = world.new("mapping_metadata_bhs")
    buffer = world.new("buffer_head")
    world.link_list(buffers + 8, [buffer + 8])
    kernel = world.kernel()
    listed = value_at(kernel, "struct gmem_inode", inode).gmem_file_list
    assert [(entry.type_.name, entry.address_) for entry in listed.walk_()] == [("gmem_file", file)]
    listed = value_at(kernel, "struct mapping_metadata_bhs", buffers)["list"]
    assert [entry.address_ for entry in listed.walk_()] == [buffer]
