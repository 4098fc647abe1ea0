"""Global variables whose type an overlay states: what does not fit this kernel is not believed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._kernel.claims import doubt
from btfdump._kernel.variables import typed_as_of
from btfdump.errors import ExpressionError, TypeNotFoundError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel

ALTERNATIVES = """
[global]
all = [
    { type = "struct hlist_head", tag = "item:node" },
    { type = "struct list_head", tag = "item:link" },
    "struct nothing",
]
"""


class Declared:
    """A kernel with the variable `all` and `room` bytes up to the next symbol."""

    def __init__(self, link: str, room: int = 64) -> None:
        self.world = world = World()
        node = {"link": "struct list_head", "node": "struct hlist_node"}[link]
        world.struct("item", [("id", "int"), (link, node)])
        world.struct("counted", [("flags", "u32"), ("first", "struct item *")])
        start = world.room(room + 64)
        world.symbols |= {"all": start, "after": start + room}
        self.start = start

    def kernel(self, text: str, source: str = "library") -> Kernel:
        kernel = self.world.kernel()
        kernel.annotations._overlays = ()
        kernel.annotations._library = None
        overlay = Overlay(text, source)
        if source == "library":
            kernel.annotations._library = overlay
        else:
            kernel.annotations._overlays = (overlay,)
        return kernel


@pytest.mark.parametrize(
    ("link", "head"), [("link", "struct list_head"), ("node", "struct hlist_head")]
)
def test_the_first_that_fits_is_taken(link, head):
    """The element has one of the two links: a pointer became a list, a list an hlist."""
    value = Declared(link).kernel(ALTERNATIVES)["all"]
    assert str(value.type_) == head
    expansion = value.expansion_()
    assert (expansion.element.name, expansion.node) == ("item", link)
    assert expansion.provenance == "library"


TWO_HEADS = """
[global]
all = [
    { type = "struct rb_root", tag = "both:tree" },
    { type = "struct hlist_head", tag = "both:node" },
]
"""


@pytest.mark.parametrize("is_tree", [True, False])
@pytest.mark.parametrize(
    "text", [TWO_HEADS, "\n".join(TWO_HEADS.splitlines()[i] for i in (0, 1, 2, 4, 3, 5))]
)
def test_of_heads_of_one_size_that_goes_first_which_an_entry_leads_back_to(is_tree, text):
    """Symbols and types do not tell them apart; what is not empty does."""
    declared = Declared("node", 8)
    world = declared.world
    world.struct(
        "rb_node",
        [
            ("__rb_parent_color", "unsigned long"),
            ("rb_right", "struct rb_node *"),
            ("rb_left", "struct rb_node *"),
        ],
    )
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct("both", [("tree", "struct rb_node"), ("node", "struct hlist_node")])
    entry = world.new("both")
    if is_tree:
        world.set(entry, "both.tree.__rb_parent_color", 1)
        world.point(declared.start, entry)
    else:
        world.link_hlist(declared.start, [entry + world.offset("both.node")])
    value = declared.kernel(text)["all"]
    assert str(value.type_) == ("struct rb_root" if is_tree else "struct hlist_head")
    assert [found.address_ for found in value.walk_()] == [entry]


def test_of_heads_to_which_nothing_leads_back_the_first_stays():
    """Memory may be corrupt: the walk says so at its place."""
    declared = Declared("node", 8)
    declared.world.struct("rb_root", [("rb_node", "void *")])
    declared.world.struct("both", [("node", "struct hlist_node"), ("link", "struct hlist_node")])
    declared.world.point(declared.start, declared.world.new("both", 64))
    text = (
        "\n".join(TWO_HEADS.splitlines()).replace("rb_root", "hlist_head").replace("tree", "link")
    )
    value = declared.kernel(text)["all"]
    assert value.expansion_().node == "link"
    assert any("does not lead back" in str(item) for item in value.entries_())


def test_of_the_library_nothing_is_believed_that_does_not_fit():
    text = '[global]\nall = { type = "struct list_head", tag = "item:link" }\n'
    kernel = Declared("node").kernel(text)
    with pytest.raises(ExpressionError) as error:
        kernel["all"]
    assert 'struct list_head: "item:link": struct item has no member link' in str(error.value)
    assert "say 'TYPE' all" in str(error.value)


def test_a_variable_ends_where_the_next_begins():
    text = '[global]\nall = [{ type = "struct list_head", tag = "item:link" }, "struct item *"]\n'
    assert str(Declared("link", 16).kernel(text)["all"].type_) == "struct list_head"
    kernel = Declared("link", 8).kernel(text)
    assert str(kernel["all"].type_) == "struct item *"
    with pytest.raises(ExpressionError, match="it has 16 bytes, and within them is after"):
        Declared("link", 8).kernel('[global]\nall = "struct list_head"')["all"]


def test_a_text_may_be_shorter_than_its_array():
    """It ends with its NUL; how long the array is, another kernel has told."""
    declared = Declared("link", 8)
    declared.world.id("char")
    declared.world.write(declared.start, b"short\0xxnext\0")
    kernel = declared.kernel('[global]\nall = "char[64]"')
    assert kernel["all"].string_() == "short"
    assert str(kernel["all"].type_) == "char[8]"  # nothing of the next variable
    assert doubt(kernel["all"]) == ""
    for text in ("char[4]", "char[8]", "u8[64]"):  # shorter, exact, and no text
        declared.world.id(text)
        kernel = declared.kernel(f'[global]\nall = "{text}"', "overlay mine.toml")
        assert str(kernel["all"].type_) == text


@pytest.mark.parametrize(("flags", "type_"), [(0, "struct counted"), (3, "struct list_head")])
def test_a_condition_on_the_variable_itself(flags, type_):
    text = """
