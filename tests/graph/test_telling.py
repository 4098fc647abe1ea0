"""Objects told in one line by templates, in every format, and what says nothing."""

from __future__ import annotations

import json

import pytest

from btfdump._annotate.overlay import Overlay, library
from btfdump._graph.summaries import Summaries, Words
from btfdump._render.scalar import summary
from tests.support.synthetic import World


@pytest.fixture(params=["little", "big"])
def world(request) -> World:
    world = World(request.param)
    world.enum("kinds", {"KIND_FILE": 1, "KIND_SOCK": 2})
    world.struct("tag", [("name", "char *")])
    world.struct("part", [("value", "u32")])
    world.struct(
        "item",
        [
            ("kind", "enum kinds"),
            ("flags", "u32"),
            ("name", "char[8]"),
            ("addr", "u8[4]"),
            ("port", "u16"),
            ("next", "struct item *"),
            ("tag", "struct tag *"),
            ("func", "fn *"),
            ("private", "void *"),
            ("part", "struct part"),
            ("sizes", "u32[3]"),
        ],
    )
    world.struct("outer", [("id", "u64"), ("item", "struct item")])
    world.struct("unrelated", [("id", "u32")])
    return world


def told(world, text, address, *, limit=256, **more):
    """Return how an item is told where its summary is a text, or the alternatives of a list."""
    stated = json.dumps(text) if isinstance(text, str) else text
    extra = "".join(f"{name} = {one}\n" for name, one in more.items())
    kernel = world.kernel([Overlay(f"[summary]\nitem = {stated}\n{extra}", "overlay")])
    return summary(Summaries(kernel, limit).of(kernel.value("struct item", address)))


def item(world, **members):
    given = {"kind": 2, "name": b"alpha", "addr": bytes([127, 0, 0, 1]), "port": 4242}
    return world.new("item", **given | members)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{name}", "alpha"),
        ("{kind}", "KIND_SOCK"),
        ("{kind#KIND_} {addr:ipv4}:{port}", "SOCK 127.0.0.1:4242"),
        ("{name}[ {next.name}] {kind:enum:kinds}", "alpha KIND_SOCK"),
        ("{name} {next.name} {port}", "alpha 4242"),
        ("{next}{name}", "alpha"),
        ("[[{name}]]", "[alpha]"),
        ("[?flags & 1?r|-][?flags & 2?w|-]", "r-"),
        ("{name}[?nosuch?!|?]", "alpha"),
        ("{name}[?kind == KIND_FILE? file]", "alpha"),
        ("{sizes[]} {sizes[1]} {sizes[]:sum}", "1,2,3 2 6 bytes"),
        ("{part.value} {flags:hex}", "9 0x1"),
        ("{(outer:item).id}", "77"),
        ("{nosuch}", ""),
        ("{next.name}", ""),
        ("{private}", ""),
        ("{private.(unrelated).id}", ""),
        ("{:path}", ""),
        ("{flags:left}", ""),
    ],
)
def test_what_slots_say(world, text, expected):
    outer = world.new("outer", id=77)
    address = outer + world.offset("outer.item")
    for path, value in {
        "kind": 2, "name": b"alpha", "addr": bytes([127, 0, 0, 1]), "port": 4242, "flags": 1,
        "part.value": 9,
    }.items():  # fmt: skip
        world.set(address, f"item.{path}", value)
    for number in range(3):
        at = address + world.offset("item.sizes") + number * 4
        world.write(at, world.pack(number + 1, 4))
    assert told(world, text, address) == expected


def test_pointers_say_what_they_lead_to(world):
    text = world.room(16)
    world.write(text, b"a \xff tag\0")
    tag = world.new("tag", name=text)
    unrelated = world.new("unrelated", id=5)
    function = world.room(16)
    world.symbols["do_it"] = function
    address = item(world, tag=tag, func=function, private=unrelated)
    stated = "{tag.name} {func} {private.(unrelated).id}"
    assert told(world, stated, address) == "a \\xff tag do_it 5"


