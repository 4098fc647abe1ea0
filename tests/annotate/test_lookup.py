"""What annotations name is found from the struct they are on: in its own BTF, vmlinux, modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.grammar import Contains, parse
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.overlay import Overlay
from btfdump._btf import Btf, BtfBuilder
from btfdump._btf.types import Struct
from btfdump._kernel.value_at import value_at
from btfdump.errors import CorruptDataError
from tests.support.annotated import dumped, ids, texts
from tests.support.loaded import LoadedWorld

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

ITEM = [("id", "int"), ("node", "struct list_head")]
WIDE_ITEM = [("pad", "struct list_head"), ("id", "int"), ("node", "struct list_head")]
LINES = '[struct.holder]\nhead = "item:node"\n'


class Items(LoadedWorld):
    """A world with room for a holder and three items, whoever has their types."""

    def __init__(self) -> None:
        super().__init__()
        self.holder = self.room(64)
        self.items = [self.room(64) for _ in range(3)]


def _checked(text: str) -> Overlay:
    """Return an overlay as it is read from a user's file."""
    overlay = Overlay(text, "overlay")
    overlay._check(text)
    return overlay


def world_of(*, holder: bool = True, item: bool = False) -> Items:
    """Return a world whose vmlinux has the holder, or the items, or neither."""
    world = Items()
    if holder:
        world.struct("holder", [("n", "int"), ("head", "struct list_head")])
    if item:
        world.struct("item", ITEM)
    return world


def fill(world: Items, members: Sequence[tuple[str, str]] = ITEM) -> None:
    """Put three items on the list of the holder at offset 8."""
    offsets: dict[str, int] = {}
    at = 0
    for label, spelled in members:
        offsets[label] = at
        at += 16 if spelled == "struct list_head" else 8
    for number, item in enumerate(world.items, 1):
        world.write(item + offsets["id"], world.pack(number, 4))
    world.link_list(world.holder + 8, [item + offsets["node"] for item in world.items])


def module(world: LoadedWorld, kernel: Kernel, name: str, **structs: list[tuple[str, str]]) -> None:
    builder = world.builder(kernel)
    for struct, members in structs.items():
        world.define(builder, kernel, struct, members)
    world.load(kernel, name, builder)


def parsed(kernel: Kernel) -> set[str]:
    """Return the names of the modules whose BTF was parsed."""
    known = kernel._kernel_btfs._parsed.values()
    return {btf.name for btf in known if isinstance(btf, Btf)} - {"vmlinux"}


def head(kernel: Kernel, world: Items) -> Value:
    return value_at(kernel, kernel.own_type("struct holder"), world.holder).head


def test_a_module_names_its_own_structs():
    """The member is a list_head, a type of vmlinux; what is on it only the module has."""
    world = world_of(holder=False)
    kernel = world.open(LINES)
    module(world, kernel, "mod", holder=[("n", "int"), ("head", "struct list_head")], item=ITEM)
    fill(world)
    value = head(kernel, world)
    assert ids(value) == [1, 2, 3]
    assert value.expansion_().provenance == "library"
    assert value.expansion_().element.btf.name == "mod"


def test_its_own_struct_comes_before_one_of_vmlinux():
    world = world_of(holder=False, item=True)
    kernel = world.open(LINES)
    members = [("n", "int"), ("head", "struct list_head")]
    module(world, kernel, "mod", holder=members, item=WIDE_ITEM)
    fill(world, WIDE_ITEM)
    assert ids(head(kernel, world)) == [1, 2, 3]


def test_vmlinux_comes_before_modules():
    world = world_of(item=True)
    kernel = world.open(LINES)
    module(world, kernel, "mod", item=WIDE_ITEM)
    fill(world)
    assert ids(head(kernel, world)) == [1, 2, 3]
    assert parsed(kernel) == set()


def test_what_only_a_module_has_is_found_and_no_other_module_is_parsed():
    world = world_of()
    kernel = world.open(LINES)
    module(world, kernel, "one", other=ITEM, items=ITEM)
    module(world, kernel, "two", item=ITEM)
    module(world, kernel, "three", another=WIDE_ITEM)
    fill(world)
    assert ids(head(kernel, world)) == [1, 2, 3]
    assert parsed(kernel) == {"two"}


