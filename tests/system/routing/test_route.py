"""Next hops: gateways of both families, several of them, shared ones and groups."""

from __future__ import annotations

from ipaddress import IPv6Address

from btfdump._kernel.value_at import value_at

DST = "10.9.8.0/24"


def info_of(kernel):
    (route,) = kernel.found(DST)
    return value_at(kernel, "struct fib_alias", route.route).fa_info.deref_()


def scratch(kernel, size=512):
    """Return where nothing is that routes need: in the kernel's log."""
    start = kernel.symbol("__log_buf")
    kernel.target.write(start, bytes(size))
    return start


def test_gateways(kernel):
    common = value_at(kernel, "struct fib_nh", info_of(kernel).fib_nh.address_).nh_common
    kernel.put(common.nhc_gw_family, 2)
    kernel.put(common.nhc_gw.ipv4, bytes((10, 9, 8, 1)))
    (route,) = kernel.found(DST)
    assert (route.gateway, route.dev, route.weight) == ("10.9.8.1", "dum0", None)
    kernel.put(common.nhc_gw_family, 10)
    kernel.put(common.nhc_gw.ipv6, IPv6Address("fe80::9").packed)
    assert kernel.found(DST)[0].gateway == "fe80::9"


def test_a_shared_next_hop_and_a_group(kernel):
    info = info_of(kernel)
    start = scratch(kernel, 2048)
    hop = value_at(kernel, "struct nexthop", start)
    inner = value_at(kernel, "struct nh_info", start + 512)
    device = int(value_at(kernel, "struct fib_nh", info.fib_nh.address_).nh_common.nhc_dev)
    kernel.put(info.nh, start)
    kernel.put(hop.nh_info, inner.address_)
    kernel.put(inner.fib_nhc.nhc_dev, device)
    kernel.put(inner.fib_nhc.nhc_gw_family, 2)
    kernel.put(inner.fib_nhc.nhc_gw.ipv4, bytes((10, 9, 8, 2)))
    (route,) = kernel.found(DST)
    assert (route.gateway, route.dev) == ("10.9.8.2", "dum0")
    whole = value_at(kernel, "struct nexthop", start + 1024)
    group = value_at(kernel, "struct nh_group", start + 1536)
    kernel.put(info.nh, whole.address_)
    kernel.put(whole.is_group, 1)
    kernel.put(whole.nh_grp, group.address_)
    kernel.put(group.num_nh, 2)
    size = kernel.struct("nh_grp_entry").size
    for number in range(2):
        at = group.nh_entries.address_ + number * size
        entry = value_at(kernel, "struct nh_grp_entry", at)
        kernel.put(entry.nh, start)
        kernel.put(entry.weight, number + 1)
    assert [(one.gateway, one.weight) for one in kernel.found(DST)] == [
        ("10.9.8.2", 1),
        ("10.9.8.2", 2),
    ]


def test_more_next_hops_than_there_can_be(kernel):
    kernel.put(info_of(kernel).fib_nhs, 1 << 30)
    (route,) = kernel.found(DST)
    assert (route.gateway, route.dev) == (None, None)
    assert any("1073741824 next hops" in text for text in kernel.told()[1])
