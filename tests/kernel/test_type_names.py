"""Types by what users call them: in vmlinux, in modules, and where several have the name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core
from btfdump._btf import BtfBuilder
from btfdump._btf.types import Struct
from btfdump._kernel.context import Context
from btfdump._kernel.type_names import TypeNames
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import AmbiguousTypeError, ExpressionError, TypeNotFoundError
from tests.support.loaded_modules import load
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def adapter(*members: str) -> Any:
    """Return what gives a module a `struct adapter` of these members, and what it needs."""

    def fill(b: BtfBuilder) -> None:
        u32 = b.int_("u32", 4)
        b.struct("adapter", 4 * len(members), [(m, u32, 32 * n) for n, m in enumerate(members)])
        b.typedef("adapter_t", b.next_id - 1)

    return fill


@pytest.fixture
def world() -> World:
    world = World()
    world.struct("item", [("id", "int"), ("next", "struct item *"), ("count", "u64")])
    world.struct("task_struct", [("pid", "int"), ("comm", "char[16]")])
    return world


@pytest.mark.parametrize(
    "text",
    [
        "",
        "struct",
        "struct ???",
        "struct a@b",
        "u8[x]",
        "u8[]",
        "u8[010]",
        "u8[99999999999]",
        f"u8[{'9' * 5000}]",
        "u8[4294967296]",
        "u8[1]x",
        "(*)[3]",
        "u8 *********",
        "a:b:c",
    ],
)
def test_what_is_no_name(text):
    with pytest.raises((ExpressionError, TypeNotFoundError)):
        World().kernel().type(text)


def test_a_void_pointer_is_a_value(world):
    holder = world.room(16)
    world.point(holder, 0x1234)
    kernel = world.kernel()
    for spelled in ("void *", "const void *", "void **"):
        assert int(kernel.value(spelled, holder)) == 0x1234
    assert "(void *)0x1234" in "".join(kernel.dump(kernel.value("void *", holder)))
    for spelled in ("void", "void[2]"):
        with pytest.raises(ExpressionError, match="says nothing of what is there: say 'void \\*'"):
            kernel.value(spelled, holder)


def test_pointers_to_pointers_are_followed(world):
    address, holder, outer = world.new("item", id=5), world.room(8), world.room(8)
    world.point(holder, address)
    world.point(outer, holder)
    kernel = world.kernel()
    assert int(kernel.value("struct item **", outer).deref_().deref_().id) == 5
    assert int(kernel.value("struct item *[1]", holder)[0].id) == 5


def test_two_modules_have_different_structs(world):
    kernel = world.kernel()
    load(kernel, {"e1000": adapter("a"), "ixgbe": adapter("a", "b"), "ix-gbe": adapter("a")})
    with pytest.raises(AmbiguousTypeError) as caught:
        kernel.type("struct adapter")
    assert str(caught.value) == (
        "2 different types are called struct adapter: 'e1000:struct adapter' (4 bytes), "
        "'ixgbe:struct adapter' (8 bytes); say which"
    )
    for value in (lambda: kernel.value("struct adapter", 8), lambda: kernel.type("adapter_t *")):
        with pytest.raises(AmbiguousTypeError):
            value()
    assert kernel.value("ixgbe:struct adapter", 0x1000).b.address_ == 0x1004
    assert kernel.type("ixgbe:adapter_t").btf.name == "ixgbe"
    assert kernel.type("ix_gbe:struct adapter").btf.name == "ix-gbe"
    assert str(kernel.type("e1000:struct adapter *")) == "struct adapter *"


def test_copies_in_modules_are_one(world):
    kernel = world.kernel()
    load(kernel, {"e1000": adapter("a"), "ixgbe": adapter("a")})
    assert kernel.type("struct adapter").btf.name == "e1000"
    assert kernel.type("adapter_t").btf.name == "e1000"


def test_a_module_has_another_struct_of_a_name_of_vmlinux(world):
    def fill(b: BtfBuilder) -> None:
        b.struct("item", 4, [("id", b.int_("int", 4), 0)])

    kernel = world.kernel()
    modules = load(kernel, {"mine": fill})
    assert kernel.own_type("struct item").btf is kernel.btf
    assert modules.loads == 0  # the kernel's own types are found without them
    with pytest.raises(AmbiguousTypeError, match=r"'vmlinux:struct item' .*'mine:struct item'"):
        kernel.type("struct item")
    assert kernel.type("vmlinux:struct item").btf is kernel.btf
    assert kernel.type("mine:struct item").btf.name == "mine"
    assert kernel.own_type("mine:struct item").btf.name == "mine"


def test_scalars_are_those_of_vmlinux(world):
    kernel = world.kernel()
    modules = load(kernel, {"mine": lambda b: b.int_("int", 8)})
    assert kernel.type("int").btf is kernel.btf
    assert kernel.type("vmlinux:struct item") is kernel.type("vmlinux:struct item")
    assert modules.loads == 0


def test_one_of_several_in_one_btf():
    b = BtfBuilder()
    u32 = b.int_("u32", 4)
    for name in ("a", "a", "b"):
        b.struct("console", 4, [(name, u32, 0)])
    context = Context(BufferTarget({}), b.parse("vmlinux"))
    with pytest.raises(AmbiguousTypeError) as caught:
        context.type("struct console")
    assert str(caught.value) == (
        "2 different types are called struct console: 'struct console@2' (4 bytes), "
        "'struct console@4' (4 bytes); say which"
    )
    assert caught.value.type_ids == (2, 4)
    assert context.type("struct console@4") is context.btf.type(4)
    assert context.type("vmlinux:struct console@3") is context.btf.type(3)
    assert str(context.type("struct console@4 *")) == "struct console *"
    for text in ("struct console@1", "struct console@99", "union console@4", "struct other@4"):
        with pytest.raises(TypeNotFoundError, match="has type id"):
            context.type(text)


def test_ids_of_modules_overlap(world):
    kernel = world.kernel()
    load(kernel, {"e1000": adapter("a"), "ixgbe": adapter("a", "b")})
    type_id = kernel.type("e1000:struct adapter").id
    assert kernel.type("ixgbe:struct adapter").id == type_id
    with pytest.raises(AmbiguousTypeError):
        kernel.type(f"struct adapter@{type_id}")
    assert kernel.type(f"ixgbe:struct adapter@{type_id}").btf.name == "ixgbe"


def test_a_second_task_struct_that_is_the_same(world):
    """With it, not even `task` worked."""

    def fill(b: BtfBuilder) -> None:
        comm = b.array(b.int_("char", 1, signed=True), 16)
        pid = b.int_("int", 4, signed=True)
        b.struct("task_struct", 20, [("pid", pid, 0), ("comm", comm, 32)])

    fill(world.b)
    kernel = world.kernel()
    load(kernel, {"mine": fill})
    assert len(kernel.btf.find_all("struct", "task_struct")) == 2
    assert kernel.type("struct task_struct") is kernel.btf.find_all("struct", "task_struct")[0]
    assert kernel.own_type("struct task_struct") is kernel.type("struct task_struct")


def test_what_is_not_there(world):
    kernel = world.kernel()
    load(kernel, {"e1000": adapter("a")})
    with pytest.raises(TypeNotFoundError, match="no module nope with BTF is loaded; there are e1"):
        kernel.type("nope:struct item")
    with pytest.raises(TypeNotFoundError, match="no struct item in the BTF of e1000"):
        kernel.type("e1000:struct item")
    with pytest.raises(TypeNotFoundError, match="no struct nope in the BTF of this kernel or its"):
        kernel.type("struct nope")
    with pytest.raises(TypeNotFoundError, match="no type 'item'; there is a struct item"):
        kernel.type("item")


def test_a_kernel_that_keeps_no_types_of_its_modules(world):
    """As before Linux 5.11: there is no struct btf_module, and nothing is wrong."""
    kernel = world.kernel()
    with pytest.raises(
        TypeNotFoundError, match="no struct nope in the BTF of this kernel, which keeps"
    ):
        kernel.type("struct nope")
    with pytest.raises(TypeNotFoundError, match=r"'nft:struct nope': this kernel keeps no BTF"):
        kernel.type("nft:struct nope")
    with pytest.raises(TypeNotFoundError, match=r"no struct nope in the BTF of vmlinux"):
        kernel.type("vmlinux:struct nope")
    assert kernel.modules.btfs() == ()
    assert kernel.modules.problems == []


def test_without_modules(world):
    names = TypeNames(world.btf(), None)
    assert names.find("struct item") is names.find("vmlinux:struct item")
    with pytest.raises(TypeNotFoundError, match="no module e1000"):
        names.find("e1000:struct item")


def test_forgetting_modules_forgets_their_types(world):
    kernel = world.kernel()
    load(kernel, {"e1000": adapter("a")})
    assert kernel.type("struct adapter").btf.name == "e1000"
    load(kernel, {"ixgbe": adapter("a")})
    assert kernel.type("struct adapter").btf.name == "ixgbe"
    load(kernel, {})
    with pytest.raises(TypeNotFoundError):
        kernel.type("struct adapter")


def test_the_kernels_own_cannot_be_chosen(world):
    world.b.struct("item", 4, [])
    kernel = world.kernel()
    with pytest.raises(AmbiguousTypeError, match="the kernel's own is needed, and nothing tells"):
        kernel.own_type("struct item")


def test_modules_that_do_not_have_the_name_are_not_parsed(sample: Callable[[str], Path]) -> None:
    """A kernel may have hundreds: a name is searched for in their bytes."""
    with open_core(sample("tagged")) as kernel:
        modules = kernel.modules
        assert isinstance(kernel.type("struct sample_root"), Struct)
        assert kernel.type("btfsample:struct sample_root") is kernel.type("struct sample_root")
        with pytest.raises(TypeNotFoundError):
            kernel.type("dummy:struct sample_root")
        parsed = {btf.name for found in modules._naming.values() for btf in found}
        assert parsed == {"btfsample"}
