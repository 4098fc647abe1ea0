"""The survey, on the books of small kernels made by hand."""

from __future__ import annotations

import pytest

from btfdump._targets.via_bpf.kernel_map import Survey
from btfdump._targets.via_bpf.programs import BoundsTable, Window
from btfdump._targets.via_bpf.reader import BpfReader
from btfdump.errors import CorruptDataError, FaultError, MissingDataError
from tests.support.bpf_machine import BpfMachine
from tests.support.synthetic import World

PAGE = 4096
RAM, OTHER = 0x81000200, 0x80000200
DIRECT = 0xFFFF_8880_0000_0000
"""Where the synthetic world puts its objects, so they are in the direct map as real ones are."""
AREAS = 0xFFFF_C900_0000_0000
PAGES = 0xFFFF_EA00_0000_0000


def longs(*names):
    return [(name, "unsigned long") for name in names]


class Books:
    """A kernel's books: `nodes` lists of vmap areas, or the one list of kernels before 6.9."""

    def __init__(self, byteorder="little", nodes=0, flags=True, symbol="page_offset_base"):
        self.world = world = World(byteorder)
        pointers = ("parent", "sibling", "child")
        self.made: list[tuple[int, int]] = []
        world.struct(
            "resource",
            [*longs("start", "end"), ("name", "char *"), *longs("flags")]
            + [(name, "struct resource *") for name in pointers],
        )
        world.struct(
            "vm_struct",
            [("next", "struct vm_struct *"), ("addr", "void *"), *longs("size", "flags")],
        )
        world.union("<>", [("subtree_max_size", "unsigned long"), ("vm", "struct vm_struct *")])
        world.struct(
            "vmap_area",
            [*longs("va_start", "va_end"), ("list", "struct list_head"), ("", "union <>")]
            + longs("flags") * flags,
        )
        world.struct("page", [("words", "unsigned long[8]")])
        if nodes:
            world.struct("rb_list", [("root", "void *"), ("head", "struct list_head")])
            world.struct("vmap_node", [("pool", "u64[3]"), ("busy", "struct rb_list")])
        self.symbols = {"_text": world.room(2 * PAGE, PAGE)}
        self.symbols["_end"] = self.symbols["_text"] + 2 * PAGE - 100
        self.room = self.symbols["_text"]  # variables live in the image
        self.variable("high_memory", DIRECT + 1024 * PAGE)
        self.variable("max_pfn", 1024)
        if symbol:
            self.variable(symbol, DIRECT)
        self.variable("vmemmap_base", PAGES)
        self.symbols["iomem_resource"] = self.resources = world.new("resource")
        self.resource(self.resources, 0x1000, 0x9FBFF, RAM)
        self.heads = []
        if nodes:
            first = world.room(nodes * world.sizeof("struct vmap_node"))
            self.variable("vmap_nodes", first)
            self.variable("nr_vmap_nodes", world.pack(nodes, 4))
            self.heads = [
                first + at * world.sizeof("struct vmap_node") + world.offset("vmap_node.busy.head")
                for at in range(nodes)
            ]
        else:
            self.symbols["vmap_area_list"] = world.new("list_head")
            self.heads = [self.symbols["vmap_area_list"]]
        self.areas: list[list[int]] = [[] for _ in self.heads]

    def variable(self, name, value):
        self.room += 16
        self.symbols[name] = self.room
        self.world.write(self.room, value if isinstance(value, bytes) else self.world.pack(value))

    def resource(self, parent, start, end, flags):
        """Put a resource at the end of a parent's children."""
        new = self.world.new("resource", start=start, end=end, flags=flags)
        children = [at for at, under in self.made if under == parent]
        if children:
            self.world.set(children[-1], "resource.sibling", new)
        else:
            self.world.set(parent, "resource.child", new)
        self.made.append((new, parent))
        return new

    def area(self, number, flags, *, vm=True, va_flags=0, addr=None, where=0):
        start = AREAS + number * 0x10000
        owner = 0
        if vm:
            at = start if addr is None else addr
            owner = self.world.new("vm_struct", addr=at, size=0x5000, flags=flags)
        members = {"va_start": start, "va_end": start + 0x5000, "vm": owner}
        if va_flags:
            members["flags"] = va_flags
        self.areas[where].append(self.world.new("vmap_area", **members))

    def survey(self, **how):
        world = self.world
        offset = world.offset("vmap_area.list")
        for head, areas in zip(self.heads, self.areas, strict=True):
            world.link_list(head, [area + offset for area in areas])
        kernel = world.kernel()
        self.machine = BpfMachine(world.target, world.byteorder)
        reader = BpfReader(
            self.machine, Window(64, 1 << 15, 1 << 13), BoundsTable(8), world.byteorder
        )
        how = {"machine": "x86_64", "page_size": PAGE, **how}
        return Survey(reader, self.symbols.get, kernel.btf, **how)


