"""Arrays: an index is a key; and damage."""

from __future__ import annotations

import pytest

from tests.support.bpf_maps import items


def test_an_index_is_a_key(opened):
    kernel = opened("tagged")
    assert int(kernel.bpf.map("h_plain")[17]) == 0x1122334455667788 * 2
    assert kernel.bpf.map("arr")[2].member_("name").string_() == "conf-2"
    for name, key, text in (
        ("h_plain", 18, "map h_plain has no element with key 18"),
        ("h_conf", 0, "the keys of map h_conf are no integers"),
        ("pcpu", 1, "map pcpu has a copy of each value for every CPU"),
    ):
        with pytest.raises(IndexError, match=text):
            kernel.bpf.map(name)[key]


def test_an_array_of_elements_that_do_not_fit(patched, poke):
    poke(patched.bpf.map("arr")._inside_("bpf_array").elem_size, 16)
    assert items(patched, "arr") == ([], ["elem_size is 16, value_size 80"])


def test_a_value_size_beyond_belief(patched, poke):
    poke(patched.bpf.map("queue").value_size, 1 << 30)
    assert items(patched, "queue")[1] == [f"value_size is {1 << 30}"]