[global]
all = [
    { type = "struct counted", tag = "cond:!(flags & 1)" },
    { type = "struct list_head", tag = "item:link" },
]
"""
    declared = Declared("link")
    declared.world.write(declared.start, flags.to_bytes(4, "little"))
    kernel = declared.kernel(text)
    assert str(kernel["all"].type_) == type_


@pytest.mark.parametrize(
    ("condition", "type_", "says"),
    [
        ("absent", "struct counted", "no member absent"),
        ("first", "struct counted", r"cond:\(first\) does not hold"),
        ("flags", "unsigned long", r"cond:\(flags\): it has no members"),
        ("first == 0", "struct counted", ""),
        ("flags == 0", "struct counted", "not mapped"),
    ],
)
def test_what_a_condition_is_evaluated_over(condition, type_, says):
    declared = Declared("link")
    declared.world.id("unsigned long")
    kernel = declared.kernel(f'[global]\nall = {{ type = "{type_}", tag = "cond:{condition}" }}\n')
    if says == "not mapped":
        declared.world.target.unmap(declared.start, 4)
    if says:
        with pytest.raises(ExpressionError, match=says):
            kernel["all"]
    else:
        assert str(kernel["all"].type_) == type_


def test_conditions_and_lengths_may_name_enumerators():
    declared = Declared("link")
    declared.world.enum("marks", {"MARK_COUNTED": 1, "MARK_SIZE": 2})
    declared.world.struct("marked", [("flags", "u32"), ("kind", "enum marks")])
    declared.world.write(declared.start, (2).to_bytes(4, "little"))
    text = """
[global]
all = [
    { type = "struct counted", tag = "cond:flags & MARK_COUNTED" },
    { type = "struct item *", tag = "len:MARK_SIZE << 1" },
]
"""
    kernel = declared.kernel(text)
    assert str(kernel["all"].type_) == "struct item *"
    declared.world.write(declared.start, (3).to_bytes(4, "little"))
    kernel._forget_facts()
    assert str(kernel["all"].type_) == "struct counted"


def test_a_length_of_variables_that_are_not_there():
    text = """
