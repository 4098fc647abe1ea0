"""What a slab object can be, and what it is hardly."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import library
from btfdump._kernel.claims import doubt
from btfdump._kernel.services import Cache, SlabObject
from btfdump._kernel.value import Value
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, FaultError
from tests.support.annotated import overlay
from tests.support.command import run
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._render import Format

START = 0xFFFF_8880_0020_0000


class OneObject:
    """Finds one slab object, of a cache of kmalloc() or of one named after a struct."""

    def __init__(self, cache: Cache, least: int, start: int = START) -> None:
        self.cache = cache
        self.least = least
        self.start = start

    def find(self, address: int) -> SlabObject | None:
        is_inside = self.start <= address < self.start + self.cache.size
        return SlabObject(self.cache, self.start) if is_inside else None

    def smallest(self, cache: Cache) -> int:
        return self.least


def kernel_with(cache: Cache, least: int) -> Kernel:
    world = World()
    world.struct("leaf", [("a", "u64"), ("b", "u64[3]")])  # 32 bytes
    world.struct("tall", [("leaf", "struct leaf"), ("rest", "u8[80]")])  # 112
    world.struct("lonely", [("a", "u64[10]")])  # 80
    world.struct("pair", [("x", "u64"), ("lonely", "struct lonely"), ("y", "u64[3]")])  # 112
    world.struct("bag", [("n", "u64"), ("items", "u64[]")])
    world.union("any", [("tall", "struct tall"), ("raw", "u8[112]")])
    world.struct("thing_struct", [("any", "union any"), ("leaves", "struct leaf[2]")])  # 176
    kernel = world.kernel()
    kernel._slabs = OneObject(cache, least)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    return kernel


@pytest.mark.parametrize(
    ("type_", "offset", "is_doubted"),
    [
        ("struct tall", 0, False),  # of that size
        ("struct leaf", 32, False),  # an element of an array of four
        ("struct leaf", 40, True),
        ("struct lonely", 8, False),  # a member of a pair
        ("struct lonely", 0, True),
        ("struct lonely", 16, True),
        ("struct bag", 0, False),  # with as many items as it takes
        ("struct bag", 64, False),  # an array of bags, as far as one can tell
        ("union any", 0, False),
        ("u64", 24, False),  # no struct
        ("struct thing_struct", 0, False),  # does not fit: bounds.py says so
        ("struct lonely", 4096, False),  # no slab object
    ],
)
def test_what_kmalloc_returns(type_: str, offset: int, is_doubted: bool) -> None:
    kernel = kernel_with(Cache(1, "kmalloc-128", 128, 128, 0, False), 97)
    found = doubt(kernel.value(type_, START + offset))
    assert bool(found) == is_doubted
    if is_doubted:
        assert found.startswith(f"hardly a {type_}: slab kmalloc-128 holds objects of 97 to 128")


def test_behind_the_link_of_the_allocator_of_bpf() -> None:
    kernel = kernel_with(Cache(1, "kmalloc-96", 96, 96, 0, False), 65)
    assert doubt(kernel.value("struct lonely", START + 8)) == ""
    assert doubt(kernel.value("struct lonely", START + 16)) != ""


@pytest.mark.parametrize(
    ("type_", "offset", "is_doubted"),
    [
        ("struct thing_struct", 0, False),
        ("struct tall", 0, False),  # in a union in it
        ("struct leaf", 0, False),
        ("struct leaf", 144, False),  # the second of an array in it
        ("struct leaf", 120, True),
        ("struct lonely", 0, True),
    ],
)
def test_a_cache_that_is_named_after_its_struct(type_: str, offset: int, is_doubted: bool) -> None:
    kernel = kernel_with(Cache(1, "thing_cache", 192, 176, 0, True), 176)
    found = doubt(kernel.value(type_, START + offset))
    assert found == (
        f"hardly a {type_}: slab thing_cache holds objects of struct thing_struct, which has none "
        f"at offset {offset}"
        if is_doubted
        else ""
    )
    for name, is_exact in (("other", True), ("thing_cache", False)):  # merged caches share a name
        kernel = kernel_with(Cache(1, name, 192, 176, 0, is_exact), 176)
        assert doubt(kernel.value(type_, START + offset)) == ""


def test_what_a_pointer_leads_to() -> None:
    """Who says `struct lonely *` says what is behind it, too."""
    world = World()
    world.struct("lonely", [("a", "u64[10]")])
    world.struct("tall", [("b", "u64[14]")])
    world.struct("thing_struct", [("tall", "struct tall"), ("rest", "u64[8]")])
    for spelled in ("struct lonely *", "struct lonely **", "struct tall *"):
        world.id(spelled)
    there = world.room(8)
    world.write(there, START.to_bytes(8, "little"))
    nowhere = world.room(8)
    world.symbols |= {"there": there, "small": nowhere, "next": nowhere + 4}
    kernel = world.kernel()
    cache = Cache(1, "thing_cache", 192, 176, 0, True)
    kernel._slabs = OneObject(cache, 176)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    assert doubt(kernel.value("struct lonely *", there)) == (
        "what it points to is hardly a struct lonely: slab thing_cache holds objects of struct "
        "thing_struct, which has none at offset 0"
    )
    for type_ in ("struct tall *", "struct lonely **"):
        assert doubt(kernel.value(type_, there)) == ""
    assert doubt(kernel.value("struct lonely *", nowhere)) == (
        "hardly of type struct lonely *: a pointer has 8 bytes, but small has at most 4 bytes, to "
        "the next symbol"
    )


# What is past the slab object


def test_no_member_is_read_past_the_slab_object() -> None:
    """Whichever way it is asked for: there is another object's memory."""
    world = World()
    world.struct("leaf", [("a", "u64"), ("b", "u64[3]")])
    world.struct(
        "wide",
        [
            ("id", "u64"),
            ("leaf", "struct leaf"),
            ("name", "char[8]"),
            ("to", "struct leaf *"),
            ("low", "u32", 3),
            ("children", "struct list_head"),
            ("count", "u32"),
        ],
        {"children": "contains:wide:children"},
    )
    world.id("u64[4]")
    start = world.room(256)
    world.write(start, b"\1" * 256)
    kernel = world.kernel()
    cache = Cache(1, "kmalloc-24", 24, 24, 0, False)
    kernel._slabs = OneObject(cache, 17, start)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    wide = kernel.value("struct wide", start)
    one = 0x0101_0101_0101_0101
    assert wide.id == wide.leaf.a == wide.leaf.b[0] == one
    has = r"but the object of slab kmalloc-24 \(24 bytes\) has 0 bytes from here on$"
    for read in (
        lambda: wide.count.value_(),
        lambda: int(wide.leaf.b[1]),
        lambda: wide.name.string_(),
        lambda: wide.name.value_(),
        lambda: wide.to.deref_(),
        lambda: wide.to.a,
        lambda: wide.low.value_(),
        lambda: list(wide.children.walk_()),
        lambda: list(wide.children.project_("id")),
        lambda: list(wide.children.entries_()),
        lambda: kernel.value("u64[4]", start)[3].value_(),
    ):
        with pytest.raises(FaultError, match=has):
            read()
    for read in (wide.value_, wide.read_, wide.leaf.value_, wide.leaf.b.bytes_):
        with pytest.raises(FaultError, match=r"has (24|16|8) bytes from here on$") as caught:
            read()
        assert caught.value.address == start + 24
    assert repr(wide.count).startswith("<Value u32 at ")
    # What is not asked for by an address of one's own costs nothing.
    assert type(wide.leaf.a) is type(kernel.value("struct leaf", start + 4096).a) is Value


