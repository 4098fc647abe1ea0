"""The reader and the real programs, on a BPF machine in Python."""

from __future__ import annotations

import errno
import struct

import pytest

from btfdump._targets.via_bpf import programs
from btfdump._targets.via_bpf.ranges import Ranges
from btfdump._targets.via_bpf.reader import BpfReader
from btfdump._targets.via_bpf.syscall import BpfError, map_attributes, program_attributes
from btfdump.errors import FaultError
from tests.support.bpf_reading import BASE, EVERYTHING, PAGE, SMALL, TABLE, Chain


@pytest.mark.parametrize("size", [1, 8, 4095, 4096, 8192, 8193, 40000])
def test_reads_any_size(reader, memory, size):
    assert reader.read(BASE + 3, size) == memory.read(BASE + 3, size)


def test_nothing_is_nothing(reader, machine):
    assert reader.read(BASE, 0) == b""
    assert not machine.runs


def test_a_small_read_is_one_run(reader, machine):
    reader.read(BASE, 64)
    reader.read(BASE + 8, 4096)
    assert machine.runs == 2


@pytest.mark.parametrize(
    ("address", "size"), [(-8, 8), ((1 << 64) - 4, 8), ((1 << 64) - 4, 1 << 20), (BASE, -1)]
)
def test_what_wraps_never_gets_to_the_kernel(reader, machine, address, size):
    with pytest.raises(FaultError, match="outside the address space") as caught:
        reader.read(address, size)
    assert caught.value.address == address
    assert not machine.runs


@pytest.mark.parametrize("hole", [5, 0, 15])
def test_the_first_bad_page_is_named(reader, memory, hole):
    memory.unmap(BASE + hole * PAGE, PAGE)
    start = BASE + 16
    with pytest.raises(FaultError) as caught:
        reader.read(start, 15 * PAGE + 100)
    assert caught.value.address == max(start, BASE + hole * PAGE)
    assert caught.value.size == start + 15 * PAGE + 100 - caught.value.address
    assert caught.value.reason == "not mapped"


def test_one_bad_byte_fails_a_small_read_at_its_page(reader):
    end = BASE + 16 * PAGE
    with pytest.raises(FaultError) as caught:
        reader.read(end - 8, 9)
    assert (caught.value.address, caught.value.size) == (end, 1)


def test_a_page_that_comes_back_is_read(reader, memory, machine):
    """The whole failed, but every page can be read by then."""
    whole = memory.read(BASE, 2 * PAGE)
    memory.unmap(BASE + PAGE, PAGE)
    run, runs = machine.run, []

    def remap(code):
        runs.append(code)
        if len(runs) == 2:
            memory.write(BASE + PAGE, whole[PAGE:])
        return run(code)

    machine.run = remap
    assert reader.read(BASE, 2 * PAGE) == whole


def test_many_at_once(reader, memory, machine):
    memory.unmap(BASE + 3 * PAGE, PAGE)
    requests = [(BASE + at * 100, at % 50 + 1) for at in range(200)]
    found = reader.read_many(requests)
    assert found == [
        None
        if at * 100 + at % 50 + 1 > 3 * PAGE and at * 100 < 4 * PAGE
        else memory.read(BASE + at * 100, at % 50 + 1)
        for at in range(200)
    ]
    assert machine.runs == 200 / SMALL.requests


def test_many_large_ones_share_the_window(reader, memory, machine):
    requests = [(BASE + at * PAGE, 8192) for at in range(10)]
    assert reader.read_many(requests) == [memory.read(*request) for request in requests]
    assert machine.runs == 3


def test_closing_gives_everything_back(reader, machine):
    assert machine.open_fds == 4
    reader.close()
    reader.close()
    assert machine.open_fds == 0
    for use in (lambda: reader.read(BASE, 8), lambda: reader.read_many([(BASE, 8)])):
        with pytest.raises(FaultError, match="closed"):
            use()


