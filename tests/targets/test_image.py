"""Kernels whose symbol table has no variables: BTF and exports out of a made-up image."""

from __future__ import annotations

import re
import struct

import pytest

from btfdump._targets import percpu
from btfdump._targets.buffer import BufferTarget
from btfdump._targets.image import KernelImage
from btfdump._targets.kernel_symbols import KernelSymbols
from btfdump._targets.memory import Platform
from btfdump.errors import MissingDataError, SymbolNotFoundError

BASE = 0xFFFF800009000000
TABLE, NAMES, BTF = 0x21000, 0x2C000, 0x45678  # offsets; BTF is aligned to 4 bytes only
PLAIN = {"init_task": 0x60000, "kfree": 0x400, "nr_cpu_ids": 0x60020}
GPL = {"__per_cpu_offset": 0x60040, "init_uts_ns": 0x60100}
MOST_READ = 8 << 20
"""Bytes: what is searched of an image of which nothing is known is 512 KiB."""
FUNCTIONS = [("T_stext", BASE), ("Tkfree", BASE + 0x400), ("T_etext", BASE + 0x1000)]


def btf(order="<", strings=b"\0int\0task_struct\0", types=bytes(16)):
    head = struct.pack(f"{order}HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), 0)
    return head[:20] + struct.pack(f"{order}I", len(strings)) + types + strings


def image(*, order="<", word=8, entry=12, padding=0, base=BASE, blob=None):
    """Build the image: two tables of struct kernel_symbol with `padding` between, names, BTF."""
    data = bytearray(0x70000)
    names = NAMES
    at = TABLE
    for table in (PLAIN, GPL):
        for name, target in sorted(table.items()):
            data[names : names + len(name) + 2] = b"\0" + name.encode() + b"\0"
            where, names = names + 1, names + len(name) + 2
            if entry in (12, 8):
                values = (target - at, where - at - 4)
                data[at : at + 8] = struct.pack(f"{order}2i", *values)
            else:
                form = f"{order}2{'Q' if word == 8 else 'I'}"
                data[at : at + 2 * word] = struct.pack(form, base + target, base + where)
            at += entry
        data[at : at + padding] = b"\xff" * padding
        at += padding
    blob = btf(order) if blob is None else blob
    data[BTF : BTF + len(blob)] = blob
    struct.pack_into(f"{order}I", data, PLAIN["nr_cpu_ids"], 2)
    struct.pack_into(f"{order}2{'Q' if word == 8 else 'I'}", data, GPL["__per_cpu_offset"], 16, 32)
    return bytes(data)


def info(base=BASE):
    return {"SYMBOL(_stext)": f"{base:x}", "SYMBOL(init_uts_ns)": f"{base + 0x60100:x}"}


@pytest.mark.parametrize("padding", [0, 4, 52])
@pytest.mark.parametrize(("word", "entry"), [(8, 12), (8, 8), (8, 24), (8, 16), (4, 12)])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_layouts(byteorder, word, entry, padding):
    order = "<" if byteorder == "little" else ">"
    base = BASE if word == 8 else 0xC0100000
    padding = padding // word * word if entry in (16, 24) else padding
    memory = image(order=order, word=word, entry=entry, padding=padding, base=base)
    target = BufferTarget({base: memory}, byteorder, word)
    found = KernelImage(target.read, info(base), target.platform)
    exports = found.find_exports()
    everything = {name: base + at for name, at in (PLAIN | GPL).items()}
    assert {name: exports.find(name) for name in everything} == everything
    assert len(exports) == len(everything)
    assert exports.find("nosuch") is None
    assert exports.nearest(base + 0x60000) == ("init_task", 0)
    assert exports.nearest(base + 0x60001) is None
    assert found.find_btf() == btf(order)


def test_entries_of_12_bytes_on_32_bits_are_absolute():
    base = 0xC0100000
    data = bytearray(image(word=4, entry=12, base=base))
    data[TABLE : TABLE + 60] = bytes(60)
    where = NAMES + 1
    data[NAMES : NAMES + 13] = b"\0init_uts_ns\0"
    struct.pack_into("<6I", data, TABLE, base + 0x60100, base + where, 0, 0, 0, 0)
    data[NAMES + 13 : NAMES + 24] = b"\0init_task\0"
    struct.pack_into("<3I", data, TABLE + 12, base + 0x60000, base + NAMES + 14, 0)
    target = BufferTarget({base: bytes(data)}, "little", 4)
    exports = KernelImage(target.read, info(base), target.platform).find_exports()
    assert exports.find("init_task") == base + 0x60000


def test_holes():
    """Init code is unmapped after boot; BTF may end where the image does."""
    memory = image()
    blob = btf()
    target = BufferTarget({BASE: memory[: BTF + len(blob)], BASE + (9 << 20): memory[0x60000:]})
    found = KernelImage(target.read, info(), target.platform)
    assert found.find_btf() == blob
    assert found.find_exports().find("init_task") == BASE + 0x60000


@pytest.mark.parametrize(
    "blob",
    [
        btf()[:30],  # cut
        btf(strings=b"task_struct\0"),  # split BTF: a module's
        btf(strings=b"\0int\0"),
        btf(">"),
        btf()[:16] + b"\xff" * 8 + btf()[24:],
        b"",
    ],
)
def test_what_is_not_the_kernels_btf(blob):
    target = BufferTarget({BASE: image(blob=blob)})
    assert KernelImage(target.read, info(), target.platform).find_btf() is None


def test_the_largest_btf_wins():
    """BTF of a loaded program repeats what it needs of the kernel's types."""
    memory = bytearray(image())
    small = btf()
    large = btf(strings=b"\0int\0task_struct\0mm_struct\0")
    memory[0x100 : 0x100 + len(large)] = large
    target = BufferTarget({BASE: bytes(memory)})
    assert len(small) < len(large)
    assert KernelImage(target.read, info(), target.platform).find_btf() == large


def test_nothing_there():
    target = BufferTarget({BASE: bytes(0x10000)})
    for lines in ({}, info(), {"SYMBOL(_stext)": "0"}):
        found = KernelImage(target.read, lines, target.platform)
        assert found.find_btf() is None
        assert len(found.find_exports()) == 0


def test_image_without_end():
    """All memory is readable, and no table is in it: the search is bounded."""
    sizes = []

    def read(address, size):
        sizes.append(size)
        assert sum(sizes) < MOST_READ, "the search goes on and on"
        return bytes(size)

    found = KernelImage(read, info(), Platform("little"))
    assert found.find_btf() is None
    assert len(found.find_exports()) == 0


def without_variables(build, *, kallsyms=True, memory=None):
    """Make the symbols of a kernel with CONFIG_KALLSYMS_ALL=n, or without any in VMCOREINFO."""
    tables, lines = build.kallsyms_tables(FUNCTIONS, base=BASE)
    target = BufferTarget([*tables, (BASE, image() if memory is None else memory)])
    lines = lines if kallsyms else {"OSRELEASE": "5.10.0"}
    return KernelSymbols(target.read, lines | info(), Platform("little")), target


@pytest.mark.parametrize("kallsyms", [True, False])
def test_symbols_without_variables(build, kallsyms):
    symbols, target = without_variables(build, kallsyms=kallsyms)
    assert symbols.symbol("init_task") == BASE + 0x60000
    assert symbols.symbol("init_uts_ns") == BASE + 0x60100
    assert symbols.symbol("kfree") == BASE + 0x400
    assert symbols.btf() == btf()
    assert percpu.read_offsets(target.read, symbols, Platform("little")) == (16, 32)
    assert symbols.symbolize(BASE + 0x400) == "kfree"
    assert symbols.symbolize(BASE + 0x404) == ("kfree+0x4" if kallsyms else None)
    assert symbols.symbolize(BASE + 0x60000) == "init_task"
    assert symbols.symbolize(BASE + 0x60008) is None
    why = "CONFIG_KALLSYMS_ALL=n" if kallsyms else r"VMCOREINFO has no SYMBOL\(kallsyms_names\)"
    with pytest.raises(SymbolNotFoundError, match=f"{why}.*not export.*--vmlinux FILE") as error:
        symbols.symbol("super_blocks")
    assert str(error.value).count(";") == 1


@pytest.mark.parametrize("kallsyms", [True, False])
def test_what_is_known_without_a_table_is_listed_with_what_it_lacks(build, kallsyms):
    """Exports and VMCOREINFO name variables; only a table of functions tells which are none."""
    symbols, _ = without_variables(build, kallsyms=kallsyms)
    symbols._info = {**symbols._info, "SYMBOL(prb)": f"{BASE + 0x60200:x}"}
    listed = list(symbols.listed())
    expected = PLAIN | GPL | {"prb": 0x60200}
    assert ("kfree" in dict(listed)) is not kallsyms
    for name in expected.keys() - {"kfree"}:
        assert dict(listed)[name] == BASE + expected[name]
    assert "_stext" not in dict(listed)
    assert [address for _, address in listed] == sorted(dict(listed).values())
    why = "CONFIG_KALLSYMS_ALL=n" if kallsyms else r"VMCOREINFO has no SYMBOL\(kallsyms_names\)"
    assert re.search(rf"{why}.*; give the symbols with --vmlinux FILE$", symbols.lack)


def test_pointers_in_vmcoreinfo_are_no_symbols(build):
    tables, lines = build.kallsyms_tables(FUNCTIONS, base=BASE)
    target = BufferTarget([*tables, (BASE, image())])
    lines |= info() | {"SYMBOL(mem_section)": "ffff00000ff5d380", "SYMBOL(prb)": "ffff800009060200"}
    symbols = KernelSymbols(target.read, lines, Platform("little"))
    assert symbols.find("mem_section") is None
    assert symbols.find("prb") == BASE + 0x60200


def test_neither_variables_nor_exports(build):
    symbols, _ = without_variables(build, memory=bytes(0x1000))
    with pytest.raises(SymbolNotFoundError, match="functions only") as error:
        symbols.symbol("init_task")
    assert "export" not in str(error.value)
    with pytest.raises(MissingDataError, match=r"no BTF was found in the image.*--btf FILE"):
        symbols.btf()
    symbols, _ = without_variables(build, kallsyms=False, memory=bytes(0x1000))
    with pytest.raises(MissingDataError, match=r"kallsyms_names.*--vmlinux FILE"):
        symbols.symbol("init_task")