# Variables


def with_variables() -> tuple[Kernel, int]:
    """Return a kernel, and the address of `ticks`: 64 bytes before `next`, padding included."""
    world = World()
    world.struct("wide", [("a", "u64[9]")])
    world.struct("pair", [("x", "u64"), ("y", "u64")])
    world.id("u8[4]")
    world.id("u64[2]")
    start = world.room(512) + 255 & ~63
    world.symbols |= {"ticks": start, "next": start + 64, "__start_table": start + 128}
    world.symbols["last"] = start + 136
    kernel = world.kernel([overlay('[global]\nticks = "u64"\nnext = "u64"')])
    return kernel, start


@pytest.mark.parametrize(
    ("type_", "offset", "expected"),
    [
        ("u64", 0, ""),
        ("struct pair", 0, "a struct pair: that has 16 bytes, but ticks has 8 bytes"),
        ("u64[2]", 0, "of type u64[2]: that has 16 bytes, but ticks has 8 bytes"),
        ("u8[4]", 4, ""),
        ("u8[4]", 5, "of type u8[4]: that has 4 bytes at offset 5, but ticks has 8 bytes"),
        (
            "struct wide",
            0,
            "a struct wide: that has 72 bytes, but ticks has at most 64 bytes, to the next symbol",
        ),
        ("struct wide", 128, ""),  # the boundary of a section has no size
        ("struct wide", 136, ""),  # no symbol follows
    ],
)
def test_what_does_not_fit_a_variable(type_: str, offset: int, expected: str) -> None:
    kernel, start = with_variables()
    found = doubt(kernel.value(type_, start + offset))
    assert found == (f"hardly {expected}" if expected else "")


