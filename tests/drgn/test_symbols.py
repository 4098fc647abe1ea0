from __future__ import annotations

import pytest
from drgn import SymbolBinding, SymbolKind

from tests.support.drgn_programs import DOUBT


def test_a_symbol_by_its_name(program) -> None:
    prog = program("stock")
    schedule = prog.symbol("schedule")
    assert (schedule.kind, schedule.binding) == (SymbolKind.FUNC, SymbolBinding.GLOBAL)
    task = prog.symbol("init_task")
    assert (task.kind, task.size > 1000) == (SymbolKind.OBJECT, True)
    assert task.address == prog["init_task"].address_
    with pytest.raises(LookupError):
        prog.symbol("no_such_symbol")


def test_a_symbol_by_an_address_within_it(program) -> None:
    prog = program("stock")
    start = prog.symbol("schedule").address
    assert prog.symbol(start + 5) == prog.symbol("schedule")


@pytest.mark.parametrize(
    ("asked", "better"), [("__sched_text_start", "__switch_to"), ("_stext", "")]
)
def test_of_several_names_of_an_address_that_is_told_which_a_person_expects(
    program, asked, better
) -> None:
    prog = program("stock")
    address = prog.symbol(asked).address
    shared = {symbol.name for symbol in prog.symbols() if symbol.address == address}
    assert asked in shared
    if better in shared:
        assert prog.symbol(address).name == better


def test_no_small_address_has_the_name_of_a_per_cpu_variable(program) -> None:
    prog = program("stock")
    address = prog.symbol("runqueues").address
    assert address < 1 << 20
    for small in (0, 8, 0x28, address, address + 8):
        with pytest.raises(LookupError):
            prog.symbol(small)


def test_a_static_name_that_several_have_is_refused_where_one_is_wanted(program) -> None:
    prog = program("stock")
    with pytest.raises(DOUBT, match=r"symbols are called attr_group.*; say which"):
        prog.symbol("attr_group")
    assert len(prog.symbols("attr_group")) > 1


def test_symbols_of_modules(program) -> None:
    prog = program("tagged")
    for module in prog.modules():
        if module.name != "btfsample":
            continue
        start, end = module.address_ranges[0]
        inside = [symbol for symbol in prog.symbols() if start <= symbol.address < end]
        functions = [s for s in inside if s.kind == SymbolKind.FUNC and s.size]
        assert functions
        for symbol in functions:
            assert prog.symbol(symbol.address + symbol.size - 1).address == symbol.address
        with pytest.raises(DOUBT, match="symbols of modules are called __this_module"):
            prog.symbol("__this_module")
        return
    pytest.fail("btfsample is not loaded")


def test_all_symbols_are_listed(program) -> None:
    prog = program("stock")
    found = prog.symbols()
    assert len(found) > 90_000
    names = {symbol.name for symbol in found}
    assert {"schedule", "init_task", "runqueues"} < names
    at = prog.symbol("schedule").address
    assert [symbol.name for symbol in prog.symbols(at)] == ["schedule"]