def area(number):
    start = AREAS + number * 0x10000
    return start, start + 0x5000


def among(ranges, low, high):
    return [(start, end) for start, end in ranges if low <= start < high]


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("symbol", ["page_offset_base", None])
def test_ram_is_system_ram_in_whole_pages(byteorder, symbol):
    books = Books(byteorder, symbol=symbol)
    root = books.resources
    books.resource(root, 0xA0000, 0xFFFFF, OTHER)
    books.resource(root, 0x100000, 0x1FFFFF, RAM)
    bus = books.resource(root, 0xC0000000, 0xFEBFFFFF, OTHER)
    books.resource(bus, 0xD0000000, 0xD0000FFF, OTHER)
    soft = books.resource(root, 0x1_0000_0000, 0x1_FFFF_FFFF, OTHER)
    books.resource(soft, 0x1_0000_0000, 0x1_0FFF_FFFF, RAM)  # memory that a driver added
    found = books.survey()()
    end = DIRECT + 1024 * PAGE
    assert found.direct_map == (DIRECT, end)
    ram = among(found.readable, DIRECT, PAGES)
    image = books.symbols["_text"], books.symbols["_text"] + 2 * PAGE
    assert image[0] in found.readable
    expected = [(0x1000, 0x9F000), (0x100000, 0x200000), (0x1_0000_0000, 0x1_1000_0000)]
    assert [r for r in ram if r[0] < AREAS] == [(DIRECT + a, DIRECT + b) for a, b in expected]
    pages = among(found.readable, PAGES, 1 << 64)
    assert pages == [(PAGES, PAGES + 0x1_1000_0000 // PAGE * 64)]


def test_null_is_not_read_where_the_direct_map_begins_at_0():
    books = Books(byteorder="big")
    books.world.write(books.symbols["page_offset_base"], bytes(8))
    books.resource(books.resources, 0, 0xFFF, RAM)
    found = books.survey(machine="s390x")()
    assert among(found.readable, 0, DIRECT) == [(0x1000, 0x9F000)]
    assert found.why_not(8) == "not mapped"


def with_areas(**how):
    books = Books(**how)
    books.resource(books.resources, 0x100000, 0x1FFFFF, RAM)
    return books


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("nodes", [0, 1, 3])
def test_areas_of_every_list_by_what_they_map(byteorder, nodes):
    books = with_areas(byteorder=byteorder, nodes=nodes)
    last = max(0, nodes - 1)
    books.area(0, 0x2)  # vmalloc()
    books.area(1, 0x1)  # ioremap()
    books.area(2, 0x4, where=last)  # vmap()
    books.area(3, 0x22)  # not set up yet
    books.area(4, 0, vm=False)  # being freed
    books.area(5, 0, vm=False, va_flags=1, where=last)  # vm_map_ram()
    books.area(6, 0x2, addr=AREAS)  # its vm_struct is another's by now
    found = books.survey()()
    assert among(found.readable, AREAS, PAGES) == [area(0), area(2), area(5)]
    assert list(found.devices) == [area(1)]
    assert found.why_not(area(1)[0]) == "memory of a device: not read"
    assert found.why_not(area(4)[0]) == "not mapped"


def test_without_flags_an_area_without_owner_is_not_read():
    books = with_areas(flags=False)
    books.area(0, 0, vm=False)
    books.area(1, 2)
    assert among(books.survey()().readable, AREAS, PAGES) == [area(1)]


def test_a_list_that_breaks_off_gives_what_comes_before():
    books = with_areas()
    for number in range(4):
        books.area(number, 2)
    survey = books.survey()
    link = books.areas[0][1] + books.world.offset("vmap_area.list")
    books.world.point(link, 0xDEAD_0000_0000_0100)
    assert among(survey().readable, AREAS, PAGES) == [area(0), area(1)]


def test_a_list_that_never_ends_does(monkeypatch):
    monkeypatch.setattr("btfdump._targets.via_bpf.kernel_map._MAX_ELEMENTS", 5000)
    books = with_areas()
    books.area(0, 2)
    survey = books.survey()
    link = books.areas[0][0] + books.world.offset("vmap_area.list")
    books.world.point(link, link)
    assert among(survey().readable, AREAS, PAGES) == [area(0)]


def test_owners_outside_of_known_memory_are_not_looked_at():
    books = with_areas()
    books.area(0, 2)
    survey = books.survey()
    books.world.point(books.areas[0][0] + books.world.offset("vmap_area.vm"), AREAS + 0x500000)
    assert among(survey().readable, AREAS, PAGES) == []
    assert not [at for at, _ in books.machine.copied if at >= AREAS]


def test_no_ram_at_all_is_an_error():
    books = Books()
    survey = books.survey()
    books.world.point(books.resources + books.world.offset("resource.child"), 0)
    with pytest.raises(CorruptDataError, match="no System RAM"):
        survey()


def test_books_that_are_unreadable_fault():
    books = Books()
    survey = books.survey()
    books.world.target.unmap(books.symbols["high_memory"], 8)
    with pytest.raises(FaultError):
        survey()


@pytest.mark.parametrize("name", ["_end", "iomem_resource", "high_memory", "vmap_area_list"])
def test_a_symbol_that_is_missing_is_named(name):
    books = Books()
    del books.symbols[name]
    with pytest.raises(MissingDataError, match=f"no symbol {name}"):
        books.survey()()


def test_vmcoreinfo_is_read_where_sysfs_says():
    books = with_areas()
    text = b"OSRELEASE=6.1\nNUMBER(VMEMMAP_START)=0xfffffbffc0000000\n"
    note = books.world.room(128)
    books.world.write(note, b"\x0b\0\0\0VMCOREINFO\0\0" + text)
    del books.symbols["vmemmap_base"]
    survey = books.survey(machine="aarch64", note_at=(note - DIRECT, 128))
    assert survey.info["OSRELEASE"] == "6.1"
    del survey.info["NUMBER(VMEMMAP_START)"]
    assert not among(survey().readable, PAGES, 1 << 64)


def test_arm64_says_where_struct_pages_are():
    books = with_areas()
    text = b"OSRELEASE=6.1\nNUMBER(VMEMMAP_START)=0xfffffbffc0000000\n"
    text += b"NUMBER(VMEMMAP_END)=0xfffffbffc0001000\n"
    note = books.world.room(256)
    books.world.write(note, text)
    del books.symbols["vmemmap_base"]
    survey = books.survey(machine="aarch64", note_at=(note - DIRECT, 256))
    assert (0xFFFF_FBFF_C000_0000, 0xFFFF_FBFF_C000_1000) in list(survey().readable)


def test_x86_without_kaslr_of_memory():
    books = with_areas()
    del books.symbols["vmemmap_base"]
    assert PAGES in books.survey()().readable