def test_a_symbol_whose_size_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, start = with_variables()
    monkeypatch.setattr(type(kernel.target), "symbol_room", lambda self, address: (8, True))
    assert doubt(kernel.value("u64", start)) == ""
    assert doubt(kernel.value("struct pair", start)).endswith("but ticks has 8 bytes")
    assert doubt(kernel.value("struct pair", start + 128)) == ""


def test_where_only_exports_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, start = with_variables()
    monkeypatch.setattr(type(kernel.target), "symbol_room", lambda self, address: (0, False))
    assert doubt(kernel.value("struct wide", start)) == ""


def test_the_template_of_per_cpu_variables_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, start = with_variables()
    monkeypatch.setattr(type(kernel), "is_template", lambda self, address: True)
    assert doubt(kernel.value("struct wide", start)) == ""


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_variables_are_not_doubted_as_what_they_are(
    opened: Callable[[str], Kernel], name: str
) -> None:
    kernel = opened(name)
    known = 0
    for variable in library().globals():
        with suppress(BtfdumpError):
            if not kernel.is_per_cpu(variable):
                type_, address, _ = kernel.variable(variable)
                known += 1
                assert doubt(value_at(kernel, type_, address)) == "", variable
    assert known > 150


def test_a_task_that_is_a_counter(
    sample: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = "inspect", str(sample("stock"))
    status, out, _ = run(capsys, *words, "struct task_struct", "jiffies_64")
    assert status == 0
    assert out.count("/* ! hardly a struct task_struct: that has 9792 bytes, but jiffies has") == 1
    _, out, _ = run(capsys, *words, "u32[4]", "jiffies_64")
    assert out.count("/* ! hardly of type u32[4]: that has 16 bytes, but jiffies has 8 bytes") == 1
    for type_, symbol in (("u64", "jiffies_64"), ("struct task_struct", "init_task")):
        _, out, _ = run(capsys, *words, type_, symbol)
        assert "hardly" not in out


# Real objects


def test_a_task_that_is_an_inode(
    opened: Callable[[str], Kernel],
    sample: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The members of its summary lie past the object, in that of its neighbour."""
    kernel = opened("stock")
    vmas = kernel.task(1).mm.mm_mt.walk_()
    inode = next(f"{int(vma.vm_file.f_inode):#x}" for vma in vmas if vma.vm_file)
    words = "inspect", str(sample("stock")), "struct task_struct", inode
    status, out, err = run(capsys, *words, "--format", "json")
    (root,) = json.loads(out)["roots"]
    assert (status, err) == (0, "")
    assert "summary" not in root
    assert root["notes"][0]["text"].endswith("what lies past it is not shown")
    status, out, err = run(capsys, *words, "--format", "snprintf")
    assert (status, out.count("\n") > 900) == (0, True)
    assert err.startswith(f"btfdump: {inode}: struct task_struct has 9792 bytes, but the object of")
    assert err.endswith("bytes from here on: what lies past it is printed, too\n")


def a_pipe(kernel: Kernel) -> int:
    """Return the address of the `struct pipe_inode_info` of some open pipe."""
    for task in kernel.tasks():
        for file in task.files.fdt.fd.walk_() if task.files else ():
            if file.f_inode and stat.S_ISFIFO(int(file.f_inode.i_mode)):
                return int(file.private_data)
    raise AssertionError("no pipe is open")


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_a_socket_that_is_a_pipe(
    opened: Callable[[str], Kernel],
    sample: Callable[[str], Path],
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    kernel = opened(name)
    pipe = a_pipe(kernel)
    assert doubt(kernel.value("struct pipe_inode_info", pipe)) == ""
    words = "inspect", str(sample(name)), "struct socket", f"{pipe:#x}"
    status, out, _ = run(capsys, *words)
    assert status == 0
    assert out.count("/* ! hardly a struct socket: slab kmalloc-cg-192") == 1
    status, out, _ = run(capsys, *words, "--strict", "--format", "json")
    assert status == 1
    (note,) = json.loads(out)["roots"][0]["notes"]
    assert note["text"].startswith("hardly a struct socket")
    _, _, err = run(capsys, *words, "--format", "snprintf")  # which has no place for a note
    assert f"{pipe:#x}: hardly a struct socket" in err


def test_what_the_library_prints_as_bpf_does_begins_with_the_doubt(
    opened: Callable[[str], Kernel],
) -> None:
    """As `format()`: there is no other place for it."""
    kernel = opened("stock")
    pipe = a_pipe(kernel)
    lines = "".join(kernel.dump(kernel.value("struct socket", pipe), "snprintf")).splitlines()
    assert lines[0].startswith("/* ! hardly a struct socket: slab kmalloc-cg-192")
    assert lines[1] == "(struct socket){"
    lines = "".join(kernel.dump(kernel.value("struct task_struct", pipe), "snprintf")).splitlines()
    assert lines[0].endswith("bytes from here on: what lies past it is printed, too */")
    for value in (kernel.value("struct pipe_inode_info", pipe), kernel.task(1)):
        assert "".join(kernel.dump(value, "snprintf")).startswith("(struct ")


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_what_lists_lead_to_is_not_doubted(opened: Callable[[str], Kernel], name: str) -> None:
    kernel = opened(name)
    inits = [kernel.task(1), kernel.task(1).mm.deref_(), kernel.task(1).files.deref_()]
    vmas = [v.vm_file.deref_() for v in kernel.task(1).mm.mm_mt.walk_() if v.vm_file]
    for value in [*inits, *kernel.tasks(), *vmas, *kernel["super_blocks"].walk_()]:
        assert doubt(value) == ""


def doubtful() -> tuple[Kernel, Value]:
    """Return an object of kmalloc() that is hardly the `struct lonely` that it is said to be."""
    world = World()
    world.struct("lonely", [("a", "u64[10]")])
    start = world.room(96)
    world.write(start, bytes(range(96)))
    kernel = world.kernel()
    cache = Cache(1, "kmalloc-96", 96, 96, 0, False)
    kernel._slabs = OneObject(cache, 65, start)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    return kernel, kernel.value("struct lonely", start + 16)


@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
def test_the_library_notes_what_an_object_hardly_is(format_: Format) -> None:
    kernel, claimed = doubtful()
    for value in (claimed, claimed.a):  # and what is a part of it
        text = "".join(kernel.dump(value, format_))
        assert text.count("hardly a struct lonely: slab kmalloc-96") == 1
    reached = value_at(kernel, claimed.type_, claimed.address_)
    assert "hardly" not in "".join(kernel.dump(reached, format_))


def test_formatted_objects_begin_with_what_they_hardly_are() -> None:
    kernel, claimed = doubtful()
    plain = kernel.format(value_at(kernel, claimed.type_, claimed.address_))
    assert kernel.format(claimed) == f"/* ! {doubt(claimed)} */\n{plain}"
    assert kernel.format(claimed.a).startswith("/* ! hardly a struct lonely")


def test_formatted_objects_end_with_their_slab_object() -> None:
    world = World()
    world.struct("two", [("a", "u64"), ("b", "u64"), ("c", "u64")])
    start = world.new("two", a=1, b=2, c=3)
    kernel = world.kernel()
    small = Cache(1, "small", 16, 16, 0, True)
    kernel._slabs = OneObject(small, 16, start)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    value = kernel.value("struct two", start)
    for zero in (False, True):
        assert kernel.format(value, zero=zero) == (
            "/* ! struct two has 24 bytes, but the object of slab small (16 bytes) has 16 bytes "
            "from here on: what lies past it is not shown */\n"
            "(struct two){\n  .a = (u64)1,\n  .b = (u64)2,\n}"
        )


def test_a_short_object_of_another_type():
    """That a type may be allocated shorter does not make anything that is too short one of it."""
    world = World()
    world.struct("thing_struct", [("a", "u64"), ("bits", "u64[8]")])
    world.struct("mask", [("n", "u64"), ("bits", "u64[64]")])
    kernel = world.kernel()
    kernel._slabs = OneObject(Cache(1, "thing_struct", 80, 72, 0, True), 72)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    assert "hardly a struct mask" in doubt(kernel.value("struct mask", START))
    assert "none at offset 16" in doubt(kernel.value("struct thing_struct", START + 16))
    assert not doubt(kernel.value("struct thing_struct", START))
    kernel._slabs = OneObject(Cache(1, "kmalloc-96", 96, 96, 0, False), 65)  # type: ignore[assignment]
    kernel._freelists = None  # type: ignore[assignment]
    assert not doubt(kernel.value("struct mask", START))


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_caches_that_are_not_named_after_what_they_hold(
    opened: Callable[[str], Kernel], name: str
) -> None:
    """The library's [cache]: each struct is as large as the objects of its cache."""
    kernel = opened(name)
    found = 0
    for cache in kernel["slab_caches"].walk_():
        for struct in library().slab_cache(cache.name.string_()):
            if not kernel.lookup.structs(struct, kernel.btf):
                continue  # another kernel's
            found += 1
            size = kernel.layouts.of(kernel.type(f"struct {struct}")).size
            # Objects are rounded up where caches of several sizes were merged.
            assert 0 <= int(cache.object_size) - size <= 64, struct
            assert int(cache.object_size) == size or int(cache.refcount) > 1 or name == "stock-7.3"
    assert found > 10


def test_a_type_that_an_open_file_hardly_is(opened: Callable[[str], Kernel]) -> None:
    kernel = opened("stock")
    file = kernel.task(1).files.fdt.fd[0].deref_()
    asked = kernel.value("struct socket", file.address_)
    assert doubt(asked).startswith("hardly a struct socket: slab filp holds objects of struct file")
    assert not doubt(kernel.value("struct file", file.address_))
    inode = kernel.value("struct inode", int(file.f_inode))
    assert not doubt(inode)


@pytest.mark.parametrize("name", ["stock", "tagged"])
def test_a_cache_of_the_allocator_holds_caches(opened: Callable[[str], Kernel], name: str) -> None:
    """No other caches are merged with it, whatever its count of references says."""
    kernel = opened(name)
    address = kernel.symbol("pwq_cache@1")
    assert doubt(kernel.value("struct kmem_cache *", address)) == ""
    assert doubt(kernel.value("struct socket *", address)) == (
        "what it points to is hardly a struct socket: slab kmem_cache holds objects of struct "
        "kmem_cache, which has none at offset 0"
    )


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_what_has_been_freed(opened: Callable[[str], Kernel], name: str) -> None:
    """Asked for by its address, it is shown, and said to be free."""
    kernel = opened(name)
    task = kernel.task(1).address_
    slab = kernel._slabs.slab(task)
    assert slab is not None
    free = next(
        address
        for number in range(40_000)
        if (other := kernel._slabs.slab(kernel.wrap(slab.start + (number - 20_000) * 4096)))
        and other.cache == slab.cache
        for address in kernel._freelists.free(other)
    )
    value = kernel.value("struct task_struct", free)
    said = doubt(value)
    assert said.startswith("no longer in use: slab task_struct has it ")
    assert kernel.format(value).startswith(f"/* ! {said} */\n")
    assert said in "".join(kernel.dump(value))
    assert not doubt(kernel.value("struct task_struct", task))
