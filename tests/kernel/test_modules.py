"""Modules of real kernels: their BTF, their symbols, and what is wrong with one."""

from __future__ import annotations

import pytest

from btfdump.errors import AmbiguousSymbolError, CorruptDataError
from tests.support.bpf_maps import DUMPS
from tests.support.bpf_objects import btf_of


@pytest.mark.parametrize("name", DUMPS)
def test_modules_and_programs_share_what_was_read(name, opened, truth):
    kernel = opened(name)
    modules = [b for b in truth(name)["btfs"] if int(b["base_btf"], 16)]
    assert {btf.name for btf in kernel.modules.btfs()} == {b["name"] for b in modules}
    for known in modules:
        assert kernel.bpf.btf(known["id"]) in kernel.modules.btfs()


def test_a_module_on_a_base_of_another_kernel(patched, poke):
    poke(btf_of(patched, 4).start_id, 1000)
    with pytest.raises(CorruptDataError, match="btfsample goes on from type 1000, its base has"):
        patched.bpf.btf(4)
    assert [btf.name for btf in patched.modules.btfs()] == ["tcp_vegas", "dummy"]
    assert patched.modules.problems == [
        "BTF of a module: btfsample goes on from type 1000, its base has 71438"
    ]


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_symbols_of_modules(name, opened):
    """Each is found by its name, and names its address, as the module's own table has it."""
    kernel = opened(name)
    compared = 0
    for module in kernel["modules"].walk_():
        table = module.kallsyms
        owner = module.member_("name").string_()
        for number in range(1, int(table.num_symtab), 16):
            row = table.symtab[number]
            address = int(row.st_value)
            if not (int(row.st_shndx) and int(row.st_name) and address):
                continue
            symbol = kernel.value("char[64]", int(table.strtab) + int(row.st_name)).string_()
            assert address in [found[0] for found in kernel.modules.symbols_named(symbol)]
            assert kernel.symbol(f"{owner}:{symbol}@1") <= address
            shown = kernel.modules.symbolize(address)
            assert shown is None or shown.endswith(f"[{owner}]")
            compared += shown == f"{symbol} [{owner}]"
    assert compared > 5


def test_what_is_no_modules_memory(opened):
    modules = opened("tagged").modules
    assert modules.symbols_named("no_such_symbol") == []
    assert modules.symbols_around(0) == ("", "")
    for address in (0, opened("tagged").symbol("init_task"), (1 << 64) - 1):
        assert modules.symbolize(address) is None


def test_a_module_whose_symbols_cannot_be_read(patched, poke):
    first, *others = patched["modules"].walk_()
    poke(first.kallsyms, 0xFFFF_F000_0000_1230)
    patched.forget()
    name = first.member_("name").string_()
    start = int(first.mem[0].base)
    assert patched.modules.symbolize(start) == f"[{name}]"
    assert any("symbols of a module" in problem for problem in patched.modules.problems)
    assert others
    assert patched.modules.symbolize(int(others[0].mem[0].base)) not in (None, f"[{name}]")


def test_a_list_of_modules_that_is_cut(patched, poke):
    poke(patched["modules"].next, 0xFFFF_F000_0000_1230)
    patched.forget()
    assert patched.modules.symbolize(patched.symbol("init_task")) is None
    assert patched.modules.problems[0].startswith("modules: ")


def test_symbols_that_every_module_has(opened):
    kernel = opened("tagged")
    own = {
        module.member_("name").string_(): module.address_ for module in kernel["modules"].walk_()
    }
    with pytest.raises(AmbiguousSymbolError, match=f"{len(own)} symbols are .* __this_module"):
        kernel.symbol("__this_module")
    for name, address in own.items():
        assert kernel.symbol(f"{name}:__this_module") == address
    before, after = kernel.modules.symbols_around(kernel.symbol("btfsample:sample_root"))
    assert before or after
    for near in filter(None, (before, after)):
        assert kernel.symbolize(kernel.symbol(f"btfsample:{near}")) is not None


def test_a_string_table_that_no_module_has(patched, poke):
    """What the offsets of names claim is not believed without bounds."""
    first = next(iter(patched["modules"].walk_()))
    row = first.kallsyms.symtab[int(first.kallsyms.num_symtab) - 1]
    poke(row.st_name, 0xFFFF_FFFF)
    patched.forget()
    assert patched.symbol("vmlinux:init_task")
    assert any("no string table has 4294967295" in p for p in patched.modules.problems)
