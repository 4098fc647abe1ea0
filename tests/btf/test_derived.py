"""Types that no BTF has: pointers to pointers, arrays of pointers, arrays of arrays."""

from __future__ import annotations

import pytest

from btfdump._btf import Btf, BtfBuilder, types
from btfdump._btf.derived import Derivation, derive


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize(
    ("stars", "lengths", "spelled", "size"),
    [
        (0, (), "struct item", 4),
        (1, (), "struct item *", 8),
        (3, (), "struct item ***", 8),
        (0, (3,), "struct item[3]", 12),
        (0, (2, 3), "struct item[2][3]", 24),
        (2, (4,), "struct item **[4]", 32),
    ],
)
def test_derived_types(byteorder, stars, lengths, spelled, size):
    b = BtfBuilder(byteorder)
    item = b.struct("item", 4, [("x", b.int_("int", 4), 0)])
    btf = b.parse(pointer_size=8)
    found = derive(btf.type(item), stars, lengths)
    assert (str(found), found.btf.sizeof(found)) == (spelled, size)
    while isinstance(found, types.Ptr | types.Array):
        found = found.target if isinstance(found, types.Ptr) else found.element
    assert found is btf.type(item)


def test_of_a_modules_type_and_of_void():
    base = BtfBuilder().parse("vmlinux", pointer_size=8)
    b = BtfBuilder(base=base)
    item = b.struct("item", 0, [])
    module = b.parse("module", pointer_size=8)
    assert isinstance(module, Btf)
    found = derive(module.type(item), 2)
    assert str(found) == "struct item **"
    assert found.btf.base is module
    assert str(derive(base.type(0), 2)) == "void **"


def test_functions_and_what_leads_to_them():
    b = BtfBuilder()
    item = b.struct("item", 4, [("x", b.int_("int", 4), 0)])
    btf = b.parse(pointer_size=8)
    derivation = Derivation(btf)
    pointer = derivation.pointer(item)
    function = derivation.function(0, [pointer, 0])
    array = derivation.array(derivation.pointer(function), 3)
    assert str(derivation.type(array)) == "void (*[3])(struct item *, ...)"
    assert derivation.type(item) is btf.type(item)
