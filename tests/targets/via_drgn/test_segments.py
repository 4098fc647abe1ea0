"""Where drgn would read something else than the kernel's memory, it faults."""

from __future__ import annotations

import struct
from collections import Counter

import drgn
import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfdump._targets import dumpfile
from btfdump._targets.memory import FILTERED, UNMAPPED
from btfdump._targets.via_drgn import open_core
from btfdump._targets.via_drgn.segments import _without_data, fault_on_excluded
from btfdump.errors import FaultError
from tests.support.readable import readable


def test_small_integers_are_no_pointers(target, name):
    if name == "s390x":  # the lowcore is there
        assert len(target.read(0, 8)) == 8
        return
    for address in (0, 8, 0x1000, 0x100000, 1 << 32, 1 << 47):
        with pytest.raises(FaultError, match=UNMAPPED):
            target.read(address, 8)


def test_elf_tails_fault_instead_of_reading_as_zeros(sample, truth):
    """In filtered.elf p_filesz < p_memsz; drgn alone returns zeros for 4,687 pages of 64 MiB."""
    path = sample("filtered")
    plain = drgn.Program()
    plain.set_core_dump(path)
    direct_map = int(truth("filtered")["kernel"]["page_offset_base"], 16)
    reasons: Counter[str] = Counter()
    with open_core(path) as target, open_core(sample("zstd")) as whole:
        for address in range(direct_map, direct_map + (64 << 20), 4096):
            try:
                data = target.read(address, 4096)
            except FaultError as fault:
                reasons[fault.reason] += 1
                if fault.reason == UNMAPPED:
                    continue
                data = bytes(4096)
            else:
                if readable(whole, address):
                    assert data == whole.read(address, 4096)
            assert plain.read(address, 4096) == data
    assert reasons == {FILTERED: 4687, UNMAPPED: 32}


def test_s390x_addresses_do_not_wrap(sample):
    """drgn ignores the bits above the page tables' reach; a wild pointer must not be readable."""
    with open_core(sample("s390x")) as target:
        init_task = target.symbol("init_task")
        assert target.read(init_task, 16)
        for bit in (42, 43, 52, 53, 60, 63):
            with pytest.raises(FaultError, match=UNMAPPED):
                target.read(init_task + (1 << bit), 16)


@pytest.mark.parametrize(
    ("segments", "empty"),
    [
        ([], []),
        ([(0, 4, 4)], []),
        ([(0, 4, 8)], [(4, 8)]),
        ([(0, 0, 100), (10, 5, 5), (20, 5, 10)], [(0, 10), (15, 20), (25, 100)]),
        ([(0, 2, 100), (98, 10, 10)], [(2, 98)]),
        ([(10, 2, 20), (0, 15, 15)], [(15, 30)]),
        ([(0, 1, 10), (20, 1, 10), (8, 14, 14)], [(1, 8), (22, 30)]),
        ([(0, 0, 8), (8, 0, 8), (4, 8, 8)], [(0, 4), (12, 16)]),
    ],
)
def test_what_no_segment_has_data_of(segments, empty):
    assert list(_without_data(segments)) == empty


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20), st.integers(0, 40)), max_size=8))
def test_data_of_one_segment_is_not_hidden_by_another(segments):
    has_data = {at + i for at, filesz, _ in segments for i in range(filesz)}
    claimed = {at + i for at, filesz, memsz in segments for i in range(filesz, memsz)}
    found = [i for start, end in _without_data(segments) for i in range(start, end)]
    assert len(found) == len(set(found))
    assert set(found) == claimed - has_data


def test_a_segment_without_data_hides_no_other(tmp_path, build):
    """Its headers claim all of memory; drgn was told that nothing of that is in the file."""
    data = bytearray(build.elf_core([(0x1000, b"x" * 64), (0, b"")], memsz=64))
    struct.pack_into("<Q", data, 64 + 2 * 56 + 40, 1 << 56)
    path = tmp_path / "core"
    path.write_bytes(data)
    core = dumpfile.sniff(path)
    prog = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    for segment in core.segments:
        if segment.filesz:
            prog.add_memory_segment(segment.paddr, segment.filesz, core.reader(segment), True)
    fault_on_excluded(prog, core)
    assert prog.read(0x1000, 64, True) == b"x" * 64
    with pytest.raises(drgn.FaultError, match=FILTERED):
        prog.read(0x2000, 8, True)
