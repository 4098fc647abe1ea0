"""What may be read, and when that is looked up again."""

from __future__ import annotations

import threading

import pytest

from btfdump._targets.buffer import BufferTarget
from btfdump._targets.via_bpf.guard import MAX_READ, GuardedMemory
from btfdump._targets.via_bpf.kernel_map import KernelMap
from btfdump._targets.via_bpf.programs import BoundsTable, Window
from btfdump._targets.via_bpf.ranges import Ranges
from btfdump._targets.via_bpf.reader import BpfReader
from btfdump.errors import CorruptDataError, FaultError
from tests.support.bpf_machine import BpfMachine

BASE = 0xFFFF_8880_0000_0000
AREA = 0xFFFF_C900_0000_0000
DEVICE = AREA + 0x10000
PAGE = 4096


class World:
    """RAM, a mapped area and a device, all of them readable for the program; and a clock."""

    def __init__(self):
        data = bytes(range(256)) * 64
        self.memory = BufferTarget({BASE: data, AREA: data, DEVICE: data})
        self.machine = BpfMachine(self.memory)
        self.reader = BpfReader(self.machine, Window(8, 1 << 15, 1 << 13), BoundsTable(4), "little")
        self.now = 100.0
        self.surveys = 0
        self.trouble = None
        self.readable = [(BASE, BASE + 4 * PAGE), (AREA, AREA + PAGE)]
        self.guard = GuardedMemory(self.reader, self.survey, lambda: self.now)

    def survey(self):
        self.surveys += 1
        if self.trouble:
            raise self.trouble
        devices = Ranges([(DEVICE, DEVICE + PAGE)])
        always = Ranges(self.readable[:1])
        return KernelMap(Ranges(self.readable), always, devices, (BASE, BASE + 8 * PAGE))

    def asked(self, address):
        return [at for at, size in self.machine.copied if at <= address < at + size]


@pytest.fixture
def world():
    return World()


def fault(world, address, size=8):
    with pytest.raises(FaultError) as caught:
        world.guard.read(address, size)
    return caught.value


def test_memory_is_read(world):
    assert world.guard.read(BASE + 5, 100) == world.memory.read(BASE + 5, 100)
    assert world.guard.read(BASE, 4 * PAGE) == world.memory.read(BASE, 4 * PAGE)
    assert world.guard.read(AREA, 8) == world.memory.read(AREA, 8)
    assert world.guard.read(BASE, 0) == b""


def test_a_device_is_never_touched(world):
    error = fault(world, DEVICE)
    assert (error.address, error.size) == (DEVICE, 8)
    assert error.reason == "memory of a device: not read"
    assert world.guard.read_many([(DEVICE, 8), (BASE, 8)]) == [None, world.memory.read(BASE, 8)]
    assert world.guard.copy_chain(DEVICE, 0, 64) == []
    assert not world.asked(DEVICE)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (0, "not mapped"),
        (0x7FFF_0000_0000, "not mapped"),
        (BASE - 1, "not mapped"),
        (BASE + 5 * PAGE, "no RAM there, maybe a device: not read"),
        (AREA + PAGE, "not mapped"),
        ((1 << 64) - 4, "not mapped"),
        (-8, "not mapped"),
    ],
)
def test_refused_before_the_call(world, address, reason):
    error = fault(world, address)
    assert (error.address, error.reason) == (address, reason)
    assert not world.machine.runs


def test_the_first_refused_byte_is_named(world):
    error = fault(world, BASE + 4 * PAGE - 10, 30)
    assert (error.address, error.size) == (BASE + 4 * PAGE, 20)
    assert not world.asked(BASE + 4 * PAGE)


def test_an_unmapped_byte_before_the_refused_one_comes_first(world):
    world.memory.unmap(BASE + 3 * PAGE, PAGE)
    error = fault(world, BASE + 3 * PAGE - 10, 2 * PAGE)
    assert error.address == BASE + 3 * PAGE


def test_absurd_sizes_among_many(world):
    sizes = [0, -1, MAX_READ + 1, 1 << 40, 8]
    found = world.guard.read_many([(BASE, size) for size in sizes])
    assert found == [None] * 4 + [world.memory.read(BASE, 8)]


@pytest.mark.parametrize(("size", "reason"), [(-1, "negative"), (MAX_READ + 1, "at once")])
def test_absurd_sizes(world, size, reason):
    assert reason in fault(world, BASE, size).reason


def test_an_old_map_is_not_used(world):
    world.guard.read(AREA, 8)
    assert world.surveys == 1
    world.readable = [(BASE, BASE + 4 * PAGE)]  # the area is gone: a device may be there soon
    world.now += 1.5
    fault(world, AREA)
    assert world.surveys == 2


def test_an_unknown_address_is_looked_up_anew_but_not_all_the_time(world):
    world.readable.append((AREA + PAGE, AREA + 2 * PAGE))
    fault(world, AREA + PAGE)
    assert world.surveys == 1
    world.now += 0.06
    assert world.guard.read(AREA + PAGE, 8)
    assert world.surveys == 2
    for _ in range(5):
        fault(world, AREA + 8 * PAGE)
    assert world.surveys == 2
    world.now += 0.06
    world.readable.append((AREA + 2 * PAGE, AREA + 3 * PAGE))
    assert None not in world.guard.read_many([(AREA + 2 * PAGE, 8)])


@pytest.mark.parametrize("trouble", [FaultError(1, 1, "gone"), CorruptDataError("no RAM")])
def test_a_survey_that_fails_leaves_the_old_map(world, trouble):
    world.trouble = trouble
    world.now += 2
    assert world.guard.read(BASE, 8)
    assert world.surveys == 2
    world.guard.read(BASE, 8)
    assert world.surveys == 2


def test_chains_stay_in_what_is_known(world):
    world.memory.write(BASE, (BASE + 64).to_bytes(8, "little"))
    world.memory.write(BASE + 64, DEVICE.to_bytes(8, "little"))
    assert [link for link, _ in world.guard.copy_chain(BASE, 0, 32)] == [BASE + 64]
    assert not world.asked(DEVICE)


def test_with_too_many_areas_chains_stay_in_ram(world):
    world.readable += [(AREA + at * 2 * PAGE, AREA + (2 * at + 1) * PAGE) for at in range(1, 20)]
    world.now += 2
    world.memory.write(BASE, (BASE + 64).to_bytes(8, "little"))
    world.memory.write(BASE + 64, AREA.to_bytes(8, "little"))
    assert [link for link, _ in world.guard.copy_chain(BASE, 0, 32)] == [BASE + 64]
    assert world.guard.read(AREA, 8)


def test_several_threads(world):
    wrong = []

    def read(number):
        for _ in range(100):
            address = BASE + number
            if world.guard.read(address, 16) != world.memory.read(address, 16):
                wrong.append(number)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_closing(world):
    world.guard.close()
    assert world.machine.open_fds == 0
    assert fault(world, BASE).reason == "the target is closed"
