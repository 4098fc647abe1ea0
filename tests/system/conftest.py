"""A kernel by hand with a log of a few records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._btf.wire import ByteOrder


class LogWorld(World):
    """A kernel whose log has 8 descriptors and 256 bytes of text, written as printk() does."""

    COUNT, SIZE = 8, 256
    STATES = ("reserved", "committed", "finalized", "reusable")

    def __init__(self, byteorder: ByteOrder = "little", pointer_size: int = 8) -> None:
        super().__init__(byteorder, pointer_size)
        self.struct("counter", [("counter", "unsigned long")])
        self.struct("span", [("begin", "unsigned long"), ("next", "unsigned long")])
        self.struct("prb_desc", [("state_var", "struct counter"), ("text_blk_lpos", "struct span")])
        self.struct(
            "printk_info",
            [
                *(("seq", "u64"), ("ts_nsec", "u64"), ("text_len", "u16"), ("facility", "u8")),
                *(("flags", "u8", 5), ("level", "u8", 3), ("caller_id", "u32")),
            ],
        )
        self.struct(
            "desc_ring",
            [
                *(("count_bits", "unsigned int"), ("descs", "struct prb_desc *")),
                *(("infos", "struct printk_info *"), ("head_id", "struct counter")),
                ("tail_id", "struct counter"),
            ],
        )
        self.struct("data_ring", [("size_bits", "unsigned int"), ("data", "char *")])
        self.struct(
            "printk_ringbuffer",
            [
                *(("desc_ring", "struct desc_ring"), ("text_data_ring", "struct data_ring")),
                ("fail", "struct counter"),
            ],
        )
        self.variable("prb", "struct printk_ringbuffer *", ".data")
        self.bits = pointer_size * 8 - 2
        self.descs = self.room(self.sizeof("struct prb_desc") * self.COUNT)
        self.infos = self.room(self.sizeof("struct printk_info") * self.COUNT)
        self.data = self.room(self.SIZE)
        self.ring = self.new("printk_ringbuffer", fail=0)
        for path, value in {
            "desc_ring.count_bits": 3,
            "desc_ring.descs": self.descs,
            "desc_ring.infos": self.infos,
            "text_data_ring.size_bits": 8,
            "text_data_ring.data": self.data,
        }.items():
            self.set(self.ring, f"printk_ringbuffer.{path}", value)
        self.symbols["prb"] = self.room(pointer_size)
        self.point(self.symbols["prb"], self.ring)
        self.next_id = (1 << self.bits) - self.COUNT - 1  # will overflow soon: DESC0_ID
        self.next_lpos = -self.SIZE & (1 << pointer_size * 8) - 1
        self.seq = 0
        self.mark("tail_id", self.next_id)
        self._describe(self.next_id, "reusable", 1, 1)

    def mark(self, end: str, id_: int) -> None:
        """Set where the ring of descriptors begins or ends."""
        self.set(self.ring, f"printk_ringbuffer.desc_ring.{end}.counter", id_)

    def desc(self, id_: int) -> int:
        """Return the address of the descriptor of an id."""
        return self.descs + id_ % self.COUNT * self.sizeof("struct prb_desc")

    def _describe(self, id_: int, state: str, begin: int, end: int) -> None:
        address = self.desc(id_)
        value = self.STATES.index(state) << self.bits | id_
        self.set(address, "prb_desc.state_var.counter", value)
        self.set(address, "prb_desc.text_blk_lpos.begin", begin)
        self.set(address, "prb_desc.text_blk_lpos.next", end)
        self.mark("head_id", id_)

    def say(self, text: bytes, state: str = "finalized", *, lpos: int = 0, **info: int) -> int:
        """Log a record and return its id; an odd `lpos` is that of one without text."""
        self.next_id = (self.next_id + 1) & (1 << self.bits) - 1
        id_, word = self.next_id, self.pointer_size
        known = {"seq": self.seq, "ts_nsec": self.seq * 1_500_000_000, "level": 6, "caller_id": 1}
        self.seq += 1
        address = self.infos + id_ % self.COUNT * self.sizeof("struct printk_info")
        for name, value in {**known, "text_len": len(text), **info}.items():
            if name == "level":
                at = address + self.offset("printk_info.facility") + 1
                self.write(at, bytes([value << 5 if self.byteorder == "little" else value]))
            else:
                self.set(address, f"printk_info.{name}", value)
        if lpos:
            self._describe(id_, state, lpos, lpos)
            return id_
        size = -(-(word + len(text)) // word) * word
        begin, whole = self.next_lpos, 1 << word * 8
        end = begin + size
        start = begin % self.SIZE
        if start + size > self.SIZE:
            self.write(self.data + start, self.pack(id_))
            end, start = begin - start + self.SIZE + size, 0
        self.write(self.data + start, self.pack(id_) + text)
        self.next_lpos = end % whole
        self._describe(id_, state, begin, end % whole)
        return id_


@pytest.fixture(params=[("little", 8), ("big", 8), ("little", 4)], ids=["le64", "be64", "le32"])
def log_world(request: pytest.FixtureRequest) -> LogWorld:
    """A kernel with an empty log, of three kinds."""
    return LogWorld(*request.param)


@pytest.fixture
def log_worlds() -> Callable[[], LogWorld]:
    """Return what makes kernels with empty logs."""
    return LogWorld
