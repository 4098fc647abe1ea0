"""Real BTF and malformed BTF, and a builder with every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import Btf, BtfBuilder
from tests.support.case_files import KERNELS, read_btf, read_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._btf.wire import ByteOrder


@pytest.fixture(scope="session")
def case() -> Callable[[str], bytes]:
    """Return name -> the content of a file under tests/data/cases."""
    return read_case


@pytest.fixture(scope="session", params=KERNELS)
def vmlinux(request: pytest.FixtureRequest) -> Btf:
    """The BTF of a real kernel, x86-64."""
    return Btf.from_bytes(read_btf(request.param), name=request.param)


def build_everything(byteorder: ByteOrder = "little", base: Btf | None = None) -> BtfBuilder:
    """Return a builder with every kind, valid by the kernel's rules too."""
    b = BtfBuilder(byteorder, base)
    int_ = b.int_("int", 4, signed=True)
    b.int_("long unsigned int", 8)
    u32 = b.typedef("u32", b.int_("unsigned int", 4))
    node = b.struct("node", 24, [("next", b.next_id + 1, 0), ("lo", u32, 64, 3)])
    pointer = b.ptr(node)
    b.union("either", 8, [("p", pointer, 0), ("u", u32, 0)])
    b.array(b.const(b.volatile(int_)), 4)
    b.restrict(pointer)
    b.enum("e", {"A": 0, "B": -1})
    b.enum("flags", {"C": 1 << 31})
    b.enum64("e64", {"D": 1 << 63})
    b.enum64("s64", {"E": -1 << 63})
    b.fwd("struct_ahead")
    b.fwd("union_ahead", union=True)
    b.float_("double", 8)
    b.ptr(b.type_tag("rcu", node))
    func = b.func("f", b.func_proto(int_, [("n", pointer)]))
    b.func("g", b.func_proto(0, [("n", pointer)], variadic=True), 0)
    var = b.var("v", int_)
    b.datasec(".data", [(var, 0, 4)])
    b.decl_tag("about f", func)
    b.decl_tag("about n", func, 0)
    b.decl_tag("about next", node, 0)
    return b


@pytest.fixture(scope="session")
def everything() -> Callable[..., BtfBuilder]:
    """Return a function of (byteorder, base) that makes a builder with every kind."""
    return build_everything


@pytest.fixture(params=["little", "big"])
def b(request: pytest.FixtureRequest) -> BtfBuilder:
    """An empty builder, once in either byte order."""
    return BtfBuilder(request.param)
