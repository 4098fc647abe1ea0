"""Variables in BTF: of those that share a name, the one that is where the symbol is."""

from __future__ import annotations

import pytest

from btfdump._api.kernel import Kernel
from btfdump._btf import Btf, BtfBuilder
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import AmbiguousSymbolError, ExpressionError
from tests.support.case_files import read_case

# `pahole -J --btf_features=encode_force,var,global_var` of dwarves 1.30 wrote it for two files of C
# that gcc compiled with -mcmodel=kernel, linked at 0xffffffff81000000 with these sections and
# symbols, as nm and readelf tell them.
PAHOLE = "pahole-global-var.btf.zst"
BASE = 0xFFFF_FFFF_8100_0000
TYPES = {
    "fixed": (0x60, "const struct item"),  # .rodata
    "words": (0x78, "const char[9]"),
    "state@1": (0x100, "int"),  # .data of one file
    "items": (0x110, "struct list_head"),
    "init_task": (0x120, "struct task_struct"),
    "second": (0x148, "struct item2"),
    "state@2": (0x150, "long int"),  # of the other
    "each": (0x160, "struct item"),  # .data..percpu
    "counter": (0x178, "long unsigned int"),
    "early": (0x180, "int"),  # .init.data
    "zeroed": (0x190, "struct item"),  # .bss
}
SYMBOLS = [(name.partition("@")[0], BASE + at) for name, (at, _) in TYPES.items()]


def kernel_of(data: bytes, symbols: list[tuple[str, int]]) -> Kernel:
    target = BufferTarget([(BASE, bytes(range(256)) * 2)], symbols=symbols)
    return Kernel(target, Btf.from_bytes(data, name="vmlinux"), ())


def test_every_variable_that_pahole_describes_has_its_type() -> None:
    kernel = kernel_of(read_case(PAHOLE), SYMBOLS)
    for name, (at, spelled) in TYPES.items():
        value = kernel[name]
        assert (str(value.type_), value.address_) == (spelled, BASE + at), name
    with pytest.raises(AmbiguousSymbolError, match="2 symbols are called state"):
        kernel["state"]


def test_only_those_of_the_section_are_per_cpu() -> None:
    kernel = kernel_of(read_case(PAHOLE), SYMBOLS)
    assert {name for name in TYPES if kernel.is_per_cpu(name)} == {"each", "counter"}


def btf_with(*sections: tuple[str, list[tuple[str, str, int]]]) -> bytes:
    """Return BTF with variables (name, type, offset) in sections."""
    b = BtfBuilder()
    ids = {"int": b.int_("int", 4), "long": b.int_("long int", 8)}
    for name, rows in sections:
        b.datasec(name, [(b.var(var, ids[type_]), offset, 4) for var, type_, offset in rows])
    return b.build()


def test_a_variable_that_shares_its_name_with_a_per_cpu_one() -> None:
    """Kernels' own BTF describes none but per-CPU ones: of the other, it says nothing."""
    data = btf_with((".data..percpu", [("first", "int", 0), ("list", "long", 24)]))
    symbols = [("first", BASE), ("list", BASE + 24), ("list", BASE + 0x8F)]
    kernel = kernel_of(data, symbols)
    assert kernel.is_per_cpu("list@1")
    assert not kernel.is_per_cpu("list@2")
    assert str(kernel["list@1"].type_) == "long int"
    with pytest.raises(ExpressionError, match="the type of list@2"):
        kernel["list@2"]


def test_where_a_section_begins_is_believed_of_two_that_agree() -> None:
    """One symbol alone may be another variable of the name."""
    rows = [("odd", "int", 0), ("first", "int", 8), ("state", "int", 24), ("last", "int", 16)]
    data = btf_with((".data", rows), (".bss", [("state", "long", 16), ("sole", "int", 0)]))
    symbols = [("odd", BASE + 1), ("first", BASE + 8), ("last", BASE + 16), ("state", BASE + 24)]
    symbols += [("sole", BASE + 0x40), ("state", BASE + 0x50)]
    kernel = kernel_of(data, symbols)
    assert str(kernel["state@1"].type_) == "int"
    assert str(kernel["state@2"].type_) == "long int"


def test_nothing_tells_where_a_section_begins() -> None:
    """Then what is called the same stays apart from no symbol, and that is said."""
    data = btf_with((".data", [("state", "int", 24)]), (".bss", [("state", "long", 16)]))
    kernel = kernel_of(data, [("state", BASE + 24), ("state", BASE + 0x50)])
    with pytest.raises(ExpressionError, match="BTF has variables of that name of types"):
        kernel["state@1"]
