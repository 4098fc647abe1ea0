"""The map itself: its kind and its types, and one that cannot be read."""

from __future__ import annotations

import pytest

from btfdump._walk import Anomaly
from btfdump.errors import FaultError
from tests.support.bpf_maps import DUMPS


@pytest.mark.parametrize("name", DUMPS)
def test_every_map_is_found(name, opened, truth):
    kernel = opened(name)
    expected = [(m["id"], m["name"], m["addr"]) for m in truth(name)["maps"]]
    found = [(int(m.id), m.member_("name").string_(), hex(m.address_)) for m in kernel.bpf.maps()]
    assert found == expected
    for known in truth(name)["maps"]:
        map_ = kernel.bpf.map(known["id"])
        assert f"BPF_MAP_TYPE_{map_.kind_}" == known["type_name"].removesuffix("_DEPRECATED")
        assert map_.address_ == int(known["addr"], 16)


def test_a_map_that_cannot_be_read(patched):
    map_ = patched.bpf.map("h_plain")
    patched.target.unmap(map_.address_, 200)
    (note,) = [item for item in map_.elements_() if isinstance(item, Anomaly)]
    assert note.message.endswith("is unreadable: not mapped")
    with pytest.raises(FaultError):
        map_.kind_  # noqa: B018
