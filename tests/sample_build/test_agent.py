"""The host speaks to the agent in the guest's byte order."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from sample_dumps.build.agent import OUTPUT, READY, STATUS, Agent, AgentError


@pytest.mark.parametrize(("byteorder", "mark"), [("little", "<"), ("big", ">")])
def test_a_command_and_its_answer(byteorder, mark: str):
    ours, its = socket.socketpair()
    asked: list[bytes] = []

    def guest() -> None:
        its.sendall(struct.pack(f"{mark}II", READY, 0))
        asked.append(its.recv(100))
        its.sendall(struct.pack(f"{mark}II", OUTPUT, 3) + b"out")
        its.sendall(struct.pack(f"{mark}IIi", STATUS, 4, -9))

    thread = threading.Thread(target=guest)
    thread.start()
    agent = Agent(ours, byteorder)
    agent.wait_ready(60)
    assert agent.run(["ls", "-l"], 60, b"in") == (-9, b"out", b"")
    thread.join()
    assert asked == [struct.pack(f"{mark}III", 60_000, 6, 2) + b"ls\0-l\0in"]
    agent.close()
    its.close()


def test_another_byte_order_is_nonsense():
    ours, its = socket.socketpair()
    its.sendall(struct.pack(">II", READY, 0))
    with pytest.raises(AgentError, match="instead of the agent's first word"):
        Agent(ours).wait_ready(60)
    ours.close()
    its.close()
