"""LPM tries: prefixes in order; and damage."""

from __future__ import annotations

import pytest

from tests.support.bpf_maps import DUMPS, elements, items


@pytest.mark.parametrize("name", DUMPS)
def test_prefixes_in_order(name, opened):
    found = [
        (element.key.addr.value_(), int(element.key.prefixlen))  # type: ignore[union-attr]
        for element in elements(opened(name).bpf.map("lpm"))
    ]
    assert found == sorted(found)
    assert len(found) == 5


def test_a_trie_that_loops(patched, poke):
    root = patched.bpf.map("lpm")._inside_("lpm_trie").root
    poke(root.child[0], int(root))
    found, notes = items(patched, "lpm")
    assert notes == [f"cycle: {int(root):#x} is below itself"]
    assert found


def test_a_trie_whose_prefixes_do_not_grow(patched, poke):
    root = patched.bpf.map("lpm")._inside_("lpm_trie").root
    child = next(child for child in root.child if int(child))
    poke(child.prefixlen, 99)
    assert "a prefix of 99 bits below one of" in items(patched, "lpm")[1][0]
    poke(root.child[0], 0xFFFF_F000_0000_1230)
    assert any("is unreadable: not mapped" in note for note in items(patched, "lpm")[1])