def test_a_name_that_vmlinux_has_for_something_else():
    """A module's BTF does not repeat strings of its base."""
    world = world_of()
    world.struct("other", [("item", "int")])
    kernel = world.open(LINES)
    module(world, kernel, "one", holder2=[("n", "int")])
    module(world, kernel, "two", item=ITEM)
    fill(world)
    assert (
        b"\0item\0"
        not in kernel._kernel_btfs.unparsed(next(kernel["btf_modules"].walk_()).btf).data
    )
    assert ids(head(kernel, world)) == [1, 2, 3]
    assert "one" not in parsed(kernel)


def test_two_modules_that_differ_are_ambiguous():
    world = world_of()
    kernel = world.open(LINES)
    module(world, kernel, "one", item=ITEM)
    module(world, kernel, "two", item=WIDE_ITEM)
    fill(world)
    with pytest.raises(CorruptDataError, match=r"ambiguous: one:struct item@\d+:node, two:s"):
        list(head(kernel, world).walk_())


@pytest.mark.parametrize("line", ["two:struct item:node", "contains:two:struct item:node"])
def test_which_of_several_is_meant_can_be_said_by_module(line):
    world = world_of()
    kernel = world.open(f'[struct.holder]\nhead = "{line}"\n')
    module(world, kernel, "one", item=WIDE_ITEM)
    module(world, kernel, "two", item=ITEM)
    fill(world)
    assert ids(head(kernel, world)) == [1, 2, 3]


def test_what_an_ambiguous_container_may_hold_is_told_as_it_can_be_said():
    """What the message says of a choice is what an annotation takes."""
    world = world_of()
    kernel = world.open(LINES)
    module(world, kernel, "one", item=ITEM)
    module(world, kernel, "two", item=WIDE_ITEM)
    fill(world)
    with pytest.raises(CorruptDataError) as caught:
        list(head(kernel, world).walk_())
    told = str(caught.value).partition("ambiguous: ")[2].split(", ")
    chosen = [annotation for text in told if isinstance(annotation := parse(text), Contains)]
    found = [kernel.lookup.structs(choice.element, kernel.btf) for choice in chosen]
    assert [[struct.btf.name for struct in structs] for structs in found] == [["one"], ["two"]]


def test_a_pointer_leads_to_one_of_several():
    world = world_of(holder=False)
    world.struct("holder", [("pointer", "void *")])
    kernel = world.open('[struct.holder]\npointer = "points_to:two:struct item"\n')
    module(world, kernel, "one", item=WIDE_ITEM)
    module(world, kernel, "two", item=ITEM)
    world.point(world.holder, world.items[0])
    value = kernel.value("struct holder", world.holder).pointer
    assert value.deref_().type_.btf.name == "two"


def test_of_several_a_pointer_without_a_choice_says_what_may_be_chosen():
    world = world_of(holder=False)
    world.struct("holder", [("pointer", "void *")])
    kernel = world.open('[struct.holder]\npointer = "points_to:item"\n')
    kernel.annotations.is_strict = True
    module(world, kernel, "one", item=WIDE_ITEM)
    module(world, kernel, "two", item=ITEM)
    world.point(world.holder, world.items[0])
    (said,) = texts(dumped(kernel, kernel.value("struct holder", world.holder)))
    assert "2 different structs are called item: say which, one:struct item@" in said


@pytest.mark.parametrize(
    ("line", "reason"),
    [("item:id", "struct item member id is int, expected struct list_head"), ("item", "no member")],
)
def test_of_several_elements_of_which_none_fits_it_says_that_there_are_several(line, reason):
    world = world_of()
    kernel = world.open(f'[struct.holder]\nhead = "{line}"\n')
    kernel.annotations.is_strict = True
    members = [("id", "int")] if line == "item" else ITEM
    module(world, kernel, "one", item=members)
    module(world, kernel, "two", item=[*members, ("more", "int")])
    fill(world)
    (said, *_) = texts(dumped(kernel, kernel.value("struct holder", world.holder)))
    assert reason in said
    assert "; 2 different structs are called item: say which, one:struct item@" in said


@pytest.mark.parametrize("name", ["two:item", "two:struct item"])
def test_a_table_about_the_struct_of_one_module(name):
    world = world_of(holder=False)
    lines = f'[struct.item]\nid = "show:hex"\n[struct."{name}"]\nnode = "role:link"\n'
    kernel = world.open()
    module(world, kernel, "one", item=WIDE_ITEM)
    module(world, kernel, "two", item=ITEM)
    annotations = Annotations([_checked(lines)], None, kernel.lookup)
    for owner, expected in (("one", {"id"}), ("two", {"id", "node"})):
        struct = kernel.type(f"{owner}:struct item")
        assert isinstance(struct, Struct)
        facts = annotations.of_struct(struct)
        assert {struct.members[index].name for index in facts.members} == expected
        assert facts.problems == []


