"""Structs that are only declared where a pointer leads to them: followed wherever others are."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest

from btfdump._api.kernel import Kernel
from btfdump._btf import Btf, BtfBuilder, types
from btfdump._graph.events import Enter
from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._targets.buffer import BufferTarget
from tests.support.hot_readers import assert_same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._kernel.value import Value

PLACE = 0x1000


def roots_of(*, is_in_module: bool = False, is_split: bool = False) -> list[Value]:
    """Return twenty objects that lead to structs which their own BTF may only declare.

    With `is_split`, none does: what everything else is compared with.
    """
    b = BtfBuilder()
    u32, ulong = b.int_("unsigned int", 4), b.int_("unsigned long", 8)
    foo = b.next_id if is_split else b.fwd("foo")
    to_foo = b.next_id + 1 if is_split else b.ptr(foo)
    if is_split:
        b.struct("foo", 16, [("id", u32, 0), ("x", u32, 32), ("back", to_foo, 64)])
        assert b.ptr(foo) == to_foo
    percpu = b.ptr(b.type_tag("percpu", foo))
    to_many = b.ptr(to_foo)
    root = b.struct(
        "root",
        56,
        [
            ("one", to_foo, 0),
            ("many", b.array(to_foo, ulong, 2), 64),
            ("n", ulong, 192),
            ("counted", to_many, 256),
            ("elements", to_foo, 320),
            ("percpu", percpu, 384),
        ],
    )
    for index in (3, 4):
        b.decl_tag("len:n", root, index)
    b.struct("plain", 8, [("one", to_foo, 0)])
    modules: Sequence[Btf] = ()
    if not is_in_module and not is_split:
        b.struct("foo", 16, [("id", u32, 0), ("x", u32, 32), ("back", to_foo, 64)])
    btf = Btf.from_bytes(b.build())
    if is_in_module:
        split = BtfBuilder(base=btf)
        split.struct("foo", 16, [("id", u32, 0), ("x", u32, 32), ("back", to_foo, 64)])
        modules = [Btf.from_bytes(split.build(), base=btf, name="mod")]
    target = BufferTarget()
    for i in range(20):
        at = PLACE + i * 0x100
        foos = [0x10000 + at + 16 * k for k in range(6)]
        target.write(at, pack("<7Q", foos[0], *foos[1:3], 2, at + 64, foos[3], foos[5]))
        target.write(at + 64, pack("<2Q", *foos[1:3]))
        for k, address in enumerate(foos):
            target.write(address, pack("<IIQ", i + k + 1, 9, address))
    kernel = Kernel(target, btf)
    kernel.modules = Declared(modules)  # type: ignore[assignment]
    return [kernel.value("struct root", PLACE + i * 0x100) for i in range(20)]


class Declared:
    """The modules of a kernel; `asked` are the names that were looked for in them."""

    def __init__(self, btfs: Sequence[Btf]) -> None:
        self.found = btfs
        self.asked: list[str] = []

    def btfs(self) -> Sequence[Btf]:
        return self.found

    def symbolize(self, address: int) -> None:
        del address

    def naming(self, name: str) -> Sequence[Btf]:
        self.asked.append(name)
        return self.found


WHERE = pytest.mark.parametrize("is_in_module", [False, True], ids=["own", "module"])


@WHERE
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("format_", ["text", "tree", "json"])
def test_a_declared_struct_is_shown_like_any_other(
    is_in_module: bool, depth: int, format_: str
) -> None:
    """Behind a pointer, an array of them, one that is counted, as elements, and on each CPU."""
    limits = Limits(depth=depth)
    shown = [
        ["".join(root._context_.dump(root, format_, limits=limits)) for root in roots]  # type: ignore[attr-defined]
        for roots in (roots_of(is_in_module=is_in_module), roots_of(is_split=True))
    ]
    assert shown[0] == shown[1]
    assert shown[0][0].count("foo") > 6


@WHERE
def test_a_library_is_given_the_same(is_in_module: bool) -> None:
    root, *_ = roots_of(is_in_module=is_in_module)
    assert int(root.one.id) == 1
    assert [int(each.id) for each in root.many] == [2, 3]
    assert list(root.counted.project_("id")) == [(2,), (3,)]
    assert [int(each.id) for each in root.elements.walk_()] == [4, 5]
    kernel = root._context_
    assert isinstance(kernel, Kernel)
    assert int(kernel.per_cpu(root.percpu, 0).id) == 6


@WHERE
@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_hot_types_lead_to_the_same(is_in_module: bool, format_: str, depth: int) -> None:
    roots = roots_of(is_in_module=is_in_module)
    kernel = roots[0]._context_
    assert isinstance(kernel, Kernel)
    assert_same(kernel, roots, format_, limits=Limits(depth=depth))
    for members in (["one.id", "many"], ["one.back.x"]):
        how = {"limits": Limits(depth=depth), "members": selection_of(members)}
        assert_same(kernel, roots, format_, **how)
    assert_same(kernel, roots, format_, follow=frozenset({("one", "back")}))


@pytest.mark.parametrize("depth", [0, 1])
def test_modules_are_asked_where_something_is_followed(depth: int) -> None:
    kernel = roots_of(is_in_module=True)[0]._context_
    assert isinstance(kernel, Kernel)
    modules = kernel.modules
    assert isinstance(modules, Declared)
    plain = kernel.value("struct plain", PLACE)
    modules.asked.clear()
    events = list(traverse(plain, Limits(depth=depth)))
    assert modules.asked.count("foo") == depth
    assert sum(isinstance(event, Enter) for event in events) == 1 + depth


def test_what_is_not_followed_is_counted() -> None:
    """As for other structs: the pointer `one`, and what is in an array is told by its elements."""
    for roots in (roots_of(), roots_of(is_split=True)):
        enter = next(iter(traverse(roots[0], Limits())))
        assert isinstance(enter, Enter)
        assert enter.unfollowed == 2  # one, percpu


def test_a_pointer_back_is_marked() -> None:
    root, *_ = roots_of()
    foo = root.one.deref_()
    kernel = root._context_
    assert isinstance(kernel, Kernel)
    assert "cycle: this is inside it" in "".join(kernel.dump(foo))


def test_a_program_defines_what_its_kernel_does_not() -> None:
    """A BTF based on none declares and defines a struct; vmlinux has none of that name."""
    roots = roots_of()
    program = roots[0].type_.btf
    kernel = Kernel(BufferTarget(), Btf.from_bytes(BtfBuilder().build()))
    (declared,) = program.find_all("fwd", "foo")
    assert isinstance(kernel.definitions.near(declared), types.Struct)


def test_a_programs_struct_stands_for_the_kernels_own():
    """By name, without a flavor, and only where more than half of its members are the kernel's."""
    kernel = BtfBuilder()
    int_ = kernel.int_("int", 4)
    kernel.struct("task", 12, [("pid", int_, 0), ("tgid", int_, 32), ("comm", int_, 64)])
    context = Kernel(BufferTarget(), kernel.parse())
    program = BtfBuilder()
    int_ = program.int_("int", 4)
    program.struct("task___mine", 8, [("pid", int_, 0), ("tgid", int_, 32)])
    program.struct("task", 12, [("pid", int_, 0), ("mine", int_, 32), ("own", int_, 64)])
    program.fwd("task")
    program.struct("other", 4, [("pid", int_, 0)])
    flavor, different, ahead, other = (program.parse().type(n) for n in range(2, 6))
    real, near = context.type("struct task"), context.definitions.near
    assert near(flavor) is near(ahead) is real
    assert near(different) is different
    assert near(other) is other
    assert near(real) is real  # it is the kernel's own
