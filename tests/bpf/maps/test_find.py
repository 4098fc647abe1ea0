"""Maps by id, by name, by pattern."""

from __future__ import annotations

import pytest

from btfdump.errors import ObjectNotFoundError


def test_by_id_by_name_by_pattern(opened):
    kernel = opened("tagged")
    assert kernel.bpf.map(11).address_ == kernel.bpf.map("h_conf").address_
    with pytest.raises(ObjectNotFoundError, match="no map has id 999 among the 28 found"):
        kernel.bpf.map(999)
    with pytest.raises(ObjectNotFoundError, match="no map is called 'nothing'"):
        kernel.bpf.map("nothing")
    with pytest.raises(ObjectNotFoundError, match=r"3 maps are called 'ts_\*': ids 6, 7, 8"):
        kernel.bpf.map("ts_*")
