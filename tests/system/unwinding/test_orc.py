"""ORC data: made by hand in each form that they have had, and those of real kernels."""

from __future__ import annotations

import struct
from typing import ClassVar

import pytest

from btfdump._system.unwinding.orc import CALL, END, PARTIAL, REGS, UNDEFINED, Register, tables_of
from btfdump.errors import CorruptDataError, MissingDataError
from tests.support.patched import PatchedKernel
from tests.support.synthetic import World

TEXT = 0xFFFF_8880_0000_0000  # below what World puts into memory, and near enough


class OrcWorld(World):
    """A kernel with ORC data for a few places in code: (offset, entry) by offset."""

    BITS: ClassVar = {
        1: [("type", 2), ("end", 1)],
        2: [("type", 2), ("signal", 1), ("end", 1)],
        3: [("type", 3), ("signal", 1)],
    }

    def __init__(self, version: int, entries: list[tuple[int, bytes]]) -> None:
        super().__init__()
        bits = [("sp_reg", 4), ("bp_reg", 4), *self.BITS[min(version, 3)]]
        members = [("sp_offset", "s16"), ("bp_offset", "s16")]
        self.struct(
            "orc_entry", [*members, *((name, "u16", width) for name, width in bits)], size=6
        )
        self.starts = self.room(4 * len(entries))
        for number, (offset, _) in enumerate(entries):
            at = self.starts + 4 * number
            self.write(at, struct.pack("<i", TEXT + offset - at))
        data = b"".join(entry for _, entry in entries)
        start = self.room(len(data))
        self.write(start, data)
        self.symbols |= {
            "__start_orc_unwind_ip": self.starts,
            "__stop_orc_unwind_ip": self.starts + 4 * len(entries),
            "__start_orc_unwind": start,
            "_stext": TEXT,
            "_etext": TEXT + 0x1000,
            "schedule": TEXT,
        }


def entry(sp_offset, bp_offset, sp, bp, flags):
    return struct.pack("<hhH", sp_offset, bp_offset, sp | bp << 4 | flags << 8)


# In each form: a call, saved registers, those that the processor pushes, no way to tell, the end.
FORMS = {
    1: (5, 1, [0, 1, 2, 0, 4]),
    2: (5, 1, [0, 1 | 4, 2 | 4, 0, 8]),
    3: (5, 1, [2, 3 | 8, 4 | 8, 0, 1]),
    4: (3, 8, [2, 3 | 8, 4 | 8, 0, 1]),
}


@pytest.mark.parametrize("version", FORMS)
def test_every_form_that_they_have_had(version):
    sp, previous, (call, regs, partial, undefined, end) = FORMS[version]
    world = OrcWorld(
        version,
        [
            (0x0, entry(8, 0, sp, 0, call)),
            (0x10, entry(0x20, -16, sp, previous, call)),
            (0x40, entry(0, 0, sp, 0, regs)),
            (0x50, entry(-8, 0, sp, 0, partial)),
            (0x60, entry(0, 0, 0, 0, undefined)),
            (0x70, entry(0, 0, 0, 0, end)),
        ],
    )
    tables = tables_of(world.kernel())
    none, past = Register.UNDEFINED, Register.PREV_SP
    assert tables.at(TEXT) == (8, 0, Register.SP, none, CALL, False)
    assert tables.at(TEXT + 0xF) == tables.at(TEXT)
    assert tables.at(TEXT + 0x3F) == (0x20, -16, Register.SP, past, CALL, False)
    assert tables.at(TEXT + 0x40) == (0, 0, Register.SP, none, REGS, True)
    assert tables.at(TEXT + 0x50) == (-8, 0, Register.SP, none, PARTIAL, True)
    kinds = [found.kind for at in (0x60, 0x70) if (found := tables.at(TEXT + at)) is not None]
    assert kinds == [UNDEFINED, END]
    assert tables.at(TEXT - 1) is None
    assert tables.at(TEXT + 0x1000) is None


def test_numbers_that_stand_for_no_register():
    world = OrcWorld(3, [(0, entry(8, 0, 5, 0, 2)), (0x10, entry(8, 0, 15, 0, 2))])
    tables = tables_of(world.kernel())
    with pytest.raises(CorruptDataError, match="name the registers 15 and 0"):
        tables.at(TEXT + 0x10)
    with pytest.raises(CorruptDataError, match="name register 7, which is not SP"):
        tables_of(OrcWorld(3, [(0, entry(8, 0, 7, 0, 2))]).kernel())


def test_no_data():
    world = OrcWorld(3, [(0, entry(8, 0, 5, 0, 2))])
    del world.symbols["__start_orc_unwind"]
    with pytest.raises(MissingDataError, match="the kernel has no ORC data"):
        tables_of(world.kernel())
    world = OrcWorld(3, [(0, entry(8, 0, 5, 0, 2))])
    world.symbols["__stop_orc_unwind_ip"] = world.starts + (1 << 40)
    with pytest.raises(CorruptDataError, match="are said to have 274,877,906,944 entries"):
        tables_of(world.kernel())


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "tagged"])
def test_where_functions_begin(opened, name):
    """At the first instruction of any function, the stack was 8 bytes above at the call."""
    kernel = opened(name)
    tables = tables_of(kernel)
    for function in ("vfs_read", "do_exit", "kernel_clone", "kfree"):
        found = tables.at(kernel.symbol(function))
        assert found is not None
        assert (found.sp_offset, found.sp_register, found.kind) == (8, Register.SP, CALL)
    for module in kernel.modules.listed():
        if module.name in ("dummy_xmit", "veth_open", "qemu_fw_cfg_read"):
            found = tables.at(module.address)
            assert found is not None
            assert (found.sp_offset, found.sp_register, found.kind) == (8, Register.SP, CALL)


def test_modules_that_are_damaged(opened):
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    for module in plain["modules"].walk_():
        kernel.target.write(module.arch.num_orcs.address_, b"\xff" * 4)
    address = next(one.address for one in plain.modules.listed() if one.name == "dummy_xmit")
    assert tables_of(kernel).at(address) is None
    assert tables_of(plain).at(address) is not None
