"""Queues: in the order of writing; and damage."""

from __future__ import annotations

import pytest

from tests.support.bpf_maps import DUMPS, elements, hexes, items


@pytest.mark.parametrize("name", DUMPS)
def test_queue_in_the_order_of_writing(name, opened, written):
    found = [hexes(element.value) for element in elements(opened(name).bpf.map("queue"))]
    assert found == [record["value"] for record in written(name)["queue"]]


def test_a_queue_out_of_its_slots(patched, poke):
    poke(patched.bpf.map("queue")._inside_("bpf_queue_stack").head, 100)
    assert items(patched, "queue") == ([], ["head 100 and tail 0 of 9 slots"])