def test_the_first_alternative_that_applies(world):
    function = world.room(16)
    world.symbols["special"] = function
    choices = """[
        { cond = "kind == KIND_FILE", text = "file {name}" },
        { cond = "nosuch", text = "{name} of another kernel" },
        { text = "{nosuch} of another kernel" },
        { is = { func = ["other", "special"] }, text = "special {name}" },
        { text = "plain {name}" },
    ]"""
    kinds = [item(world, kind=1), item(world, func=function), item(world)]
    kernel = world.kernel([Overlay(f"[summary]\nitem = {choices}\n", "overlay")])
    summaries = Summaries(kernel, 256)
    found = [summary(summaries.of(kernel.value("struct item", one))) for one in kinds]
    assert found == ["file alpha", "special alpha", "plain alpha"]


def test_summaries_in_summaries_have_an_end(world):
    last = item(world, name=b"d")
    address = last
    for name in (b"c", b"b", b"a"):
        address = item(world, name=name, next=address)
    assert told(world, "{name}[ > {next}]", address) == "a > b > c"


def test_a_ring_of_summaries_has_an_end(world):
    ring = item(world, name=b"ring")
    world.set(ring, "item.next", ring)
    assert told(world, "{name}[ > {next}]", ring) == "ring > ring > ring"


def test_what_is_remembered_is_no_deeper(world):
    second = item(world, name=b"b", next=item(world, name=b"c", next=item(world, name=b"d")))
    first = item(world, name=b"a", next=second)
    overlay = Overlay('[summary]\nitem = "{name}[ > {next}]"\n', "overlay")
    kernel = world.kernel([overlay])
    summaries = Summaries(kernel, 256)
    assert summary(summaries.of(kernel.value("struct item", second))) == "b > c > d"
    assert summary(summaries.of(kernel.value("struct item", first))) == "a > b > c"
    world.set(second, "item.name", b"new\0")
    assert summary(summaries.of(kernel.value("struct item", first))) == "a > b > c"
    summaries.forget()
    assert summary(summaries.of(kernel.value("struct item", first))) == "a > new > c"


def test_lists_of_members_in_templates(world):
    address = item(world)
    world.set(address, "item.part.value", 3)
    said = told(world, "{name} {part}", address, part='["value"]')
    assert said == "alpha value 3"


def test_an_object_that_cannot_be_read_is_not_told(world):
    address = item(world, next=0x1000)
    assert told(world, "[?flags?r|-] x {next}", address + 0x10000) == ""
    kernel_text = told(world, "{name}[ {next.name}]", address)
    assert kernel_text == "alpha"


def test_only_what_belongs_to_the_object_is_told(world):
    address = item(world)
    overlay = Overlay('[summary]\nitem = "{name}[ {port}]"\n', "overlay")
    kernel = world.kernel([overlay])
    value = kernel.value("struct item", address)
    assert summary(Summaries(kernel, 256).of(value)) == "alpha 4242"
    room = world.offset("item.port") + 1
    assert summary(Summaries(kernel, 256).of(value, room)) == "alpha"


def test_texts_are_cut(world):
    text = world.room(64)
    world.write(text, b"x" * 50 + b"\0")
    address = item(world, tag=world.new("tag", name=text))
    assert told(world, "{tag.name}", address, limit=10) == "x" * 10 + "..."


def test_json_has_the_members_as_they_are(world):
    address = item(world)
    overlay = Overlay('[summary]\nitem = "{kind#KIND_} {name} {port}[ {next.port}]"\n', "overlay")
    kernel = world.kernel([overlay])
    row = json.loads("".join(kernel.dump(kernel.value("struct item", address), "jsonl")))
    assert row["summary"] == {"text": "SOCK alpha 4242", "kind": 2, "name": "alpha", "port": 4242}


def test_a_member_called_text_gives_way(world):
    world.struct("note", [("text", "char[8]"), ("id", "u32")])
    overlay = Overlay('[summary]\nnote = "note {text} {id}"\n', "overlay")
    address = world.new("note", text=b"hello", id=3)
    kernel = world.kernel([overlay])
    found = Summaries(kernel, 256).of(kernel.value("struct note", address))
    assert found == (("text", "note hello 3"), ("id", 3))
    assert isinstance(found[0][1], Words)


def test_people_read_the_words(world):
    address = item(world, next=item(world, name=b"be\nta"))
    overlay = Overlay('[summary]\nitem = "{kind#KIND_} {name}"\n', "overlay")
    kernel = world.kernel([overlay])
    for format_ in ("text", "tree"):
        said = "".join(kernel.dump(kernel.value("struct item", address), format_))
        assert "SOCK alpha" in said
        assert "SOCK be\\nta" in said


