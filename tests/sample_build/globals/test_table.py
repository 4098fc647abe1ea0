"""From the variables of several kernels to the table, and how it is measured."""

from __future__ import annotations

import drgn
import pytest

from btfdump._annotate.global_types import Choice, GlobalTypes
from btfdump._btf import BtfBuilder
from sample_dumps.build.globals import command
from sample_dumps.build.globals.dwarf import Symbol, Variable, Vmlinux
from sample_dumps.build.globals.helpers import asked_for
from sample_dumps.build.globals.measure import measure
from sample_dumps.build.globals.sources import HELD_OUT, SOURCES, DebugPackage
from sample_dumps.build.globals.spelling import flat_length, spell
from sample_dumps.build.globals.table import make_table

PACKAGES = [
    DebugPackage("6.1", "amd64", "linux-image-6.1", "6.1.50-1"),
    DebugPackage("6.12", "amd64", "linux-image-6.12", "6.12.50-1"),
]


def kernel(release: str, *variables: tuple[str, str], start: int = 0x1000) -> Vmlinux:
    """A kernel that has these variables, of 16 bytes each."""
    symbols, typed = [], []
    for number, (name, type_) in enumerate(variables):
        address = start + 16 * number
        symbols.append(Symbol(name, address, 8, 1, True, ""))
        typed.append(Variable(name, address, 8, type_, None))
    symbols.append(Symbol("_end", start + 16 * len(variables), 0, 0, True, ""))
    return Vmlinux(release, "x86_64", symbols, typed, [])


def table_of(*kernels: Vmlinux) -> GlobalTypes:
    return GlobalTypes(make_table(list(zip(PACKAGES, kernels, strict=False))))


def test_types_are_kept_with_the_kernels_that_have_them():
    one = kernel("6.1.0", ("same", "int"), ("changed", "spinlock_t"), ("gone", "u8"))
    other = kernel("6.12.0", ("changed", "struct mutex"), ("same", "int"), ("new", "u8"))
    table = table_of(one, other)
    assert table.find("same") == (Choice("int", (0, 1)),)
    assert table.find("changed") == (Choice("spinlock_t", (0,)), Choice("struct mutex", (1,)))
    assert table.find("gone") == (Choice("u8", (0,)),)
    assert table.find("new") == (Choice("u8", (1,)),)
    assert [source.release for source in table.sources] == ["6.1.0", "6.12.0"]


def test_what_macros_name_alike_is_a_family_but_for_exceptions():
    names = [(f"__tracepoint_{n}", "struct tracepoint") for n in range(3)]
    table = table_of(kernel("6.1.0", *names, ("__tracepoint_odd", "int")))
    assert table.names() == ["__tracepoint_odd"]
    assert table.find("__tracepoint_other") == (Choice("struct tracepoint", (0,)),)
    assert table.find("__tracepoint_odd") == (Choice("int", (0,)),)


def test_measure():
    b = BtfBuilder()
    b.int_("int", 4, signed=True)
    b.int_("u8", 1)
    truth = kernel(
        "6.12.50",
        *(("same", "int"), ("different", "int"), ("unknown", "int"), ("refused", "int")),
        *(("twice", "int"), ("twice", "int")),
    )
    known = kernel(
        "6.12.0", ("same", "int"), ("different", "u8"), ("refused", "struct gone"), ("twice", "int")
    )
    found = measure(truth, b.build(), table_of(kernel("6.1.0"), known))
    assert (found.same, found.unknown, found.shared, found.total) == (1, ["unknown"], 2, 4)
    assert found.different == {"different": "u8 (6.12), not int"}
    assert "no struct gone" in found.refused["refused"]


@pytest.mark.parametrize(
    ("text", "spelled", "length"),
    [
        ("int", "int", None),
        ("const char *const [3]", "char*[]", 3),
        ("volatile unsigned long [2][5]", "unsigned long[][]", 10),
        ("void (*[4])(int, char *)", "void(int,char*)*[]", 4),
        ("int (*)(void)", "int()*", None),
    ],
)
def test_spelling(text, spelled, length):
    program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    if "(" in text:
        integer = program.int_type("int", 4, True)
        char = program.int_type("char", 1, True)
        params = [] if "void)" in text else [integer, program.pointer_type(char)]
        returns = program.void_type() if text.startswith("void") else integer
        function = program.function_type(returns, [drgn.TypeParameter(p) for p in params])
        type_ = program.pointer_type(function)
        if length:
            type_ = program.array_type(type_, length)
    else:
        type_ = program.type(text)
    assert (spell(type_), flat_length(type_)) == (spelled, length)


def test_spelling_without_names():
    program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    integer = program.int_type("int", 4, True)
    inner = program.struct_type(None, 4, [drgn.TypeMember(integer, "x")])
    outer = [drgn.TypeMember(integer, "seq"), drgn.TypeMember(inner, bit_offset=32)]
    assert spell(program.struct_type(None, 8, outer)) == "struct{seq,}"
    enumerators = [drgn.TypeEnumerator("A", 0), drgn.TypeEnumerator("B", 1)]
    assert spell(program.enum_type(None, integer, enumerators)) == "enum{A,B}"


def test_no_kernel_is_both_read_and_measured():
    assert not {p.version for p in HELD_OUT if p.package in {s.package for s in SOURCES}}
    assert {"5.10", "6.1", "6.12", "7.3"} <= {source.series for source in SOURCES}


def test_what_drgns_helpers_ask_for():
    assert {"init_task", "runqueues", "tk_core", "prb", "swapper_spaces"} <= {*asked_for()}


def test_a_table_that_is_not_there_is_not_measured(tmp_path, capsys):
    missing = tmp_path / "none.table"
    assert command.run(missing, measures=True, leave_out=False, only_list=False) == 2
    assert "no such table to measure; make it first" in capsys.readouterr().err
