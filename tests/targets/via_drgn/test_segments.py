"""Where drgn would read something else than the kernel's memory, it faults."""

from __future__ import annotations

from collections import Counter

import drgn
import pytest

from btfdump._targets.memory import FILTERED, UNMAPPED
from btfdump._targets.via_drgn import open_core
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