@pytest.mark.parametrize("failing", range(4))
def test_what_fails_half_way_leaves_nothing_open(machine, byteorder, failing):
    made: list[tuple[object, ...]] = []

    def counted(make):
        def one(*args):
            if len(made) == failing:
                raise BpfError(errno.EPERM, "BPF_PROG_LOAD")
            made.append(args)
            return make(*args)

        return one

    machine.create_array, machine.load = counted(machine.create_array), counted(machine.load)
    with pytest.raises(BpfError, match="Operation not permitted"):
        BpfReader(machine, SMALL, TABLE, byteorder)
    assert machine.open_fds == 0


# Chains


@pytest.mark.parametrize("stop", [0, BASE + 0x40])
@pytest.mark.parametrize("count", [0, 1, 7])
def test_a_chain_is_copied_in_one_run(reader, machine, memory, byteorder, count, stop):
    chain = Chain(memory, byteorder, count, stop)
    reader.set_bounds(EVERYTHING)
    assert chain.copy(reader) == chain.expected(chain.nodes)
    assert machine.runs == 1


def test_a_chain_longer_than_one_run(machine, memory, byteorder, monkeypatch):
    monkeypatch.setattr(programs, "WALK_LIMIT", 5)
    reader = BpfReader(machine, SMALL, TABLE, byteorder)
    chain = Chain(memory, byteorder, 12)
    reader.set_bounds(EVERYTHING)
    first = chain.copy(reader)
    assert first == chain.expected(chain.nodes[:5])
    rest = chain.copy(reader, holder=first[-1][0] + chain.next_offset)
    assert rest == chain.expected(chain.nodes[5:10])


def test_a_window_full_of_elements(reader, memory, byteorder):
    reader.set_bounds(EVERYTHING)
    memory.write(BASE, BASE.to_bytes(8, byteorder))  # a node that leads to itself
    found = reader.copy_chain(BASE, 0, 4096)
    assert [link for link, _ in found] == [BASE] * (SMALL.data // 4096)


def test_a_chain_ends_before_what_is_not_mapped(reader, memory, byteorder):
    chain = Chain(memory, byteorder, 6)
    reader.set_bounds(Ranges([(BASE, BASE + 32 * PAGE)]))
    chain.point(chain.nodes[3] + 24, BASE + 20 * PAGE)
    assert chain.copy(reader) == chain.expected(chain.nodes[:4])


@pytest.mark.parametrize(
    "pointer",
    [0x10, 0x7FFF_0000_0000, BASE + 2 * PAGE + 16, BASE + 2 * PAGE - 32, (1 << 64) - 16, BASE - 8],
)
def test_a_chain_never_leads_out_of_bounds(reader, machine, memory, byteorder, pointer):
    """The third page, and whatever else is in no range, may be a device."""
    chain = Chain(memory, byteorder, 6)
    reader.set_bounds(Ranges([(BASE, BASE + 2 * PAGE), (BASE + 3 * PAGE, BASE + 16 * PAGE)]))
    chain.point(chain.nodes[3] + 24, pointer)
    assert chain.copy(reader) == chain.expected(chain.nodes[:4])
    asked = [address for address, _ in machine.copied]
    assert asked == [chain.holder, *chain.nodes[:4]]


@pytest.mark.parametrize(("size", "link_offset"), [(0, 0), (SMALL.largest, 0), (64, 60), (64, 3)])
def test_chains_that_cannot_be_copied(reader, machine, size, link_offset):
    reader.set_bounds(EVERYTHING)
    assert reader.copy_chain(BASE, 0, size, link_offset=link_offset) == []
    assert not machine.runs


# Attributes of bpf(2): offsets as in union bpf_attr


def test_map_attributes():
    attributes = map_attributes(12345)
    assert struct.unpack_from("=IIIII", attributes) == (2, 4, 12345, 1, 1 << 10)
    assert attributes[28 + 4 :].rstrip(b"\0") == b"btfdump"


def test_program_attributes():
    attributes = program_attributes(80, 0x1111, 0x2222, log=0x3333, log_size=99)
    kind, count, code, license_ = struct.unpack_from("=IIQQ", attributes)
    assert (kind, count, code, license_) == (17, 10, 0x1111, 0x2222)
    assert struct.unpack_from("=IIQ", attributes, 24) == (1, 99, 0x3333)
    assert attributes[48:].rstrip(b"\0") == b"btfdump"
