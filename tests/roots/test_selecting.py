"""Roots that are members: shown as they are inside the struct that they are members of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.grammar import Length
from btfdump._annotate.overlay import library
from btfdump._btf import types
from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._kernel.value import Value
from btfdump._render import Root, get
from btfdump._roots.selecting import is_type, objects_at, select
from btfdump._roots.words import _is_known
from btfdump.errors import (
    AmbiguousSymbolError,
    BtfdumpError,
    ExpressionError,
    MemberNotFoundError,
    SymbolNotFoundError,
)
from tests.support.loaded_modules import load
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._roots import Selected

DUMPS = ["tagged", "s390x"]


def shown(
    kernel: Kernel, text: str, *, depth: int = 0, members: str = "", format: str = "text"
) -> str:
    """Return what the command prints of a root."""
    limits = Limits(depth=depth)
    chosen = selection_of([members]) if members else None
    roots = [
        Root(traverse(found.value, limits, members=chosen), found.name)
        for found in select(kernel, text)
    ]
    return "".join(get(format)(roots, kernel.options(limits=limits)))


def at_address(kernel: Kernel, type_name: str, text: str) -> Selected:
    """Return the one object at an address or symbol."""
    (found,) = objects_at(kernel, type_name, text)
    return found


# Lengths


@pytest.mark.parametrize("name", DUMPS)
def test_the_files_of_a_task(opened, name):
    kernel = opened(name)
    text = shown(kernel, "task(1).files->fdt->fd")
    assert "no symbol" not in text
    assert "/dev/console" in text
    lines = shown(kernel, "task(1).files->fdt").splitlines()
    start = next(i for i, line in enumerate(lines) if ".fd = " in line)
    inside = [line.strip().rstrip(",") for line in lines[start + 1 :]]
    assert [line.strip().rstrip(",") for line in text.splitlines()[1:]] == inside[
        : inside.index("}") + 1
    ]


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize(
    "root",
    [
        "tcp_hashinfo.ehash",
        "tcp_hashinfo.bhash",
        "tcp_hashinfo.lhash2",
        "init_net.dev_name_head",
        "init_net.dev_index_head",
        "init_net.ipv4.udp_table->hash",
        "init_net.ipv6.inet6_addr_lst",
        "task(1).mm->ioctx_table",
    ],
)
def test_tables_whose_length_the_struct_around_tells(opened, name, root):
    kernel = opened(name)
    text = shown(kernel, root)
    assert text
    assert "! " not in text


def test_a_table_with_nothing_in_it_says_so(opened):
    text = shown(opened("s390x"), "init_net.xfrm.state_bydst")
    assert text == "init_net.xfrm.state_bydst = (struct hlist_head[8])[ /* all empty */\n]\n"


def lengths() -> list[tuple[str, str]]:
    """Return (struct, member path) of each line of the library that counts the elements of one."""
    known = library()
    assert known is not None
    return [
        (struct, path)
        for struct in known.structs()
        for path, alternatives in known.members(struct).items()
        if any(isinstance(a, Length) for alternative in alternatives for a in alternative)
    ]


@pytest.mark.parametrize("name", DUMPS)
def test_every_length_of_the_library(opened, name):
    """No length is looked for among the kernel's symbols, whatever is in the memory at hand."""
    kernel = opened(name)
    address = kernel.symbol("init_task")
    count = 0
    for struct, path in lengths():
        for type_ in kernel.btf.find_all(None, struct):
            if not isinstance(type_, types.Composite):
                continue
            value = Value(kernel, type_, address)
            try:
                for step in path.split("."):
                    value = value.member_(step)
            except BtfdumpError:  # of another version, or behind a pointer
                continue
            count += 1
            events = list(traverse(value))
            notes = [note for note in map(str, events) if "no symbol" in note]
            assert not notes, (struct, path)
    assert len(lengths()) > 25
    assert count > 15


# What is said of a member


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize(
    "path",
    [
        "flags",
        "__state",
        "policy",
        "mm->def_flags",
        "pid",
        "comm",
        "exit_signal",
        "signal->flags",
        "mm->flags",
    ],
)
def test_a_member_is_shown_as_inside_its_struct(opened, name, path):
    kernel = opened(name)
    owner, _, member = f"task(1).{path}".replace("->", ".").rpartition(".")
    inside = [
        line.strip().rstrip(",").removeprefix(f".{member} = ")
        for line in shown(kernel, owner, members=member).splitlines()
        if line.strip().startswith(f".{member} = ")
    ]
    alone = shown(kernel, f"task(1).{path}").splitlines()[0].partition(" = ")[2]
    assert [alone] == [line.replace(", /* ", " /* ") for line in inside]