def test_a_table_about_one_id_is_about_its_copies_too():
    """What is said of that one goes before what is said of all of the name."""
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    for member in ("id", "id", "other"):
        b.struct("item", 4, [(member, u32, 0)])
    btf = b.parse("vmlinux")
    lines = """
[struct."item@2"]
id = "flags:A_"
[struct.item]
id = "show:hex"
[summary]
"item@2" = ["id"]
item = ["other"]
"""
    lookup = Lookup(btf)
    annotations = Annotations([_checked(lines)], None, lookup)
    summaries = []
    for struct in btf.find_all("struct", "item"):
        assert isinstance(struct, Struct)
        facts = annotations.of_struct(struct)
        summaries.append(annotations.summary_of(struct))
        flags = [problem for known in facts.members.values() for problem in known.problems]
        assert any("A_" in text for text in flags) == (struct.id != 4)
    assert summaries == [("id",), ("id",), ("other",)]


def test_names_of_structs_that_are_no_names_in_c_are_taken_as_they_are():
    """Only what an annotation says is read as `MODULE:struct NAME@ID`."""
    b = BtfBuilder()
    for name in ("x:struct item", "item"):
        b.struct(name, 0, [])
    btf = b.parse("vmlinux")
    lookup = Lookup(btf)
    assert [s.id for s in lookup.called("x:struct item", btf)] == [1]
    assert lookup.structs("x:struct item", btf) == []
    assert [s.id for s in lookup.structs("vmlinux:struct item", btf)] == [2]
    assert lookup.enums("no name at all!", btf) == []


def test_two_modules_that_agree_are_one():
    world = world_of()
    kernel = world.open(LINES)
    module(world, kernel, "one", item=ITEM)
    module(world, kernel, "two", item=ITEM)
    fill(world)
    assert ids(head(kernel, world)) == [1, 2, 3]


def test_a_damaged_module_hides_none_of_the_others():
    world = world_of()
    kernel = world.open(LINES)
    world.load(kernel, "bad", b"no BTF at all")
    module(world, kernel, "good", item=ITEM)
    fill(world)
    assert ids(head(kernel, world)) == [1, 2, 3]
    (problem,) = kernel.modules.problems
    assert "BTF of a module" in problem


def test_modules_that_come_later_are_seen_when_the_old_are_forgotten():
    world = world_of()
    kernel = world.open(LINES)
    fill(world)
    with pytest.raises(CorruptDataError, match="no tag, overlay or library entry"):
        list(head(kernel, world).walk_())
    module(world, kernel, "mod", item=ITEM)
    kernel.forget()
    assert ids(head(kernel, world)) == [1, 2, 3]


def test_what_is_asked_while_modules_are_found_is_asked_again():
    """The list of modules is walked by annotations, too, that may name what a module has."""
    world = LoadedWorld()
    world.id("int")
    kernel = world.open('[struct.btf_module]\nusers = "item:node"\n')
    module(world, kernel, "mod", item=ITEM)
    (first,) = kernel["btf_modules"].walk_()
    assert [btf.name for btf in kernel.modules.btfs()] == ["mod"]
    users = kernel.value("struct btf_module", first.address_).users
    assert str(users.expansion_().element) == "struct item"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('"points_to:item"', "struct item"),
        ('"container_of:item:node"', "struct item"),
    ],
)
def test_pointers_of_modules(line, expected):
    world = world_of(holder=False)
    kernel = world.open(f"[struct.holder]\npointer = {line}\n")
    module(world, kernel, "mod", holder=[("pointer", "struct list_head *")], item=ITEM)
    world.point(world.holder, world.items[0])
    value = kernel.value("struct holder", world.holder).pointer
    assert str(value.deref_().type_) == expected


