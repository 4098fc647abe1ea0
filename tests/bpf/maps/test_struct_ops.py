"""Maps of struct_ops."""

from __future__ import annotations

import pytest

from tests.support.bpf_maps import elements


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_struct_ops(name, opened, truth):
    (known,) = [m for m in truth(name)["maps"] if m["name"] == "btfs_cc"]
    (element,) = elements(opened(name).bpf.map("btfs_cc"))
    assert element.value.address_ == int(known["kvalue_addr"], 16)
    assert element.value.data.address_ == int(known["ops_addr"], 16)
    assert str(element.value.type_) == "struct bpf_struct_ops_tcp_congestion_ops"
    assert element.value.data.member_("name").string_() == known["struct_ops_name"]