def test_the_string_behind_unsigned_char_pointers():
    world = World()
    members = [("name", "u8 *"), ("kind", "u8[8]")]
    world.struct("named", members, {"name": "show:string", "kind": "show:string"})
    text = world.room(16)
    world.write(text, b"a name\0")
    kernel = world.kernel()
    value = kernel.value("struct named", world.new("named", name=text, kind=b"a kind\0\0"))
    for member, expected in (("name", '"a name"'), ("kind", '"a kind"')):
        roots = [Root(traverse(value.member_(member)))]
        assert expected in "".join(get("text")(roots, kernel.options()))


# Address spaces


def test_per_cpu_pointers_without_type_tags(opened):
    kernel = opened("s390x")
    text = shown(kernel, "init_net.mib.tcp_statistics", members="mibs")
    assert "[cpu 0]" in text
    assert "[cpu 1]" in text
    assert "120000" in text
    inside = shown(kernel, "init_net.mib", members="tcp_statistics.mibs")
    assert [line.strip() for line in text.splitlines()[1:-1]] == [
        line.strip() for line in inside.splitlines()[2:-2]
    ]
    assert "[cpu 1]" in shown(kernel, "slab_caches[0].cpu_slab", depth=1)
    alone = shown(kernel, "init_net.mib.tcp_statistics")
    assert "__percpu" in alone
    assert "1 pointer not followed" in alone


@pytest.mark.parametrize(("name", "root"), [("s390x", "task(177)"), ("tagged", "task(1)")])
def test_user_pointers_are_not_followed(opened, name, root):
    text = shown(opened(name), f"{root}.robust_list", depth=1)
    assert text.count("\n") == 1
    assert "__user" in text
    assert "futex_offset" not in text


# Arrays


@pytest.mark.parametrize("format", ["text", "tree"])
def test_an_array_of_zeros_says_so(opened, format):
    assert "all zero" in shown(opened("tagged"), "init_task.pid_links", format=format)
    empty = "task(1).real_cred->group_info->gid"  # nothing at all was printed
    assert "no elements" in shown(opened("tagged"), empty, format=format)


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_an_array_of_zeros_is_empty_in_json(opened, format):
    text = shown(opened("tagged"), "init_task.pid_links", format=format)
    assert '"length": 4' in text
    assert '"at": {}' in text


@pytest.mark.parametrize("format", ["text", "tree"])
@pytest.mark.parametrize("name", DUMPS)
def test_a_table_of_empty_lists_says_so(opened, name, format):
    text = shown(opened(name), "runqueues[0].rt.active.queue", format=format)
    assert "all empty" in text


@pytest.mark.parametrize("format", ["text", "tree", "jsonl"])
@pytest.mark.parametrize(("root", "members"), [("subsys", "id"), ("", "subsys.id")])
def test_members_of_what_an_array_of_pointers_leads_to(opened, root, members, format):
    root = f"init_css_set.{root}".rstrip(".")
    text = shown(opened("tagged"), root, members=members, format=format)
    assert text.count("id") >= 9
    assert "serial_nr" not in text


@pytest.mark.parametrize("name", DUMPS)
def test_members_of_an_array(opened, name):
    text = shown(opened(name), "timer_bases[0]", members="clk")
    assert ".clk = " in text
    assert "next_expiry" not in text


@pytest.mark.parametrize("name", DUMPS)
def test_members_of_what_a_container_holds(opened, name):
    kernel = opened(name)
    text = shown(kernel, "task(1)", members="mm.mm_mt.vm_file")
    assert ".vm_file = " in text
    assert "vm_flags" not in text
    text = shown(kernel, "task(1).cgroups->dfl_cgrp", members="self.children.kn.name")
    assert '"grpA"' in text


def test_members_of_what_a_ring_holds(opened):
    assert ".pid = (pid_t)2," in shown(opened("tagged"), "task(1)", members="tasks.pid")


@pytest.mark.parametrize(
    ("root", "path", "struct"),
    [
        ("task(1)", "mm.mm_mt.ma_root_of_none", "vm_area_struct"),
        ("task(1)", "children.nope", "task_struct"),
        ("task(1).cgroups->dfl_cgrp", "self.children.nope", "cgroup"),
        ("timer_bases[0]", "nope", "timer_base"),
        ("task(1).files->fdt->fd", "nope", "file"),
    ],
)
def test_members_that_are_not_there(opened, root, path, struct):
    with pytest.raises(MemberNotFoundError, match=f"struct {struct} has no member"):
        shown(opened("tagged"), root, members=path)


# Words of the command line: types, symbols, and which of several


