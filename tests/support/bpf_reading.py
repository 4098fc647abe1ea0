"""Sixteen pages that the BPF reader reads, and a chain in them."""

from __future__ import annotations

from btfdump._targets.via_bpf.programs import BoundsTable, Window
from btfdump._targets.via_bpf.ranges import Ranges

BASE = 0xFFFF_8880_0000_0000
PAGE = 4096
SMALL = Window(requests=8, data=1 << 15, largest=1 << 13)
TABLE = BoundsTable(6)
EVERYTHING = Ranges([(BASE, BASE + 16 * PAGE)])


class Chain:
    """Nodes of 64 bytes: a link at 16, and the next pointer 8 bytes into the link."""

    def __init__(self, memory, byteorder, count, stop=0):
        self.nodes = [BASE + 0x100 + at * 0x140 for at in range(count)]
        self.holder = BASE + 0x40
        self.link_offset, self.next_offset, self.size = 16, 8, 64
        self.memory, self.byteorder, self.stop = memory, byteorder, stop
        places = [self.holder, *(node + 24 for node in self.nodes)]
        for place, to in zip(places, [*(node + 16 for node in self.nodes), stop], strict=True):
            self.point(place, to)

    def point(self, place, to):
        self.memory.write(place, to.to_bytes(8, self.byteorder))

    def copy(self, reader, holder=None):
        return reader.copy_chain(
            self.holder if holder is None else holder,
            self.stop,
            self.size,
            link_offset=self.link_offset,
            next_offset=self.next_offset,
        )

    def expected(self, nodes):
        return [(node + 16, self.memory.read(node, 64)) for node in nodes]
