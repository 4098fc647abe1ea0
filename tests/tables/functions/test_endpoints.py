"""What sockets and pipes are connected with, against the descriptors themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump._roots import Query, table_of
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


def files(kernel: Kernel, *patterns: str) -> list[dict[str, Any]]:
    kind = table_of("files")
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query(patterns)).rows)
    assert not [row for row in found if isinstance(row, Note)]
    return found


def test_endpoints_of_stock(opened):
    found = {row["fd"]: row["endpoint"] for row in files(opened("stock"), "w_net")}
    assert found[5] == "TCP 127.0.0.1:4242 LISTEN"
    assert found[6] == "TCP 127.0.0.1:36668 -> 127.0.0.1:4242 ESTABLISHED"
    assert found[8] == "UDP 127.0.0.1:5353"
    assert found[9] == "UNIX STREAM /tmp/data/delta.sock LISTEN"
    assert found[10] == "UNIX SEQPACKET -> inode 1237 (w_net 192 fd 11)"


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x", "garden"])
def test_every_socket_and_pipe_has_one_and_nothing_else(opened, name):
    found = files(opened(name))
    for row in found:
        assert (row["endpoint"] is not None) == (row["type"] in ("socket", "fifo")), row
    ends = {(row["inode"], row["endpoint"].split()[0]) for row in found if row["type"] == "fifo"}
    assert {way for _, way in ends} == {"from", "to"}


def test_a_pipe_within_one_process(opened):
    found = {row["fd"]: row for row in files(opened("stock"), "w_alpha")}
    assert found[9]["endpoint"] == "from w_alpha 184 fd 10"
    assert found[10]["endpoint"] == "to w_alpha 184 fd 9"
    assert found[3]["endpoint"] == "from w_main 182 fd 4, w_alpha 184 fd 4 and 10 more"


@pytest.mark.parametrize(("writers", "text"), [(0, "nobody"), (2, "2 not in a table of files")])
def test_the_other_end_of_a_pipe_need_not_be_a_descriptor(opened, writers, text):
    """It may be closed, or in a message that nobody has received yet: the pipe counts them."""
    kernel = PatchedKernel(opened("stock"))
    task = next(task for task in kernel.tasks() if int(task.pid) == 184)
    pipe = int(task.files.fdt.fd[9].private_data)
    kernel.target.write(task.files.fdt.fd[10].address_, bytes(8))
    count = value_at(kernel, "struct pipe_inode_info", pipe).writers
    kernel.target.write(count.address_, writers.to_bytes(4, "little"))
    found = {row["fd"]: row["endpoint"] for row in files(kernel, "w_alpha")}
    assert 10 not in found
    assert found[9] == f"from {text}"


def test_a_socket_that_was_closed(opened):
    kernel = PatchedKernel(opened("stock"))
    task = next(task for task in kernel.tasks() if int(task.comm == "w_net"))
    socket = value_at(kernel, "struct socket", int(task.files.fdt.fd[8].private_data))
    kernel.target.write(socket.sk.address_, bytes(8))
    assert {row["fd"]: row["endpoint"] for row in files(kernel, "w_net")}[8] == "closed"
