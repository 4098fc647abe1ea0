"""BTF in the kernel's memory: every byte as it was read another way; corrupt ones are errors."""

from __future__ import annotations

import hashlib

import pytest

from btfdump.errors import (
    BtfFormatError,
    CorruptDataError,
    FaultError,
    ObjectNotFoundError,
    SymbolNotFoundError,
)
from tests.support.bpf_maps import DUMPS
from tests.support.bpf_objects import btf_of

NOWHERE = 0xFFFF_F000_0000_1230


@pytest.mark.parametrize("name", DUMPS)
def test_every_btf_is_there_to_the_byte(name, opened, truth):
    kernel = opened(name)
    expected = truth(name)["btfs"]
    assert [int(btf.id) for btf in kernel.bpf.btf_objects()] == [b["id"] for b in expected]
    for known in expected:
        btf = kernel.bpf.btf(known["id"])
        assert hashlib.sha256(btf.data).hexdigest() == known["sha256"]
        assert len(btf) == known["nr_types"] + known["start_id"]
        assert btf.start_id == (known["start_id"] or 1)
        assert btf.base is (kernel.btf if int(known["base_btf"], 16) else None)
        assert kernel.bpf.btf(known["id"]) is btf


def test_a_pointer_leads_to_it_as_the_object_does(opened):
    kernel = opened("tagged")
    for module in kernel["btf_modules"].walk_():
        assert kernel.bpf.btf(module.btf) is kernel.bpf.btf(module.btf.deref_())


def test_a_number_nobody_has(opened):
    with pytest.raises(ObjectNotFoundError, match="no BTF has id 99 among the 6 found"):
        opened("tagged").bpf.btf(99)


def test_a_blob_that_cannot_be_read(patched, poke):
    poke(btf_of(patched, 15).data, NOWHERE)
    for _ in range(2):  # the error is remembered, and raised again
        with pytest.raises(FaultError, match="not mapped"):
            patched.bpf.btf(15)
    assert len(patched.bpf.btf(16)) == 519


@pytest.mark.parametrize("size", [0, 1 << 30])
def test_a_size_that_makes_no_sense(patched, poke, size):
    poke(btf_of(patched, 15).data_size, size)
    with pytest.raises(CorruptDataError, match=f"BTF 15: {size} bytes is no size of a BTF"):
        patched.bpf.btf(15)


def test_a_blob_that_is_no_btf(patched):
    data = int(btf_of(patched, 15).data)
    patched.target.write(data, bytes(4))
    with pytest.raises(BtfFormatError):
        patched.bpf.btf(15)


def test_a_blob_with_a_type_that_is_not_there(patched):
    """BTF of programs was written by whoever loaded them: all of it is checked at once."""
    data = int(btf_of(patched, 15).data)
    blob = patched.bpf.btf(15).data
    patched._kernel_btfs._parsed.clear()
    patched._kernel_btfs._by_id.clear()
    header = int.from_bytes(blob[4:8], "little")
    patched.target.write(data + header + 8, b"\xff\xff\xff\x7f")  # what the first type refers to
    with pytest.raises(BtfFormatError, match="isn't there"):
        patched.bpf.btf(15)


def test_a_btf_that_is_its_own_base(patched, poke):
    btf = btf_of(patched, 4)
    poke(btf.base_btf, btf.address_)
    with pytest.raises(CorruptDataError, match="split on more than 4 others"):
        patched.bpf.btf(4)


def test_an_idr_with_a_foreign_node(patched, poke):
    first = btf_of(patched, 1)
    head = patched.value("struct idr", patched.symbol("btf_idr")).idr_rt.xa_head
    node = patched.value("struct xa_node", int(head) - 2)
    poke(node.slots[1], first.address_ + 2)
    with pytest.raises(CorruptDataError, match=r"btf_idr: node at 0x\w+ has shift"):
        list(patched.bpf.btf_objects())
    found: list[int] = []
    with pytest.raises(CorruptDataError):
        found.extend(int(btf.id) for btf in patched.bpf.btf_objects())
    poke(node.slots[1], int(head))
    with pytest.raises(CorruptDataError, match="cycle"):
        list(patched.bpf.btf_objects())


def test_an_idr_nobody_can_name(patched, monkeypatch):
    def missing(name):
        raise SymbolNotFoundError(f"no symbol {name}")

    monkeypatch.setattr(patched, "own_symbol", missing)
    with pytest.raises(SymbolNotFoundError, match="btf_idr"):
        list(patched.bpf.btf_objects())
