"""What code an address is in."""

from __future__ import annotations

import pytest

from btfdump._system.code import BPF, FTRACE, Code, CodeNames
from tests.support.patched import PatchedKernel


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "tagged"])
def test_programs_and_trampolines(opened, name):
    kernel = opened(name)
    names = CodeNames(kernel)
    symbols = list(kernel["bpf_kallsyms"].walk_())
    assert len(symbols) > 10
    for one in symbols:
        start, end, called = int(one.start), int(one.end), one.name.string_()
        assert names.of(start + 4, is_interrupted=True) == Code(called, 4, BPF)
        assert names.of(end) == Code(called, end - start, BPF)  # it called as its last act
        found = names.of(start, is_interrupted=True)
        assert found is not None
        assert not found.has_unwind_data


def test_trampolines_of_ftrace(opened):
    kernel = opened("stock-7.3")
    (one,) = kernel["ftrace_ops_trampoline_list"].walk_()
    found = CodeNames(kernel).of(int(one.trampoline) + 16, is_interrupted=True)
    assert found == Code("ftrace_trampoline", 16, FTRACE)


def test_the_kernel_and_its_modules(opened):
    kernel = opened("tagged")
    names = CodeNames(kernel)
    start = kernel.symbol("schedule")
    assert names.of(start, is_interrupted=True) == Code("schedule", 0, "")
    assert names.of(start + 1) == Code("schedule", 1, "")
    (module,) = (one for one in kernel.modules.listed() if one.name == "dummy_xmit")
    found = names.of(module.address + 2)
    assert found == Code("dummy_xmit", 2, "dummy")
    assert found.has_unwind_data
    assert names.of(0x1000) is None
    assert names.of(0) is None


def test_lists_that_are_damaged(opened):
    """What is behind the damage has no name; the rest has."""
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    first, *_ = plain["bpf_kallsyms"].walk_()
    kernel.target.write(first.lnode.next.address_, (0x1230).to_bytes(8, "little"))
    assert CodeNames(kernel).of(plain.symbol("schedule") + 1) == Code("schedule", 1, "")
