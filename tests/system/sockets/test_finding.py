"""Where sockets are found: hash tables with what is wrong in them."""

from __future__ import annotations

import pytest

from btfdump._kernel.notes import Note, without_notes
from btfdump._system.sockets.finding import listed_sockets, namespaces
from tests.support.patched import PatchedKernel

EVERY = ("tagged", "stock", "stock-7.3", "s390x", "garden")


@pytest.mark.parametrize("name", EVERY)
def test_each_socket_is_found_once(opened, name):
    addresses = [one.address_ for one in without_notes(listed_sockets(opened(name)))]
    assert len(addresses) == len(set(addresses)) > 15


def test_namespaces_are_those_of_their_list(opened):
    kernel = opened("stock")
    found = namespaces(kernel)
    assert found.each[0].address_ == kernel.symbol("init_net")
    assert not found.notes


def test_a_table_that_cannot_be_read_hides_no_other(opened):
    kernel = PatchedKernel(opened("stock"))
    whole = list(without_notes(listed_sockets(kernel)))
    table = kernel["tcp_hashinfo"]
    kernel.target.write(table.ehash.address_, (0x1230).to_bytes(8, "little"))
    found = list(listed_sockets(kernel))
    notes = [one.text for one in found if isinstance(one, Note)]
    assert len(notes) == 1
    assert "buckets 0 to" in notes[0]
    assert len([one for one in found if not isinstance(one, Note)]) == len(whole) - 2


def test_a_table_of_no_size_that_one_could_have_is_told(opened):
    kernel = PatchedKernel(opened("stock"))
    kernel.target.write(kernel["tcp_hashinfo"].ehash_mask.address_, b"\xff\xff\xff\xff")
    found = list(listed_sockets(kernel))
    notes = [one.text for one in found if isinstance(one, Note)]
    assert notes == ["tcp_hashinfo: a hash table of 4294967296 buckets"]
