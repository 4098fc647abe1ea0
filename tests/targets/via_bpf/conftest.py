"""The reader with its real programs, on a BPF machine in Python."""

from __future__ import annotations

import pytest

from btfdump._targets.buffer import BufferTarget
from btfdump._targets.via_bpf.reader import BpfReader
from tests.support.bpf_machine import BpfMachine
from tests.support.bpf_reading import BASE, PAGE, SMALL, TABLE


@pytest.fixture(params=["little", "big"])
def byteorder(request):
    return request.param


@pytest.fixture
def memory(byteorder):
    pattern = bytes(at * 7 & 0xFF for at in range(16 * PAGE))
    return BufferTarget({BASE: pattern}, byteorder)


@pytest.fixture
def machine(memory, byteorder):
    return BpfMachine(memory, byteorder)


@pytest.fixture
def reader(machine, byteorder):
    return BpfReader(machine, SMALL, TABLE, byteorder)
