"""Hash maps that are damaged."""

from __future__ import annotations

import pytest

from btfdump.errors import CorruptDataError
from tests.support.bpf_maps import first_of, items


def test_a_chain_that_loops(patched, poke, truth):
    elem = first_of("h_plain", truth)
    node = patched.value("struct htab_elem", int(elem["elem"], 16))
    poke(node.hash_node.next, node.address_)
    found, notes = items(patched, "h_plain")
    assert len(found) == 7
    text = f"cycle: {elem['elem']} leads back to {elem['elem']}"
    assert notes == [f"bucket {elem['bucket']}: {text}"]
    with pytest.raises(CorruptDataError, match="leads back to"):
        list(patched.bpf.map("h_plain").items_())


def test_a_chain_into_nowhere(patched, poke, truth):
    elem = first_of("h_plain", truth)
    node = patched.value("struct htab_elem", int(elem["elem"], 16))
    poke(node.hash_node.next, 0xFFFF_F000_0000_1230)
    found, notes = items(patched, "h_plain")
    assert len(found) == 7
    assert notes == [
        f"bucket {elem['bucket']}: entry at 0xfffff00000001230 is unreadable: not mapped"
    ]


def test_a_chain_without_its_mark(patched, poke, truth):
    elem = first_of("h_plain", truth)
    poke(patched.value("struct htab_elem", int(elem["elem"], 16)).hash_node.next, 0)
    found, notes = items(patched, "h_plain")
    assert len(found) == 7
    text = f"next of {elem['elem']} is NULL: it ends without its mark"
    assert notes == [f"bucket {elem['bucket']}: {text}"]


def test_an_element_that_is_there_in_part(patched, truth):
    elem = first_of("h_plain", truth)
    patched.target.unmap(int(elem["value_addr"], 16), 8)
    found, notes = items(patched, "h_plain")
    assert len(found) == 6
    assert notes == [f"bucket {elem['bucket']}: element at {elem['elem']} is unreadable in part"]


def test_an_element_of_another_bucket(patched, poke, truth):
    elem = first_of("h_plain", truth)
    poke(patched.value("struct htab_elem", int(elem["elem"], 16)).hash, elem["bucket"] + 1)
    found, notes = items(patched, "h_plain")
    assert len(found) == 6
    assert f"is of bucket {elem['bucket'] + 1} by its hash" in notes[0]


@pytest.mark.parametrize("count", [0, 3, 0xFFFF_FFFF])
def test_a_number_of_buckets_that_makes_no_sense(patched, poke, count):
    poke(patched.bpf.map("h_plain")._inside_("bpf_htab").n_buckets, count)
    assert items(patched, "h_plain") == ([], [f"n_buckets is {count}, no power of two"])


def test_more_buckets_than_memory(patched, poke):
    """The count is believed as far as the buckets can be read; then it ends, and is said."""
    poke(patched.bpf.map("h_plain")._inside_("bpf_htab").n_buckets, 1 << 20)
    found, notes = items(patched, "h_plain")
    assert len(found) <= 7
    assert len(notes) == 66
    assert "chains are broken: buckets from" in notes[-1]
