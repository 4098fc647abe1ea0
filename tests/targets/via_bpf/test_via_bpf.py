"""The running kernel through BPF: what it reads, gives up and closes, with a memory of our own."""

from __future__ import annotations

import pytest

from btfdump._targets.memory import Platform
from btfdump._targets.via_bpf import BpfTarget, privileges
from btfdump.errors import FaultError
from tests.support.bpf_reading import BASE
from tests.support.capabilities import running


class Memory:
    """Stands for the guarded memory: says what it was asked for."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def read(self, address: int, size: int) -> bytes:
        self.calls.append(("read", address, size))
        if address < BASE:
            raise FaultError(address, size, "not known to be memory")
        return bytes(size)

    def read_many(self, requests):
        return [None if address < BASE else bytes(size) for address, size in requests]

    def copy_chain(self, holder, stop, size, *, link_offset, next_offset):
        self.calls.append(("chain", holder, stop, size, link_offset, next_offset))
        return [(holder, bytes(size))]

    def try_run(self) -> None:
        self.calls.append("run")

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def target(memory, tmp_path):
    return BpfTarget(memory, Platform("little", 8, "x86_64"), {}, running(tmp_path))


def test_reads_go_through_the_guard(target, memory):
    assert target.is_live
    assert target.description == "live kernel (via bpf)"
    assert target.read(BASE, 8) == bytes(8)
    with pytest.raises(FaultError, match="not known to be memory"):
        target.read(0x1000, 8)
    assert target.read_many([(BASE, 4), (0, 4)]) == [bytes(4), None]
    assert target.copy_chain(BASE, 0, 64, link_offset=16, next_offset=8) == [(BASE, bytes(64))]
    assert memory.calls[-1] == ("chain", BASE, 0, 64, 16, 8)


def test_privileges_are_dropped_though_no_symbol_is_found(target, memory, monkeypatch):
    monkeypatch.setattr(privileges, "drop", lambda try_run: try_run())
    target.drop_privileges()
    assert memory.calls[-1] == "run"


def test_closing_releases_the_memory(target, memory):
    with target:
        pass
    assert memory.calls == ["close"]