def test_flags_of_modules():
    """The member is an int, a type of vmlinux, and the enum the module's."""
    world = world_of(holder=False)
    world.enum("mode", {"M_OLD": 1, "M_OTHER": 2})
    world.id("enum mode")
    kernel = world.open('[struct.holder]\none = "flags:mode"\ntwo = "flags:M_"\nn = "flags:N_"\n')
    builder = world.builder(kernel)
    builder.enum("mode", {"M_NEW": 1})
    builder.enum("", {"N_FIRST": 1})
    world.define(builder, kernel, "holder", [("one", "int"), ("two", "int"), ("n", "int")])
    world.load(kernel, "mod", builder)
    facts = kernel.annotations.of_struct(kernel.type("struct holder"))  # type: ignore[arg-type]
    meanings = [facts.members[i].meaning for i in range(3)]
    assert [one.text(3) for one in meanings if one is not None and one.text is not None] == [
        "M_NEW|0x2",
        "M_NEW|M_OTHER",
        "N_FIRST|0x2",
    ]


# What is not found

MISSING = 'library "item:node": no struct item in the BTF'


def test_what_is_nowhere_is_silent_unless_asked_strictly():
    world = world_of()
    kernel = world.open(LINES)
    fill(world)
    value = kernel.value("struct holder", world.holder)
    assert texts(dumped(kernel, value)) == []
    kernel.annotations.is_strict = True
    kernel._forget_facts()
    assert texts(dumped(kernel, kernel.value("struct holder", world.holder))) == [MISSING]


def test_what_another_kernel_has_there_is_silent_always():
    """A line on what is no container in this kernel says nothing about its element."""
    world = world_of()
    kernel = world.open('[struct.holder]\nn = "item:node"\n')
    world.write(world.holder, world.pack(1, 4))
    kernel.annotations.is_strict = True
    assert texts(dumped(kernel, kernel.value("struct holder", world.holder))) == []


@pytest.mark.parametrize(
    ("pointee", "said"), [("struct other", []), ("void", ["no struct item in the BTF"])]
)
def test_a_pointer_to_another_struct_begins_no_chain(pointee, said):
    """As `fscrypt_master_key.mk_users`, a list in some kernels, and a `struct key *` in others."""
    world = LoadedWorld()
    world.struct("other", [("id", "int")])
    world.struct("owner", [("users", f"{pointee} *")])
    kernel = world.open('[struct.owner]\nusers = "item:node"\n')
    kernel.annotations.is_strict = True
    (struct,) = kernel.lookup.structs("owner", kernel.btf)
    facts = kernel.annotations.of_struct(struct)
    problems = [problem for known in facts.members.values() for problem in known.problems]
    assert len(problems) == len(said)
    assert all(text in problem for text, problem in zip(said, problems, strict=True))


def test_a_line_that_finds_nothing_leaves_the_rest_to_inference():
    """It is as if nothing were said, so how much the list holds is seen."""
    world = world_of()
    kernel = world.open(LINES)
    fill(world)
    text = "".join(kernel.dump(kernel.value("struct holder", world.holder), "text"))
    assert "3 nodes, element type unknown" in text


@pytest.mark.parametrize(("n", "strict", "notes"), [(0, True, 0), (1, False, 0), (1, True, 1)])
def test_what_is_missed_on_a_condition_is_told_where_that_holds(n, strict, notes):
    world = world_of(item=True)
    kernel = world.open(
        '[struct.holder]\nhead = [["cond:n", "gone:x"], ["cond:!n", "item:node"]]\n'
    )
    fill(world)
    world.write(world.holder, world.pack(n, 4))
    kernel.annotations.is_strict = strict
    document = dumped(kernel, kernel.value("struct holder", world.holder))
    assert texts(document) == ['library "gone:x": no struct gone in the BTF'] * notes
    assert ("count" in document["members"]["head"]) == (not n)


@pytest.mark.parametrize(("n", "asked"), [(0, False), (1, True)])
def test_modules_are_asked_only_where_the_condition_holds(n, asked):
    """They need not be found for what most objects are not."""
    world = world_of(item=True)
    kernel = world.open(
        '[struct.holder]\nhead = [["cond:n", "gone:x"], ["cond:n", "module_item:node"], '
        '["cond:!n", "item:node"]]\n'
    )
    module(world, kernel, "mod", module_item=ITEM)
    fill(world)
    world.write(world.holder, world.pack(n, 4))
    value = head(kernel, world)
    assert ids(value) == [1, 2, 3]
    assert str(value.expansion_().element) == ("struct module_item" if n else "struct item")
    assert (parsed(kernel) == {"mod"}) == asked
