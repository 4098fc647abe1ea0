"""Ring buffers: records, and positions that are wrong."""

from __future__ import annotations

from tests.support.bpf_maps import items


def test_a_ring_buffer_whose_positions_are_wrong(patched, poke):
    buffer = patched.bpf.map("rb")._inside_("bpf_ringbuf_map").rb.deref_()
    poke(buffer.producer_pos, 1 << 40)
    found, (note,) = items(patched, "rb")
    assert not found
    assert note.startswith("consumer at 0, producer at 1099511627776, 4096 bytes")


def test_records_of_a_ring_buffer(patched, poke):
    """What the guest's programs never filled: a committed, a discarded, a busy record."""
    buffer = patched.bpf.map("rb")._inside_("bpf_ringbuf_map").rb.deref_()
    start = buffer.member_("data").address_
    words = {0: 5, 16: 8 | 1 << 30, 32: 16 | 1 << 31}
    for at, word in words.items():
        patched.target.write(start + at, word.to_bytes(4, "little") + bytes(4))
    patched.target.write(start + 8, b"hello")
    poke(buffer.producer_pos, 56)
    found, notes = items(patched, "rb")
    assert not notes
    assert [(e.remark, len(e.value.bytes_())) for e in found] == [
        ("position 0, 5 bytes, committed", 5),
        ("position 16, 8 bytes, discarded", 8),
        ("position 32, 16 bytes, busy", 16),
    ]
    assert bytes(found[0].value.value_()) == b"hello"
    poke(buffer.producer_pos, 48)
    assert items(patched, "rb")[1] == ["record at 32: 16 bytes reach beyond the producer"]
