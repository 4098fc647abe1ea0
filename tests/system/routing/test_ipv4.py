"""Tries: what is wrong with a node, and that the others are shown."""

from __future__ import annotations

from btfdump._kernel.value_at import value_at


def trie(kernel):
    net = next(iter(kernel["net_namespace_list"].walk_()))
    table = next(iter(net.ipv4.fib_table_hash.walk_()))
    return value_at(kernel, "struct trie", int(table.tb_data))


def top(kernel):
    """Return the first node, which has the others below it."""
    root = trie(kernel).kv[0]
    width = kernel.layouts.pointer_size
    data = kernel.target.read(root.tnode.address_, width)
    address = int.from_bytes(data, kernel.layouts.byteorder)
    return value_at(kernel, "struct key_vector", address)


def test_no_routes(kernel):
    kernel.target.write(trie(kernel).kv[0].tnode.address_, bytes(kernel.layouts.pointer_size))
    found, notes = kernel.told()
    assert {one.family for one in found} == {10}
    assert not notes


def test_a_default_route(kernel):
    (route,) = kernel.found("127.0.0.0/8")
    alias = value_at(kernel, "struct fib_alias", route.route)
    kernel.put(alias.fa_slen, 32)
    assert [one.dev for one in kernel.found("default")] == ["lo"]


def test_nodes_that_lead_back_up(kernel):
    node = top(kernel)
    kernel.target.write(
        node.tnode.address_,
        node.address_.to_bytes(kernel.layouts.pointer_size, kernel.layouts.byteorder),
    )
    found, notes = kernel.told()
    assert any("is there twice" in text for text in notes)
    assert [one for one in found if one.family == 10]


def test_more_bits_than_an_address_has(kernel):
    kernel.put(top(kernel).bits, 30)
    _, notes = kernel.told()
    assert any("node of bits" in text for text in notes)


def test_a_node_that_cannot_be_read(kernel):
    width = kernel.layouts.pointer_size
    bad = (0x1234 << 44).to_bytes(width, kernel.layouts.byteorder)
    kernel.target.write(trie(kernel).kv[0].tnode.address_, bad)
    found, notes = kernel.told()
    assert len(notes) == 1 * len({one.rt_table for one in found if one.family == 10})
    assert "IPv4 routes: cannot read" in notes[0]
