"""Of a kernel's BTF is kept what the library can speak of."""

from __future__ import annotations

from btfdump._btf import Btf, types
from sample_dumps.build.container_btf import elements, make, read
from tests.support.synthetic import World


def kernel() -> Btf:
    world = World()
    world.struct("other", [("number", "u64")])
    world.struct("plain", [("number", "u64"), ("next", "struct plain *")])
    world.struct("part", [("number", "u64"), ("links", "struct list_head[2]")])
    world.struct(
        "box",
        [
            ("number", "u64"),
            ("items", "struct list_head"),
            ("table", "struct hlist_head *"),
            ("part", "struct part[3]"),
            ("lead", "struct part *"),
        ],
    )
    return world.btf()


def named(btf: Btf, name: str) -> list[types.Composite]:
    return [t for t in btf.find_all(None, name) if isinstance(t, types.Composite)]


def test_containers_links_and_what_leads_to_them_are_kept():
    made = Btf.from_bytes(make([kernel()], {"plain"}), name="made")
    (box,) = named(made, "box")
    assert [(m.name, m.offset) for m in box.members] == [("items", 8), ("table", 24), ("part", 32)]
    assert [str(m.type) for m in box.members] == [
        "struct list_head",
        "struct hlist_head *",
        "struct part[3]",
    ]
    (part,) = named(made, "part")
    assert [(m.name, m.offset, str(m.type)) for m in part.members] == [
        ("links", 8, "struct list_head[2]")
    ]
    (plain,) = named(made, "plain")
    assert plain.members == ()
    assert named(made, "other") == []


def test_arrays_whose_length_the_library_tells_are_kept_by_their_names():
    world = World()
    world.struct("train", [("length", "u32"), ("cars", "u64[0]"), ("other", "u64")])
    world.struct("tender", [("size", "u32"), ("water", "u8 *")])
    counted = {("train", "cars"), ("tender", "water")}
    made = Btf.from_bytes(make([world.btf()], set(), counted), name="made")
    kept = {n: [(m.name, m.offset) for m in named(made, n)[0].members] for n in ("train", "tender")}
    assert kept == {"train": [("cars", 8)], "tender": [("water", 8)]}
    assert [str(named(made, n)[0].members[0].type) for n in kept] == ["int[0]", "int *"]


def test_different_structs_of_one_name_are_both_kept():
    world = World()
    world.struct("box", [("items", "struct list_head")])
    made = Btf.from_bytes(make([kernel(), kernel(), world.btf()], set()), name="made")
    assert sorted(len(box.members) for box in named(made, "box")) == [1, 3]
    assert len(named(made, "part")) == 1


def test_the_modules_of_a_folder_are_read_on_top_of_its_kernel(tmp_path):
    base = kernel()
    (tmp_path / "vmlinux").write_bytes(base.data)
    (tmp_path / "mod").write_bytes(base.data)
    assert [btf.name for btf in read(tmp_path)] == ["vmlinux", "mod"]


def test_elements_of_members_and_of_globals_are_asked_for():
    """A module's xarray may be a global variable: what it holds is a name, and nothing else."""
    found = elements()
    assert "task_struct" in found
    assert "ublk_zoned_report_desc" in found
