"""The clock beside drgn: a wait that takes too long ends, and no other one does."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from btfdump._targets.via_drgn.deadline import Deadline, watch
from tests.support.effort import hangs_after

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def read_to_the_end(connection: socket.socket) -> None:
    while connection.recv(1):
        pass
    raise ConnectionError


def test_a_wait_that_takes_too_long_is_ended() -> None:
    with connected() as (ours, theirs), hangs_after(120):
        deadline = Deadline(ours, 0.2)
        theirs.send(b"drip")
        with pytest.raises(ConnectionError), deadline:
            read_to_the_end(ours)
        assert deadline.has_passed
        deadline.end()


def test_waits_that_are_over_are_none() -> None:
    with connected() as (ours, theirs), hangs_after(120):
        deadline = Deadline(ours, 3600)
        for _ in range(3):
            with deadline:
                theirs.send(b"x")
                assert ours.recv(1) == b"x"
        deadline.end()
        deadline.end()
        assert not deadline.has_passed
        theirs.send(b"y")
        assert ours.recv(1) == b"y"


def test_what_the_line_says_is_what_counts() -> None:
    """Begun and ended: nothing is due. Begun and no more: the connection ends."""
    with connected() as (ours, theirs), connected() as (line, other), hangs_after(120):
        other.send(b"be")
        other.shutdown(socket.SHUT_WR)
        watch(ours, line, 0.0)
        theirs.send(b"x")
        assert ours.recv(1) == b"x"
    with connected() as (ours, theirs), connected() as (line, other), hangs_after(120):
        other.send(b"b")
        watch(ours, line, 0.0)
        assert theirs.recv(1) == b""