[global]
all = [
    { type = "struct item *", tag = "len:(1 << 2) + count" },
    { type = "struct list_head", tag = "item:link" },
]
count = "unsigned int"
"""
    declared = Declared("link")
    declared.world.id("unsigned int")
    assert str(declared.kernel(text)["all"].type_) == "struct list_head"
    declared = Declared("link")
    declared.world.id("unsigned int")
    declared.world.symbols["count"] = declared.world.room(4)
    assert str(declared.kernel(text)["all"].type_) == "struct item *"


def test_of_the_users_own_the_last_is_believed():
    """What does not fit of it is said where it is shown; a type that is not there is an error."""
    text = '[global]\nall = { type = "struct list_head", tag = "item:link" }\n'
    value = Declared("node", 8).kernel(text, "overlay mine.toml")["all"]
    assert str(value.type_) == "struct list_head"
    assert value.facts_ is not None
    said = " ".join(value.facts_.problems)
    assert "struct item has no member link" in said
    assert "within them is after" in said
    kernel = Declared("node").kernel('[global]\nall = "struct nothing"', "overlay mine.toml")
    with pytest.raises(TypeNotFoundError, match="nothing"):
        kernel["all"]
    kernel = Declared("node").kernel(ALTERNATIVES.replace('"struct nothing",', ""), "overlay x")
    assert str(kernel["all"].type_) == "struct hlist_head"


@pytest.mark.parametrize("source", ["library", "overlay mine.toml"])
def test_a_type_that_rests_on_one_word_alone_says_whose_it_is(source):
    """Of a container, it is told who says what it holds, and the first entry is evidence."""
    kernel = Declared("link").kernel('[global]\nall = "struct counted"\n', source)
    value = kernel["all"]
    assert typed_as_of(value) == source
    assert f" /* [{source}] */\n" in "".join(kernel.dump(value, "text"))
    assert f" [{source}]\n" in "".join(kernel.dump(value, "tree"))
    (root,) = json.loads("".join(kernel.dump(value, "json")))["roots"]
    assert root["typed_by"] == source
    value = Declared("link").kernel(ALTERNATIVES.replace("hlist_head", "x"), source)["all"]
    assert value.expansion_().provenance == source
    assert typed_as_of(value) == ""


def test_the_symbol_of_a_module(monkeypatch):
    declared = Declared("link", 8)
    kernel = declared.kernel('[global]\nall = "struct list_head"')
    names = {0: "all [mod]", 15: "all+0xf [mod]"}
    monkeypatch.setattr(kernel, "symbolize", lambda address: names[address - declared.start])
    assert str(kernel["all"].type_) == "struct list_head"


@pytest.mark.parametrize(("flags", "type_"), [(4, "struct xarray"), (5, "struct ida")])
def test_clocks_are_numbered_by_an_ida_or_in_an_xarray(flags, type_):
    """On 6.1 `ptp_clocks_map` is the former, of the same size; its lock disables interrupts."""
    world = World()
    world.struct("xarray", [("xa_lock", "u32"), ("xa_flags", "u32"), ("xa_head", "void *")])
    world.struct("ida", [("xa", "struct xarray")])
    world.struct("ptp_clock", [("index", "int")])
    world.symbols["ptp_clocks_map"] = world.new("xarray", xa_flags=flags)
    assert str(world.kernel()["ptp_clocks_map"].type_) == type_


def test_slabs_of_bios_until_5_11():
    """`bio_slabs` is a pointer to as many as `bio_slab_nr` says; there is room for more."""
    world = World()
    world.id("unsigned int")
    world.struct("bio_slab", [("slab_ref", "u32"), ("slab_size", "u32"), ("name", "char[8]")])
    world.struct("xarray", [("xa_lock", "u32"), ("xa_flags", "u32"), ("xa_head", "void *")])
    slabs = world.room(4 * world.sizeof("struct bio_slab"))
    for number in range(2):
        world.set(slabs + number * 16, "bio_slab.slab_size", 100 + number)
    world.symbols["bio_slabs"] = world.room(8)
    world.symbols["bio_slab_nr"] = world.room(4)
    world.point(world.symbols["bio_slabs"], slabs)
    world.write(world.symbols["bio_slab_nr"], world.pack(2, 4))
    found = world.kernel()["bio_slabs"]
    assert str(found.type_) == "struct bio_slab *"
    assert [int(slab.slab_size) for slab in found.walk_()] == [100, 101]


def test_the_page_cache_holds_pages_where_there_are_no_folios():
    world = World()
    world.struct("xarray", [("xa_lock", "u32"), ("xa_flags", "u32"), ("xa_head", "void *")])
    world.struct("address_space", [("i_pages", "struct xarray")])
    world.struct("page", [("flags", "unsigned long")])
    mapping = world.new("address_space")
    pages = world.kernel().value("struct address_space", mapping).i_pages
    assert pages.expansion_().element.name == "page"


MEMBERS = """
[struct.pair]
first = "item:link"

[global]
all = { type = "struct pair", members = { second = "item:link" } }
"""


def declared_pair() -> Declared:
    declared = Declared("link", room=128)
    declared.world.struct("other", [("id", "int"), ("link", "struct list_head")])
    declared.world.struct("pair", [("first", "struct list_head"), ("second", "struct list_head")])
    return declared


def test_what_is_said_of_the_members_of_one_variable():
    """Of this variable alone, and over what its struct says."""
    kernel = declared_pair().kernel(MEMBERS)
    own = kernel["all"]
    assert own.first.expansion_().element.name == "item"
    assert own.second.expansion_().element.name == "item"
    assert own.second.expansion_().provenance == "library"
    assert kernel.value("struct pair", own.address_).second.facts_ is None
    other = MEMBERS.replace('second = "item:link"', 'first = "other:link"')
    assert declared_pair().kernel(other)["all"].first.expansion_().element.name == "other"


def test_what_is_said_of_the_members_of_a_pointers_target():
    declared = declared_pair()
    declared.world.point(declared.start, declared.start + 64)
    pointer = declared.kernel(MEMBERS.replace('"struct pair"', '"struct pair *"'))["all"]
    assert pointer.second.expansion_().element.name == "item"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('none = "item:link"', "struct pair has no member none"),
        ('second = "item:id"', "struct item member id is int, expected struct list_head"),
    ],
)
def test_a_variable_whose_members_are_other_ones_is_not_of_the_type(said, why):
    declared = Declared("link")
    declared.world.struct("pair", [("first", "struct list_head"), ("second", "struct list_head")])
    kernel = declared.kernel(MEMBERS.replace('second = "item:link"', said))
    with pytest.raises(ExpressionError, match=why):
        kernel["all"]
