"""A whole BTF as a header in C: compiled, and compared with the BTF in every member."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from btfdump._btf import Btf, BtfBuilder
from btfdump._btf.c.header import header
from tests.support.compiled_header import compile_header, differences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel


@pytest.fixture
def builder() -> BtfBuilder:
    b = BtfBuilder()
    b.int_("long unsigned int", 8)
    b.int_("int", 4, signed=True)
    b.int_("char", 1, signed=True)
    return b


LONG, INT, CHAR = 1, 2, 3


def written(b: BtfBuilder) -> str:
    return "".join(header(Btf.from_bytes(b.build())))


def compiles(b: BtfBuilder, folder: Path) -> str:
    """Return the header, which a compiler takes and lays out as the BTF says."""
    btf = Btf.from_bytes(b.build())
    text = "".join(header(btf))
    count, found = differences(btf, compile_header(text, folder))
    assert found == []
    assert count
    return text


@pytest.mark.parametrize(
    ("kernel", "module", "least"),
    [("tagged", "btfsample", 5000), ("s390x", "", 6000), ("stock-7.3", "overlay", 9000)],
)
def test_every_struct_of_a_kernel_is_laid_out_the_same(
    kernel: str, module: str, least: int, opened: Callable[[str], Kernel], tmp_path: Path
) -> None:
    """Big-endian as well: members come in the order of memory, so do the bits of bit fields."""
    btf = opened(kernel).btf
    if module:
        (btf,) = (one for one in opened(kernel).modules.btfs() if one.name == module)
    compared, found = differences(btf, compile_header("".join(header(btf)), tmp_path))
    if kernel == "s390x":  # which has a va_list of 32 bytes: compilers bring their own
        assert found.pop(0) == "struct warn_args: 40 bytes, compiled 32"
    assert found == []
    assert compared > least


def test_programs_in_bpf_can_include_it(opened: Callable[[str], Kernel], tmp_path: Path) -> None:
    """With clang for that target, which knows the attributes."""
    clang = shutil.which("clang-16")
    if clang is None:  # what compiles C for this machine was tried above
        return
    text = "".join(header(opened("tagged").btf)) + (
        "\n#ifdef __VMLINUX_H_PRESERVES_ACCESS_INDEX\n#error it is undefined at the end\n#endif\n"
        "unsigned long offset(struct task_struct *t) { return t->start_time; }\n"
    )
    out = compile_header(text, tmp_path, "-target", "bpf", "-O2", "-g", "-c", program=clang)
    assert b"preserve" not in out.read_bytes()[:4]


def test_c_of_another_year(opened: Callable[[str], Kernel], tmp_path: Path) -> None:
    """In C23 bool, true and false are words of the language."""
    from tests.support.compiled_header import compiler

    text = "".join(header(opened("tagged").btf))
    for year in ("gnu99", "gnu11", "gnu2x"):
        options = ("-fsyntax-only", f"-std={year}", "-w")
        compile_header(text, tmp_path, *options, program=compiler())


def test_gaps_packing_and_alignment(builder: BtfBuilder, tmp_path: Path) -> None:
    b = builder
    b.struct("plain", 16, [("a", CHAR, 0), ("b", LONG, 64)])
    b.struct("gap", 64, [("a", INT, 0), ("b", INT, 192)])
    b.struct("packed", 12, [("a", INT, 0), ("b", LONG, 32)])
    b.struct("late", 4096, [("a", CHAR, 0)])
    b.struct("nothing", 24, [])
    b.struct("bits", 8, [("a", INT, 3, 5), ("b", INT, 30, 2), ("c", LONG, 33, 20)])
    b.struct("tight", 9, [("a", INT, 0, 20), ("b", INT, 20, 20), ("c", INT, 40, 32)])
    b.union("wide", 64, [("a", INT, 0), ("b", CHAR, 0)])
    b.union("odd", 13, [("a", CHAR, 0)])
    text = compiles(b, tmp_path)
    assert "struct plain {\n\tchar a;\n\tlong unsigned int b;\n};" in text
    assert "struct packed {\n\tint a;\n\tlong unsigned int b;\n} __attribute__((packed));" in text
    assert "\tunsigned char __padding[4095];\n" in text
    assert "} __attribute__((aligned(64)));" in text


def test_members_without_a_name_of_a_struct_with_one(builder: BtfBuilder, tmp_path: Path) -> None:
    """As -fms-extensions allows them: without it, C would declare nothing there."""
    b = builder
    head = b.struct("head", 8, [("refs", INT, 0)])
    b.struct("filename", 24, [("", b.const(head), 0), ("name", LONG, 64), ("", INT, 128)])
    text = "".join(header(Btf.from_bytes(b.build())))
    text += "int refs(struct filename *f) { return f->refs; }\n"
    compile_header(text, tmp_path)
    assert "\tstruct {\n\t\tint refs;\n\t\tint: 32;\n\t};\n" in text
    assert "int __anonymous_2; /* it has no name */" in text


def test_what_is_needed_comes_first(builder: BtfBuilder, tmp_path: Path) -> None:
    b = builder
    outer = b.next_id
    b.struct("outer", 24, [("in", outer + 1, 0), ("to", outer + 3, 64), ("n", outer + 5, 128)])
    b.struct("inner", 8, [("back", outer + 4, 0)])
    b.struct("other", 8, [("up", outer + 4, 0)])
    b.ptr(outer + 2)
    b.ptr(outer)
    b.typedef("number", LONG)
    text = compiles(b, tmp_path)
    places = [
        text.index(one)
        for one in ("struct outer;", "struct inner {", "struct other;", "struct outer {")
    ]
    assert places == sorted(places)
    assert text.index("typedef long unsigned int number;") < text.index("struct outer {")


def test_types_of_one_name_get_flavors_and_copies_do_not(
    builder: BtfBuilder, tmp_path: Path
) -> None:
    b = builder
    b.struct("twin", 4, [("a", INT, 0)])
    second = b.struct("twin", 8, [("a", LONG, 0)])
    b.struct("twin", 4, [("a", INT, 0)])
    b.struct("has", 8, [("it", second, 0)])
    b.fwd("twin")
    b.enum("e", [("ONE", 1), ("TWO", 2)])
    b.enum("f", [("ONE", 1)])
    text = compiles(b, tmp_path)
    assert text.count("struct twin {") == 1
    assert text.count("struct twin___2 {") == 1
    assert "twin___3" not in text
    assert "struct twin___2 it;" in text
    assert "ONE___2 = 1, /* ONE */" in text


def test_names_that_are_none_in_c_cannot_break_out(builder: BtfBuilder, tmp_path: Path) -> None:
    b = builder
    b.struct("a */ int x; /*\n#error no\n", 8, [("m */\nint y;", INT, 0), ("int", INT, 32)])
    b.enum("e */ }", [("A */ };", 1), ("true", 2), ("A */ };", 3), ("NEG", -(1 << 31))])
    b.typedef('t"; int z; /*', b.ptr(b.type_tag('x") evil(\\', INT)))
    b.typedef("u", b.ptr(b.type_tag("noreturn)) evil((", INT, attribute=True)))
    b.struct("s", 8, [("o", b.int_("int; } evil {", 8), 0)])
    text = compiles(b, tmp_path)
    assert not [line for line in text.splitlines() if line.startswith("#error")]
    assert "int x; / *\\x0a#error no\\x0a */ {" in text
    assert '__btf_type_tag("x\\") evil(\\\\") *t___' in text
    assert "/* attribute noreturn)) evil(( */" in text


def test_what_no_compiler_makes_stands_as_bytes(builder: BtfBuilder, tmp_path: Path) -> None:
    b = builder
    b.struct("self", 8, [("x", b.next_id, 0)])
    b.typedef("loop", b.next_id)
    b.struct("over", 4, [("a", INT, 0), ("b", INT, 16)])
    deep = INT
    for _ in range(60):
        deep = b.struct("", 4, [("", deep, 0)])
    b.struct("deep", 4, [("", deep, 0)])
    double = CHAR
    for _ in range(40):
        double = b.union("", 1, [("a", double, 0), ("b", double, 0)])
    b.struct("bomb", 1, [("", double, 0)])
    # A struct without a name that leads to itself.
    first = b.next_id
    b.struct("", 16, [("p", first + 1, 0), ("q", first + 3, 64)])
    b.ptr(first)
    b.ptr(b.func_proto(0, [("", first + 1)]))
    b.typedef("circle", first)
    text = written(b)
    compile_header(text, tmp_path)
    assert text.count("unsigned char __opaque[") == 4
    assert "/* it contains itself, or more than its bytes hold */" in text


def test_bit_fields_that_c_does_not_have(builder: BtfBuilder, tmp_path: Path) -> None:
    """Of nothing, of a struct, and wider than their type: a union's too."""
    b = builder
    nothing = b.struct("nothing", 0, [])
    point = b.struct("point", 4, [("x", INT, 0)])
    for type_, width in ((nothing, 1), (point, 3), (CHAR, 9)):
        b.struct("bits", 4, [("a", type_, 0, width)])
        b.union("bits", 4, [("a", type_, 0, width)])
    text = written(b)
    compile_header(text, tmp_path)
    assert text.count("it has members that C cannot put where they are") == 6


def test_a_part_is_what_is_wanted_and_what_that_needs(
    opened: Callable[[str], Kernel], tmp_path: Path
) -> None:
    btf = opened("tagged").btf
    text = "".join(header(btf, [btf.find("struct", "file_operations")]))
    compile_header(text, tmp_path)
    assert "struct file_operations {" in text
    assert "struct task_struct {" not in text
    assert len(text) < 20_000
