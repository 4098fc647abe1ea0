"""A pointer to one struct: what it leads to, and where it is not followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from btfdump.errors import FaultError
from tests.support.annotated import dumped, texts
from tests.support.command import run

SAMPLE = Path(__file__).parents[3] / "sample_dumps" / "tagged-6.12" / "vmcore"
ROOT = "task(1)->mm->exe_file->"


def test_points_to(world):
    world.struct("holder", [("private", "void *")], {"private": "points_to:item"})
    address = world.new("holder", private=world.new("item", id=8))
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    assert int(value.private.id) == 8
    assert str(value.private.deref_().type_) == "struct item"
    document = dumped(kernel, value, depth=1)
    assert document["members"]["private"]["target"]["members"]["id"] == 8


def test_points_to_nothing_known(world):
    world.struct("holder", [("private", "void *")], {"private": "points_to:lost"})
    address = world.new("holder", private=world.new("item", id=8))
    kernel = world.kernel()
    (note,) = texts(dumped(kernel, kernel.value("struct holder", address)))
    assert note == "tag points_to:lost: no struct lost in the BTF"


@pytest.mark.parametrize("how", ["type tag", "annotation"])
@pytest.mark.parametrize("space", ["user", "percpu"])
def test_other_address_spaces_are_never_followed(world, how, space):
    spelled = f"__{space} struct item *" if how == "type tag" else "struct item *"
    tags = {"p": f"space:{space}"} if how == "annotation" else {}
    world.struct("holder", [("p", spelled)], tags)
    address = world.new("holder", p=world.new("item", id=8))
    kernel = world.kernel()
    value = kernel.value("struct holder", address)
    with pytest.raises(FaultError, match=f"is a __{space} pointer"):
        value.p.deref_()
    with pytest.raises(FaultError, match=f"__{space}"):
        _ = value.p.id
    document = dumped(kernel, value, depth=5)
    assert "target" not in document["members"]["p"]


def test_follow(world):
    world.struct(
        "holder",
        [("all", "struct item *"), ("some", "struct item *"), ("none", "struct item *")],
        {"all": "follow:*", "some": "follow:id"},
    )
    each = {name: world.new("item", id=i + 1) for i, name in enumerate(("all", "some", "none"))}
    address = world.new("holder", **each)
    for item in each.values():
        world.set(item, "item.deep.x", 7)
    kernel = world.kernel()
    members = dumped(kernel, kernel.value("struct holder", address))["members"]
    assert members["all"]["target"]["members"]["deep"]["members"]["x"] == 7
    assert members["some"]["target"]["members"] == {"id": 2}
    assert "target" not in members["none"]


def test_a_pointer_whose_annotation_does_not_apply_is_shown_wherever_it_is(opened, capsys):
    """As a root it was an error and no output, inside its struct a pointer like any other."""
    kernel = opened("tagged")
    status, out, _ = run(capsys, "inspect", str(SAMPLE), f"{ROOT}f_inode->i_security")
    assert status == 0
    assert "->i_security = (void *)0x" in out
    inode = kernel.task(1).mm.exe_file.f_inode.deref_()
    alone = "".join(kernel.dump(inode.i_security))
    assert alone.startswith("(void *)") or "i_security = (void *)" in alone
    told = run(capsys, "inspect", str(SAMPLE), f"{ROOT}f_inode", "--members", "i_security.storage")
    assert "! no struct bpf_storage_blob behind" in told[1]
