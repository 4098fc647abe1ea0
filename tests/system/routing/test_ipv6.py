"""Trees of IPv6: what is wrong with a node, and that the others are shown."""

from __future__ import annotations

from ipaddress import IPv6Address

from btfdump._kernel.value_at import value_at


def route(kernel, dst="ff00::/8"):
    (found,) = kernel.found(dst)
    return value_at(kernel, "struct fib6_info", found.route)


def test_a_gateway_and_a_source(kernel):
    info = route(kernel)
    first = info.fib6_nh.address_
    common = value_at(kernel, "struct fib6_nh", first).nh_common
    kernel.put(common.nhc_gw_family, 10)
    kernel.put(common.nhc_gw.ipv6, IPv6Address("fe80::1").packed)
    kernel.put(info.fib6_prefsrc.addr, IPv6Address("2001:db8::5").packed)
    kernel.put(info.fib6_prefsrc.plen, 128)
    (found,) = kernel.found("ff00::/8")
    assert (found.gateway, found.src) == ("fe80::1", "2001:db8::5")


def test_the_default_route(kernel):
    kernel.put(route(kernel).fib6_dst.plen, 0)
    assert [one.family for one in kernel.found("default")] == [10]


def test_a_route_that_leads_back_to_itself(kernel):
    info = route(kernel)
    kernel.put(info.fib6_next, info.address_)
    found, notes = kernel.told()
    assert len([one for one in found if one.dst == "ff00::/8"]) == 1
    assert any("leads back to itself" in text for text in notes)


def test_a_node_that_leads_back(kernel):
    info = route(kernel)
    node = info.fib6_node.deref_()
    kernel.put(node.left, node.address_)
    _, notes = kernel.told()
    assert any("is there twice" in text for text in notes)


def test_a_prefix_that_is_none(kernel):
    kernel.put(route(kernel).fib6_dst.plen, 200)
    found, notes = kernel.told()
    assert len([one for one in found if one.family == 10]) == 3
    assert any("a prefix of 200 bits" in text for text in notes)
