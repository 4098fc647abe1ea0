"""ppc64 guests of QEMU: no VMCOREINFO, and the wrong byte order in the header."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from btfdump._targets.memory import UNMAPPED, Platform
from btfdump._targets.via_drgn import open_core
from btfdump.errors import FaultError, MissingDataError

if TYPE_CHECKING:
    from btfdump._btf.wire import ByteOrder

DIRECT, VMALLOC = 0xC << 60, 0xC008 << 48
INFO, NAMES, PGD, PUD, PMD, PTE, DATA = (number << 16 for number in range(1, 8))
PRESENT, LEAF = 1 << 63, 1 << 62


def memory(machine, *, radix=True):
    text = (
        "OSRELEASE=6.1.0-test\nPAGESIZE=65536\n"
        f"SYMBOL(_stext)={DIRECT:x}\nSYMBOL(swapper_pg_dir)={DIRECT + PGD:x}\n"
        f"SYMBOL(init_uts_ns)={DIRECT + NAMES:x}\nOFFSET(uts_namespace.name)=4\n"
        f"SYMBOL(vmemmap_list)={DIRECT:x}\n"
    ).encode()
    data = bytearray(8 << 16)
    data[INFO : INFO + len(text)] = text
    for at, name in ((2, b"6.1.0-test"), (4, machine.encode())):
        start = NAMES + 4 + 65 * at
        data[start : start + len(name)] = name
    if radix:  # tables of 13, 9, 9 and 5 bits; entries are big-endian
        struct.pack_into(">Q", data, PGD, PRESENT | PUD)
        struct.pack_into(">Q", data, PGD + 8 * (VMALLOC >> 39 & 0x1FFF), PRESENT | PUD)
        struct.pack_into(">Q", data, PUD, PRESENT | PMD)
        struct.pack_into(">Q", data, PMD, PRESENT | PTE)
        struct.pack_into(">Q", data, PTE + 8 * 3, PRESENT | LEAF | DATA)
    data[DATA : DATA + 8] = b"the data"
    return bytes(data)


def write(path, build, form, data):
    if form == "elf":
        notes = [("CORE", 1, bytes(504)), ("QEMU", 0, bytes(440))]
        path.write_bytes(build.elf_core([(0, data)], notes=notes, machine=21, order=">"))
    else:
        path.write_bytes(build.kdump([(0, data)], order=">", block=65536))
    return path


@pytest.mark.parametrize("form", ["elf", "kdump"])
@pytest.mark.parametrize("machine", ["ppc64", "ppc64le"])
def test_byte_order_and_page_tables(tmp_path, build, form, machine):
    with open_core(write(tmp_path / "core", build, form, memory(machine))) as target:
        order: ByteOrder = "little" if machine == "ppc64le" else "big"
        assert target.platform == Platform(order, 8, machine)
        assert target.page_size == 65536
        assert target.release == "6.1.0-test"
        assert target.read(DIRECT + DATA, 8) == b"the data"
        assert target.read(VMALLOC + (3 << 16), 8) == b"the data"
        # drgn alone ignores the bits above the tables.
        for address in (0, DATA, 1 << 63, VMALLOC, DIRECT | 1 << 52, 0xD << 60, 0xF << 60):
            with pytest.raises(FaultError, match=UNMAPPED):
                target.read(address, 8)


@pytest.mark.parametrize("form", ["elf", "kdump"])
def test_hash_mmu(tmp_path, build, form):
    """Without page tables there is the direct map: the kernel and what it allocates by kmalloc."""
    data = memory("ppc64le", radix=False)
    with open_core(write(tmp_path / "core", build, form, data)) as target:
        assert target.read(DIRECT + DATA, 8) == b"the data"
        with pytest.raises(FaultError, match="Radix MMU"):
            target.read(VMALLOC + (3 << 16), 8)


@pytest.mark.parametrize("form", ["elf", "kdump"])
def test_another_machines_memory(tmp_path, build, form):
    with pytest.raises(MissingDataError, match="does not fit"):
        open_core(write(tmp_path / "core", build, form, memory("s390x")))