def told_by_library(world, struct, address):
    """Return how the library tells an object."""
    kernel = world.kernel([library()])
    return summary(Summaries(kernel, 256).of(kernel.value(f"struct {struct}", address)))


@pytest.mark.parametrize("word", ["compound_head", "compound_info"])
def test_a_tail_page_is_told_by_its_head(word):
    """What it has for flags is the order of its head, 3: not locked, and not under writeback."""
    world = World()
    world.enum("pageflags", {"PG_locked": 0, "PG_writeback": 1, "PG_head": 6})
    world.struct("list_head", [("next", "void *"), ("prev", "void *")])
    world.union("<anon>", [("lru", "struct list_head"), (word, "u64")])
    world.struct("page", [("flags", "u64"), ("", "union <anon>"), ("rest", "u64[5]")])
    head = world.new("page", flags=0x40)
    tail = world.new("page", flags=3)
    masked = word == "compound_info"
    mask = (1 << 64) - (1 << (head ^ tail).bit_length())
    world.set(tail, "page.lru.next", (mask if masked else head) | 1)
    kernel = world.kernel([library()])
    assert told_by_library(world, "page", head) == "head"
    assert told_by_library(world, "page", tail) == f"tail of {tail & mask if masked else head:#x}"
    flags = [kernel.value("struct page", one).flags.facts_ for one in (head, tail)]
    assert [facts is not None and facts.meaning is not None for facts in flags] == [True, False]


@pytest.mark.parametrize(
    ("protocol", "state", "said"),
    [
        (6, 7, "raw TCP 0.0.0.0"),
        (1, 1, "raw ICMP 0.0.0.0 -> 10.0.0.1"),
        (58, 7, "raw ICMPv6 [::]"),
        (6, 10, "raw TCP 0.0.0.0"),
    ],
)
def test_a_raw_socket_has_a_protocol_and_neither_port_nor_state(protocol, state, said):
    """What is the port of others is the protocol, and all are CLOSE or connected."""
    world = World("little")
    world.enum("protocols", {"IPPROTO_ICMP": 1, "IPPROTO_TCP": 6})
    world.struct("in6_addr", [("bytes", "u8[16]")])
    common = [
        ("skc_family", "u16"),
        ("skc_num", "u16"),
        ("skc_state", "u8"),
        ("skc_daddr", "u32"),
        ("skc_rcv_saddr", "u32"),
        ("skc_dport", "u16"),
        ("skc_v6_daddr", "struct in6_addr"),
        ("skc_v6_rcv_saddr", "struct in6_addr"),
    ]
    world.struct("sock_common", common)
    world.struct(
        "sock",
        [("__sk_common", "struct sock_common"), ("sk_type", "u16"), ("sk_protocol", "u16")],
    )
    address = world.new("sock", sk_type=3, sk_protocol=protocol)
    family = 10 if protocol == 58 else 2
    given = {"family": family, "num": protocol, "state": state, "daddr": 0x0100000A}
    for name, value in given.items():
        world.set(address, f"sock.__sk_common.skc_{name}", value)
    assert told_by_library(world, "sock", address) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "unlocked"),
        (0x2, "unlocked, waiters"),
        (0x6, "unlocked, waiters, handoff"),
        (0x100, "read"),
        (0x302, "read, waiters"),
        (0x1, "written -> {}, no task (locked)"),
    ],
)
def test_a_rwsem_is_read_where_it_has_readers(world, count, said):
    world.struct("atomic_long_t", [("counter", "s64")])
    members = [("count", "struct atomic_long_t"), ("owner", "struct atomic_long_t")]
    world.struct("rw_semaphore", members)
    task = world.room(64)
    address = world.new("rw_semaphore")
    world.set(address, "rw_semaphore.count.counter", count)
    world.set(address, "rw_semaphore.owner.counter", task)
    assert told_by_library(world, "rw_semaphore", address) == said.format(hex(task))


BIAS = 0x80000000