def world_of_globals() -> Kernel:
    world = World()
    world.struct("item", [("id", "int")])
    world.b.typedef("both", world.id("int"))
    world.b.typedef("item_t", world.id("int"))
    world.id("u64")
    world.id("char")
    world.id("unsigned long")
    for name in ("jiffies_64", "both", "init_task"):
        world.symbols[name] = world.room(32)
    return world.kernel()


@pytest.mark.parametrize(
    ("word", "following", "meant"),
    [
        ("u64", "jiffies_64", True),
        ("item_t", "jiffies_64+0x8", True),
        ("char[64]", "jiffies_64", True),
        ("u64[2]", "jiffies_64", True),
        ("struct item *", "jiffies_64", True),
        ("struct item **", "jiffies_64", True),
        ("struct item *[2]", "jiffies_64", True),
        ("void *", "jiffies_64", True),
        ("vmlinux:struct item@3", "jiffies_64", True),
        ("vmlinux:u64", "jiffies_64", True),
        ("unsigned long", "jiffies_64", True),
        ("const both", "jiffies_64", True),
        ("nothing_known", "0x1000", True),
        ("struct item", "", True),
        ("jiffies_64", "init_task", False),
        ("jiffies_64[0]", "init_task", False),
        ("nothing_known", "init_task", False),
        ("init_task.comm", "init_task", False),
        ("task(1).comm", "0x1000", False),
        ("u64", "", False),
        ("vmlinux:jiffies_64", "init_task", False),
        ("jiffies_64@1", "init_task", False),
    ],
)
def test_what_is_a_type(word, following, meant):
    kernel = world_of_globals()
    assert is_type(kernel, word, following) is meant


def test_a_type_and_a_symbol_of_one_name():
    kernel = world_of_globals()
    with pytest.raises(ExpressionError, match=r"say 'const both' for .*, or 'vmlinux:both'"):
        is_type(kernel, "both", "init_task")
    assert is_type(kernel, "both", "0x1000")


@pytest.mark.parametrize(
    ("word", "following", "is_known"),
    [
        ("u64", "jiffies_64", True),
        ("item_t", "0x1000", True),
        ("both", "jiffies_64", True),
        ("jiffies_64", "", True),
        ("idle", "0", False),  # the root of another package, with a number
        ("idle", "jiffies_64", False),
        ("idle", "", False),
    ],
)
def test_what_goes_before_the_roots_of_other_packages(word, following, is_known):
    assert _is_known(world_of_globals(), word, following) is is_known


def test_types_at_symbols():
    kernel = world_of_globals()
    address = kernel.symbol("jiffies_64")
    for type_ in ("u64", "struct item *", "struct item **", "void *", "u64[2]", "item_t"):
        assert at_address(kernel, type_, "jiffies_64").value.address_ == address
    assert at_address(kernel, "u64", "vmlinux:jiffies_64+0x8").value.address_ == address + 8
    assert at_address(kernel, "struct item", "jiffies_64@1.id").value.address_ == address
    assert at_address(kernel, "u64", "0x1000").value.address_ == 0x1000
    for offset in ("+0x10", "+16", " + 16"):
        for place, start in (("0x1000", 0x1000), ("4096", 0x1000), ("jiffies_64@1", address)):
            assert at_address(kernel, "u64", place + offset).value.address_ == start + 16
    assert at_address(kernel, "struct item", "0x1000+4.id").value.address_ == 0x1004
    for text in ("jiffies_64+4x", "0x1000+", "0x1000+u", "jiffies_64+-4"):
        with pytest.raises(ExpressionError):
            at_address(kernel, "u64", text)
    for text in ("0xfffffffffffffff8+8", "jiffies_64+0xffffffffffffff"):
        with pytest.raises(ExpressionError, match=r"address .*\+.* does not fit into a pointer"):
            at_address(kernel, "u64", text)
    for text in ("8021q:jiffies_64", "jiffies_64@2"):
        with pytest.raises(SymbolNotFoundError):
            at_address(kernel, "u64", text)


def test_modules_whose_names_begin_with_digits():
    kernel = world_of_globals()
    load(kernel, {}, (0x5000, "8021q", "vlan_net_id"))
    assert at_address(kernel, "u64", "8021q:vlan_net_id").value.address_ == 0x5000


def test_which_of_several_variables(opened):
    """Two subsystems of one name: neither is taken in silence."""
    kernel = opened("tagged")
    with pytest.raises(AmbiguousSymbolError, match=r"pwq_cache@1 .* pwq_cache@2 .*unbound_wq"):
        at_address(kernel, "struct kmem_cache *", "pwq_cache")
    cache = at_address(kernel, "struct kmem_cache *", "pwq_cache@2").value
    assert cache.member_("name").string_() == "pool_workqueue"
    (modules,) = select(kernel, "vmlinux:modules")
    assert modules.value == kernel["modules"]
