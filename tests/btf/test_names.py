"""C spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._btf import BtfBuilder, declare, essential_name, spell
from tests.support.effort import effort

if TYPE_CHECKING:
    from collections.abc import Callable


class Sample(BtfBuilder):
    """A builder with a few types to spell others of."""

    def __init__(self) -> None:
        super().__init__()
        self.int = self.int_("int", 4, signed=True)
        self.char = self.int_("char", 1)
        self.foo = self.struct("foo", 8)
        self.inode, self.file = self.struct("inode", 8), self.struct("file", 8)

    def open(self) -> int:
        pointers = [("inode", self.ptr(self.inode)), ("file", self.ptr(self.file))]
        return self.func_proto(self.int, pointers)


@pytest.mark.parametrize(
    ("make", "spelling", "declaration"),
    [
        (lambda b: 0, "void", "void x"),
        (lambda b: b.int, "int", "int x"),
        (lambda b: b.foo, "struct foo", "struct foo x"),
        (lambda b: b.struct("", 4), "struct {...}", "struct {...} x"),
        (lambda b: b.union("u", 4), "union u", "union u x"),
        (lambda b: b.union("", 4), "union {...}", "union {...} x"),
        (lambda b: b.enum("e"), "enum e", "enum e x"),
        (lambda b: b.enum64(""), "enum {...}", "enum {...} x"),
        (lambda b: b.fwd("s"), "struct s", "struct s x"),
        (lambda b: b.fwd("s", union=True), "union s", "union s x"),
        (lambda b: b.typedef("u32", b.int), "u32", "u32 x"),
        (lambda b: b.float_("double", 8), "double", "double x"),
        (lambda b: b.ptr(0), "void *", "void *x"),
        (lambda b: b.ptr(b.ptr(b.foo)), "struct foo **", "struct foo **x"),
        (lambda b: b.ptr(b.const(b.char)), "const char *", "const char *x"),
        (lambda b: b.const(b.ptr(b.char)), "char * const", "char * const x"),
        (
            lambda b: b.const(b.volatile(b.const(b.int))),
            "const volatile int",
            "const volatile int x",
        ),
        (
            lambda b: b.restrict(b.ptr(b.const(b.char))),
            "const char * restrict",
            "const char * restrict x",
        ),
        (lambda b: b.array(b.char, 16), "char[16]", "char x[16]"),
        (lambda b: b.array(b.array(b.char, 3), 2), "char[2][3]", "char x[2][3]"),
        (lambda b: b.array(b.ptr(b.foo), 4), "struct foo *[4]", "struct foo *x[4]"),
        (lambda b: b.ptr(b.array(b.char, 4)), "char (*)[4]", "char (*x)[4]"),
        (lambda b: b.const(b.array(b.char, 4)), "const char[4]", "const char x[4]"),
        (
            lambda b: b.ptr(b.open()),
            "int (*)(struct inode *, struct file *)",
            "int (*x)(struct inode *, struct file *)",
        ),
        (
            lambda b: b.open(),
            "int (struct inode *, struct file *)",
            "int x(struct inode *, struct file *)",
        ),
        (lambda b: b.ptr(b.func_proto(0)), "void (*)(void)", "void (*x)(void)"),
        (
            lambda b: b.ptr(b.func_proto(b.int, [("fmt", b.ptr(b.char))], variadic=True)),
            "int (*)(char *, ...)",
            "int (*x)(char *, ...)",
        ),
        (
            lambda b: b.ptr(b.func_proto(b.ptr(b.func_proto(0, [("", b.char)])), [("", b.int)])),
            "void (*(*)(int))(char)",
            "void (*(*x)(int))(char)",
        ),
        (
            lambda b: b.array(b.ptr(b.func_proto(0, [("cb", b.ptr(b.func_proto(0)))])), 2),
            "void (*[2])(void (*)(void))",
            "void (*x[2])(void (*)(void))",
        ),
        (
            lambda b: b.ptr(b.type_tag("rcu", b.foo)),
            "struct foo __rcu *",
            "struct foo __rcu *x",
        ),
        (
            lambda b: b.ptr(b.type_tag("percpu", b.type_tag("user", b.const(b.foo)))),
            "const struct foo __percpu __user *",
            "const struct foo __percpu __user *x",
        ),
        (
            lambda b: b.ptr(b.type_tag("user", b.ptr(b.char))),
            "char * __user *",
            "char * __user *x",
        ),
        (
            lambda b: b.ptr(b.type_tag("address_space(1)", b.int, attribute=True)),
            "int __attribute__((address_space(1))) *",
            "int __attribute__((address_space(1))) *x",
        ),
        (
            lambda b: b.func("vfs_open", b.open()),
            "int vfs_open(struct inode *, struct file *)",
            "int x(struct inode *, struct file *)",
        ),
        (lambda b: b.var("jiffies", b.int), "int jiffies", "int x"),
        (lambda b: b.datasec(".data"), ".data", ".data x"),
        (
            lambda b: b.decl_tag("a:b", b.foo),
            '__attribute__((btf_decl_tag("a:b")))',
            '__attribute__((btf_decl_tag("a:b"))) x',
        ),
        (lambda b: b.typedef("", b.int), "<anonymous typedef>", "<anonymous typedef> x"),
    ],
)
def test_spelling(make: Callable[[Sample], int], spelling: str, declaration: str) -> None:
    b = Sample()
    type_id = make(b)
    btf = b.parse()
    assert spell(btf.type(type_id)) == str(btf.type(type_id)) == btf.spell(type_id) == spelling
    assert declare(btf.type(type_id), "x") == declaration


def test_bit_fields() -> None:
    b = Sample()
    type_ = b.parse().type(b.int)
    assert declare(type_, "lo", 3) == "int lo:3"
    assert declare(type_, "", 3) == "int:3"


def test_loops_are_cut() -> None:
    b = BtfBuilder()
    b.ptr(1)
    b.typedef("t", b.next_id + 1)
    b.const(b.next_id)
    b.func_proto(b.next_id, [("self", b.next_id)])
    btf = b.parse()
    pointer, typedef, const, proto = map(str, btf.iter_types())
    assert (pointer, typedef, const) == ("... *", "t", "const ...")
    assert proto == "... (" * 8 + "... (...)" + ")" * 8


def test_prototypes_within_prototypes_are_cut() -> None:
    b = BtfBuilder()
    proto = b.func_proto(0, [("", b.next_id + 1)] * 50)
    b.ptr(proto)
    text = str(b.parse().type(proto))
    assert text.startswith("void (void (*)(void (*)(")
    assert "..." in text
    assert len(text) < 5000


def test_spelling_every_type_of_many_prototypes_ends_soon() -> None:
    """Two thousand types were visited for the spelling of each."""
    b = BtfBuilder()
    last = 0
    for _ in range(100):
        pointer = b.ptr(last)
        last = b.func_proto(pointer, [("", pointer)] * 3)
    btf = b.parse()
    with effort(4_000_000):
        for type_ in btf.iter_types():
            str(type_)


def test_deep_declarators_are_cut() -> None:
    b = BtfBuilder()
    last = 0
    for _ in range(10_000):
        last = b.ptr(last)
    text = str(b.parse().type(last))
    assert text.startswith("... ***")
    assert len(text) < 1000


def test_endless_names_are_cut() -> None:
    b = BtfBuilder()
    s = b.struct("s" * 100_000, 4)
    proto = b.func_proto(s, [("", s)] * 100)
    text = str(b.parse().type(proto))
    assert text.startswith("struct sss")
    assert text.endswith("ss...)")
    assert len(text) < 60_000


@pytest.mark.parametrize(
    ("name", "essential"),
    [
        ("task_struct", "task_struct"),
        ("task_struct___old", "task_struct"),
        ("task_struct___v2___x", "task_struct___v2"),
        ("a____b", "a____b"),
        ("___x", "___x"),
        ("x___", "x___"),
        ("", ""),
    ],
)
def test_essential_name(name: str, essential: str) -> None:
    assert essential_name(name) == essential