@pytest.mark.parametrize(
    ("readers", "is_owned", "said", "of_mutex"),
    [
        (BIAS, False, "unlocked", "unlocked"),
        (BIAS + 2, False, "read", "unlocked"),
        (2, True, "read, waited for by {}", "{}"),
        (0x40000000, True, "written {}", "{}"),
    ],
)
def test_locks_of_preempt_rt(world, readers, is_owned, said, of_mutex):
    world.struct("task_struct", [("pid", "u32")])
    world.struct("atomic_t", [("counter", "int")])
    world.struct("rt_mutex_base", [("wait_lock", "u32"), ("owner", "struct task_struct *")])
    world.struct("rwbase_rt", [("readers", "struct atomic_t"), ("rtmutex", "struct rt_mutex_base")])
    world.struct("rw_semaphore", [("rwbase", "struct rwbase_rt")])
    world.struct("mutex", [("rtmutex", "struct rt_mutex_base")])
    task = world.room(64)
    owner = task if is_owned else 0
    lock, mutex = world.new("rw_semaphore"), world.new("mutex")
    signed = readers - (1 << 32) if readers >= BIAS else readers
    world.set(lock, "rw_semaphore.rwbase.readers.counter", signed)
    world.set(lock, "rw_semaphore.rwbase.rtmutex.owner", owner)
    world.set(mutex, "mutex.rtmutex.owner", owner)
    held = f"-> {task:#x}, no task (locked)"  # of which comm cannot be read
    assert told_by_library(world, "rw_semaphore", lock) == said.format(held)
    assert told_by_library(world, "mutex", mutex) == of_mutex.format(held)


REQUEST = {"state": 1, "cmd_flags": 0x4001, "__sector": 8, "__data_len": 4096, "bio": 0x1000}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "WRITE sector 8, 4096 bytes"),
        ({"cmd_flags": 0x400022}, "DRV_IN sector 8, 4096 bytes"),
        ({"cmd_flags": 2, "__data_len": 0}, "FLUSH"),
        ({"__data_len": 0xFA000000}, "WRITE sector 8, 4194304000 bytes"),
        ({"state": 0}, "WRITE sector 8, 4096 bytes"),
        ({"state": 0, "__data_len": 0, "bio": 0}, "idle"),
    ],
)
def test_requests_are_told_by_their_operation(world, changed, said):
    """One that is not started has its bio; one in no use has what is left from before."""
    world.enum(
        "req_op", {"REQ_OP_READ": 0, "REQ_OP_WRITE": 1, "REQ_OP_FLUSH": 2, "REQ_OP_DRV_IN": 34}
    )
    world.enum("mq_rq_state", {"MQ_RQ_IDLE": 0, "MQ_RQ_IN_FLIGHT": 1})
    members = [("state", "enum mq_rq_state"), ("cmd_flags", "u32"), ("__sector", "u64")]
    world.struct("request", [*members, ("__data_len", "u32"), ("bio", "void *")])
    assert told_by_library(world, "request", world.new("request", **REQUEST | changed)) == said


def test_a_bio_that_cannot_be_read_says_nothing(world):
    world.enum("req_op", {"REQ_OP_READ": 0, "REQ_OP_WRITE": 1})
    world.struct("bvec_iter", [("bi_sector", "u64"), ("bi_size", "u32")])
    world.struct("bio", [("bi_opf", "u32"), ("bi_iter", "struct bvec_iter")])
    address = world.new("bio", bi_opf=1)
    assert told_by_library(world, "bio", address) == "WRITE"
    assert told_by_library(world, "bio", 0x100) == ""


def test_some_bits_of_a_number(world):
    address = item(world, flags=0x302)
    assert (
        told(world, "{flags & 0xff:dec} {flags & 768:enum:kinds} {name}", address) == "2 768 alpha"
    )


def test_with_32_bits_the_pages_near_the_top_are_pointers():
    world = World(pointer_size=4)
    world.struct("list_head", [("next", "void *"), ("prev", "void *")])
    world.union("<anon>", [("lru", "struct list_head"), ("compound_head", "u32")])
    world.struct("page", [("flags", "u32"), ("", "union <anon>")])
    tail = world.new("page", flags=3)
    world.set(tail, "page.compound_head", 0xF7000001)
    assert told_by_library(world, "page", tail) == "tail of 0xf7000000"
