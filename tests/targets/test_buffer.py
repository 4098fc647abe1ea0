"""Memory in Python: segments, writes, holes, patches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfdump._targets.buffer import BufferTarget, PatchedTarget
from btfdump._targets.memory import UNMAPPED
from btfdump.errors import (
    AmbiguousSymbolError,
    FaultError,
    MissingDataError,
    SymbolNotFoundError,
)


def test_reads_across_adjacent_segments():
    target = BufferTarget({0x1004: b"EFGH", 0x1000: b"ABCD"})
    assert target.read(0x1000, 8) == b"ABCDEFGH"
    assert target.read(0x1003, 2) == b"DE"
    assert target.read(0x1003, 0) == b""


def test_fault_names_the_first_missing_address():
    target = BufferTarget({0x1000: b"ABCD"})
    with pytest.raises(FaultError) as fault:
        target.read(0x1002, 8)
    assert (fault.value.address, fault.value.size) == (0x1004, 6)
    assert fault.value.reason == UNMAPPED
    with pytest.raises(FaultError) as fault:
        target.read(0xFFF, 2)
    assert fault.value.address == 0xFFF


@pytest.mark.parametrize("address", [-1, 0, 1 << 64, -(1 << 70), 1 << 70])
@pytest.mark.parametrize("size", [1, 8, 1 << 70, -1])
def test_no_int_raises_anything_but_fault(address, size):
    with pytest.raises(FaultError):
        BufferTarget({0x1000: b"ABCD"}).read(address, size)


def test_write_maps_overwrites_and_joins():
    target = BufferTarget()
    target.write(0x1000, b"AAAA")
    target.write(0x1008, b"BBBB")
    target.write(0x1002, b"CCCCCCCC")
    assert target.read(0x1000, 12) == b"AACCCCCCCCBB"
    with pytest.raises(ValueError, match="outside the 64-bit address space"):
        target.write((1 << 64) - 1, b"AB")


def test_unmap_splits():
    target = BufferTarget({0x1000: bytes(range(16))})
    target.unmap(0x1004, 4)
    assert target.read(0x1000, 4) == bytes(range(4))
    assert target.read(0x1008, 8) == bytes(range(8, 16))
    with pytest.raises(FaultError):
        target.read(0x1003, 2)


def test_symbols():
    target = BufferTarget({0x1000: bytes(64)}, symbols={"init_task": 0x1010, "start": 0x1000})
    assert target.symbol("init_task") == 0x1010
    assert target.symbolize(0x1010) == "init_task"
    assert target.symbolize(0x1018) == "init_task+0x8"
    assert target.symbolize(0xFFF) is None
    assert target.symbolize(0x1040) is None
    with pytest.raises(SymbolNotFoundError, match="no_such"):
        target.symbol("no_such")


def test_symbols_of_one_name():
    symbols = [("x", 0x1010), ("before", 0x1000), ("x", 0x1020), ("alias", 0x1020), ("y", 0x1030)]
    target = BufferTarget({0x1000: bytes(64)}, symbols=symbols)
    with pytest.raises(AmbiguousSymbolError, match="2 symbols are called x: at 0x1010, 0x1020"):
        target.symbol("x")
    assert [symbol.address for symbol in target.symbols_named("x")] == [0x1010, 0x1020]
    assert target.symbols_named("no_such") == []
    assert target.symbols_around(0x1020) == ("x", "y")
    assert target.symbols_around(0x1000) == ("", "x")
    assert PatchedTarget(target).symbols_named("x") == target.symbols_named("x")
    assert PatchedTarget(target).symbols_around(0x1020) == ("x", "y")


def test_what_a_target_tells():
    with BufferTarget({}, "big", 4, btf=b"x", release="6.1", per_cpu_offsets=[1, 2]) as target:
        assert (target.platform.byteorder, target.platform.pointer_size) == ("big", 4)
        assert (target.btf_bytes(), target.release) == (b"x", "6.1")
        assert tuple(target.per_cpu_offsets) == (1, 2)
    with pytest.raises(MissingDataError, match="--btf FILE"):
        BufferTarget().btf_bytes()


def test_patches_leave_the_target_alone():
    base = BufferTarget({0x1000: b"ABCDEFGH"}, symbols={"x": 0x1000}, btf=b"b", release="r")
    patched = PatchedTarget(base)
    patched.write(0x1002, b"xx")
    patched.write(0x2000, b"new")
    patched.unmap(0x1006, 1)
    assert patched.read(0x1000, 6) == b"ABxxEF"
    assert patched.read(0x2000, 3) == b"new"
    assert base.read(0x1000, 8) == b"ABCDEFGH"
    with pytest.raises(FaultError) as fault:
        patched.read(0x1000, 8)
    assert fault.value.address == 0x1006
    patched.write(0x1006, b"y")
    assert patched.read(0x1000, 8) == b"ABxxEFyH"
    assert patched.symbol("x") == 0x1000
    assert patched.symbolize(0x1000) == "x"
    assert (patched.btf_bytes(), patched.release) == (b"b", "r")
    assert "patched" in patched.description
    with pytest.raises(FaultError):
        patched.read(-1, 1)


edits = st.lists(
    st.tuples(st.booleans(), st.integers(0, 40), st.binary(min_size=0, max_size=12)), max_size=20
)


@given(edits)
def test_segments_match_a_byte_by_byte_model(edits):
    target = BufferTarget()
    model: dict[int, int] = {}
    patched = PatchedTarget(BufferTarget({0: bytes(60)}))
    shadow = dict.fromkeys(range(60), 0)
    for write, address, data in edits:
        for memory, bytes_of in ((target, model), (patched, shadow)):
            if write:
                memory.write(address, data)
                bytes_of.update(enumerate(data, address))
            else:
                memory.unmap(address, len(data))
                for at in range(address, address + len(data)):
                    bytes_of.pop(at, None)
    for memory, bytes_of in ((target, model), (patched, shadow)):
        for address in range(0, 60, 3):
            for size in (1, 4, 17):
                missing = [at for at in range(address, address + size) if at not in bytes_of]
                if missing:
                    with pytest.raises(FaultError) as fault:
                        memory.read(address, size)
                    assert fault.value.address == missing[0]
                else:
                    expected = bytes(bytes_of[at] for at in range(address, address + size))
                    assert memory.read(address, size) == expected
