"""__per_cpu_offset[]: where every CPU's area lies."""

from __future__ import annotations

import pytest

from btfdump._targets import percpu
from btfdump._targets.buffer import BufferTarget
from btfdump._targets.memory import Platform
from btfdump.errors import CorruptDataError


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("word", [4, 8])
def test_per_cpu_offsets(byteorder, word):
    platform = Platform(byteorder, word)
    offsets = [0x1000, (1 << 8 * word) - 0x2000, 0x3000]
    raw = b"".join(offset.to_bytes(word, byteorder) for offset in offsets)
    mask = 0b101.to_bytes(word, byteorder) + bytes(word)

    class Table:
        def __init__(self, **symbols):
            self.symbols = symbols

        def find(self, name):
            return self.symbols.get(name)

        def extent(self, name):
            return 2 * word if "mask" in name else 16 * word

        def nearest(self, address):
            return None

    memory = {0x100: raw, 0x200: (3).to_bytes(4, byteorder), 0x300: mask}
    read = BufferTarget(memory).read
    full = {"__per_cpu_offset": 0x100, "nr_cpu_ids": 0x200}
    assert percpu.read_offsets(read, Table(**full), platform) == tuple(offsets)
    by_mask = {"__per_cpu_offset": 0x100, "__cpu_possible_mask": 0x300}
    assert percpu.read_offsets(read, Table(**by_mask), platform) == tuple(offsets)
    alone = {"__per_cpu_offset": 0x100}
    assert percpu.read_offsets(read, Table(**alone), platform) == (0x1000,)
    assert percpu.read_offsets(read, Table(init_task=1), platform) == (0,)
    absurd = {"__per_cpu_offset": 0x100, "nr_cpu_ids": 0x100}
    with pytest.raises(CorruptDataError, match="possible CPUs"):
        percpu.read_offsets(read, Table(**absurd), platform)
