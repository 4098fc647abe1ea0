"""The kfunc registry: of real kernels, and made by hand in every layout it has had."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.kfuncs import DTOR, Kfunc, find_kfuncs, find_tagged_kfuncs, has_registry
from btfdump._bpf.struct_ops import find_struct_ops_types
from btfdump._btf import BtfBuilder
from btfdump._kernel.notes import Note, without_notes
from btfdump._kernel.value import Value
from btfdump._roots import Query
from btfdump._roots.kfuncs import list_kfuncs
from btfdump.errors import CorruptDataError, SymbolNotFoundError
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._btf.wire import ByteOrder


# enum btf_kfunc_hook (kernel/bpf/btf.c) of 6.12
HOOKS = (
    "common",
    "xdp",
    "tc",
    "struct_ops",
    "tracing",
    "syscall",
    "fmodret",
    "cgroup",
    "sched_act",
    "sk_skb",
    "socket_filter",
    "lwt",
    "netfilter",
    "kprobe",
)
SAMPLES = ("tagged", "stock", "s390x")


def kfuncs(kernel: Kernel) -> list[Kfunc]:
    return list(without_notes(find_kfuncs(kernel)))


@pytest.mark.parametrize("name", SAMPLES)
def test_what_kernels_of_6_12_register(opened: Callable[[str], Kernel], name: str) -> None:
    """As BTF_ID_FLAGS() in kernel/bpf/helpers.c of 6.12 says."""
    found = {k.name: k for k in kfuncs(opened(name)) if k.hooks != (DTOR,)}
    acquire = found["bpf_task_acquire"]
    assert acquire.flags == ("KF_ACQUIRE", "KF_RET_NULL", "KF_RCU")
    assert acquire.hooks == ("xdp", "tc", "struct_ops", "tracing", "syscall", "cgroup")
    assert acquire.prototype == "struct task_struct *bpf_task_acquire(struct task_struct *p)"
    assert acquire.module == "vmlinux"
    assert found["bpf_task_release"].flags == ("KF_RELEASE",)
    assert found["bpf_rdonly_cast"].hooks == ("common",)
    assert found["bpf_iter_num_next"].flags == ("KF_RET_NULL", "KF_ITER_NEXT")
    assert found["bpf_wq_init"].flags == ()
    if name != "s390x":  # there, built without CONFIG_CRASH_DUMP
        assert found["crash_kexec"].flags == ("KF_DESTRUCTIVE",)
    # Registered for four types of program that share the hook.
    assert found["bpf_dynptr_from_skb"].hooks.count("lwt") == 1


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_registered_is_lost(opened: Callable[[str], Kernel], name: str) -> None:
    kernel = opened(name)
    table = Value(kernel, kernel.type("struct btf *"), kernel.symbol("btf_vmlinux")).kfunc_set_tab
    for number, pointer in enumerate(table.sets):
        if not pointer:
            continue
        order = "<" if kernel.target.platform.byteorder == "little" else ">"
        data = kernel.target.read(int(pointer) + 8, int(pointer.cnt) * 8)
        ids = {type_id for type_id, _ in struct.iter_unpack(f"{order}II", data)}
        found = {
            k.type_id for k in kfuncs(kernel) if HOOKS[number] in k.hooks and k.module == "vmlinux"
        }
        assert found == ids, HOOKS[number]


def test_a_module_registers_its_own(opened: Callable[[str], Kernel]) -> None:
    found = [k for k in kfuncs(opened("stock")) if k.module == "tcp_bbr"]
    names = [
        "bbr_cwnd_event", "bbr_init", "bbr_main", "bbr_min_tso_segs",
        "bbr_set_state", "bbr_sndbuf_expand", "bbr_ssthresh", "bbr_undo_cwnd",
    ]  # fmt: skip
    assert [k.name for k in found] == names
    assert {k.hooks for k in found} == {("struct_ops",)}


@pytest.mark.parametrize("name", SAMPLES)
def test_destructors(opened: Callable[[str], Kernel], name: str) -> None:
    found = {k.name: k.destroys for k in kfuncs(opened(name)) if k.destroys}
    assert found["bpf_task_release_dtor"] == "struct task_struct"
    assert found["bpf_cgroup_release_dtor"] == "struct cgroup"


# By hand


class Registry(World):
    """A kernel with functions f0, f1, f2 and a registry."""

    def __init__(self, byteorder: ByteOrder) -> None:
        super().__init__(byteorder)
        int_ = self.id("int")
        proto = self.b.func_proto(int_, [("x", int_)])
        self.funcs = [self.b.func(f"f{n}", proto) for n in range(3)]
        self.b.decl_tag("bpf_fastcall", self.funcs[0])
        self.b.decl_tag("arg:nonnull", self.funcs[0], 0)
        self.enum("btf_kfunc_hook", {"BTF_KFUNC_HOOK_XDP": 0, "BTF_KFUNC_HOOK_TC": 1})

    def words(self, *numbers: int) -> bytes:
        return b"".join(self.pack(number, 4) for number in numbers)

    def opened(self, tab: int, **members: int) -> Kernel:
        btf = self.new("btf", kfunc_set_tab=tab, **members)
        self.symbols["btf_vmlinux"] = pointer = self.room(8)
        self.point(pointer, btf)
        self.symbols["btf_modules"] = head = self.room(16)
        self.link_list(head, [])
        return self.kernel()

    def base(self, sets: str) -> None:
        self.struct("btf_id_dtor_kfunc", [("btf_id", "u32"), ("kfunc_btf_id", "u32")])
        dtors = [("cnt", "u32"), ("dtors", "struct btf_id_dtor_kfunc[0]")]
        self.struct("btf_id_dtor_kfunc_tab", dtors)
        self.struct("btf_kfunc_set_tab", [("sets", sets)])
        members = [
            ("kfunc_set_tab", "struct btf_kfunc_set_tab *"),
            ("dtor_kfunc_tab", "struct btf_id_dtor_kfunc_tab *"),
        ]
        self.struct("btf", members)
        self.struct("module", [("list", "struct list_head")])
        module = [("list", "struct list_head"), ("btf", "struct btf *")]
        self.struct("btf_module", module)


class Sets8(Registry):
    """Since 6.0: a set for each hook, of pairs."""

    def __init__(self, byteorder: ByteOrder = "little") -> None:
        super().__init__(byteorder)
        self.struct("<pair>", [("id", "u32"), ("flags", "u32")])
        self.struct(
            "btf_id_set8", [("cnt", "u32"), ("flags", "u32"), ("pairs", "struct <pair>[0]")]
        )
        self.base("struct btf_id_set8 *[3]")

    def set8(self, *pairs: tuple[int, int], count: int | None = None) -> int:
        address = self.new("btf_id_set8", 8 * len(pairs))
        cnt = len(pairs) if count is None else count
        self.write(address, self.words(cnt, 0x7261776D, *(n for pair in pairs for n in pair)))
        return address

    def tab(self, *sets: int) -> int:
        address = self.new("btf_kfunc_set_tab")
        self.write(address, b"".join(map(self.pack, sets)))
        return address


class SetsByType(Registry):
    """In 5.18 and 5.19: for each hook, a set of ids for each type."""

    def __init__(self, byteorder: ByteOrder = "little") -> None:
        super().__init__(byteorder)
        types = ("CHECK", "ACQUIRE", "RELEASE", "RET_NULL", "KPTR_ACQUIRE")
        self.enum("btf_kfunc_type", {f"BTF_KFUNC_TYPE_{t}": n for n, t in enumerate(types)})
        self.struct("btf_id_set", [("cnt", "u32"), ("ids", "u32[0]")])
        self.base("struct btf_id_set *[2][5]")

    def idset(self, *ids: int) -> int:
        address = self.new("btf_id_set", 4 * len(ids))
        self.write(address, self.words(len(ids), *ids))
        return address


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_pairs(byteorder: ByteOrder) -> None:
    world = Sets8(byteorder)
    f0, f1, f2 = world.funcs
    tab = world.tab(world.set8((f0, 1), (f1, 0)), world.set8((f0, 1), (f1, 2)), world.set8((f2, 0)))
    dtors = world.new("btf_id_dtor_kfunc_tab", 8)
    world.write(dtors, world.words(1, world.id("int"), f2))
    found = kfuncs(world.opened(tab, dtor_kfunc_tab=dtors))
    assert [(k.name, k.hooks, k.flags) for k in found] == [
        ("f0", ("xdp", "tc"), ("KF_ACQUIRE",)),
        ("f1", ("xdp",), ()),
        ("f1", ("tc",), ("KF_RELEASE",)),
        ("f2", ("hook 2",), ()),
        ("f2", (DTOR,), ()),
    ]
    assert found[0].tags == ("bpf_fastcall", "x: arg:nonnull")
    assert found[0].prototype == "int f0(int x)"
    assert found[-1].destroys == "int"


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_sets_by_type(byteorder: ByteOrder) -> None:
    world = SetsByType(byteorder)
    f0, f1, _ = world.funcs
    tab = world.new("btf_kfunc_set_tab")
    xdp = [world.idset(f0, f1), world.idset(f0), 0, world.idset(f0), 0]
    tc = [world.idset(f1), 0, world.idset(f1), 0, 0]
    world.write(tab, b"".join(map(world.pack, xdp + tc)))
    assert [(k.name, k.hooks, k.flags) for k in kfuncs(world.opened(tab))] == [
        ("f0", ("xdp",), ("CHECK", "ACQUIRE", "RET_NULL")),
        ("f1", ("xdp",), ("CHECK",)),
        ("f1", ("tc",), ("CHECK", "RELEASE")),
    ]


def test_nothing_registered() -> None:
    assert kfuncs(Sets8().opened(0)) == []
    world = Sets8()
    kernel = world.opened(0)
    world.point(world.symbols["btf_vmlinux"], 0)  # nobody has needed it yet
    assert kfuncs(kernel) == []


def test_no_registry_and_no_btf_of_modules() -> None:
    """As before Linux 5.11: the kernel has none, which is nothing wrong."""
    world = World()
    world.struct("btf", [("data", "void *")])
    world.struct("module", [("list", "struct list_head")])
    world.symbols["btf_vmlinux"] = world.room(8)
    world.point(world.symbols["btf_vmlinux"], world.new("btf"))
    kernel = world.kernel()
    assert list(find_kfuncs(kernel)) == []
    assert not has_registry(kernel)
    assert list(find_struct_ops_types(kernel)) == []
    table = list_kfuncs(kernel, Query())
    assert table.remark == "this kernel has no registry of kfuncs: that came with Linux 5.18"
    assert list_kfuncs(Sets8().opened(0), Query()).remark == ""


def test_no_bpf_at_all() -> None:
    world = Sets8()
    with pytest.raises(SymbolNotFoundError, match="btf_vmlinux"):
        kfuncs(world.kernel())


def notes(kernel: Kernel) -> list[str]:
    return [item.text for item in find_kfuncs(kernel) if isinstance(item, Note)]


def test_corrupt_sets_are_notes_and_the_rest_is_shown() -> None:
    world = Sets8()
    f0, _, _ = world.funcs
    huge = world.set8((f0, 0), count=0xFFFF_FFFF)
    odd = world.set8((f0, 1), (world.id("int"), 0), (0xFFFF, 0))
    kernel = world.opened(world.tab(huge, 0xDEAD_0000_0000, odd), dtor_kfunc_tab=0x10)
    items = list(find_kfuncs(kernel))
    assert [i.name for i in items if isinstance(i, Kfunc)] == ["f0"]
    assert "4294967295 entries" in notes(kernel)[0]
    assert any("hook tc: cannot read" in text for text in notes(kernel))
    assert any("is int, not a function" in text for text in notes(kernel))
    assert any("no type [65535]" in text for text in notes(kernel))
    assert any("dtor_kfunc_tab: cannot read" in text for text in notes(kernel))
    with pytest.raises(CorruptDataError, match="and 2 more"):
        kfuncs(kernel)


def test_marked_in_the_btf() -> None:
    b = BtfBuilder()
    proto = b.func_proto(0, [])
    second, first = b.func("g", proto), b.func("f", proto)
    for func in (second, first):
        b.decl_tag("bpf_kfunc", func)
    b.decl_tag("something", b.func("h", proto))
    found = list(find_tagged_kfuncs(b.parse("m")))
    assert [(k.name, k.module, k.prototype) for k in found] == [
        ("f", "m", "void f(void)"),
        ("g", "m", "void g(void)"),
    ]
