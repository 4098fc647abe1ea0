"""Symbols by what users call them, and the variables they are: where several have the name."""

from __future__ import annotations

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._api.kernel import Kernel
from btfdump._btf import BtfBuilder
from btfdump._kernel.symbol_names import SymbolNames
from btfdump._targets.buffer import BufferTarget
from btfdump.errors import AmbiguousSymbolError, ExpressionError, SymbolNotFoundError
from tests.support.loaded_modules import load

SYMBOLS = [
    ("wq_pod_types", 0x1000),
    ("pwq_cache", 0x1010),
    ("alias", 0x1020),
    ("modules", 0x1020),
    ("ephead_cache", 0x1030),
    ("pwq_cache", 0x1040),
]


def kernel_of(overlay: str = "", *, variables: tuple[str, ...] = ()) -> Kernel:
    b = BtfBuilder()
    number = b.int_("int", 4, signed=True)
    b.datasec(".data..percpu", [(b.var(name, number), 0, 4) for name in variables])
    b.struct("list_head", 16, [])
    target = BufferTarget({0x1000: bytes(0x100)}, symbols=SYMBOLS, description="buffer")
    overlays = [Overlay(overlay, "overlay mine")] if overlay else []
    kernel = Kernel(target, b.parse("vmlinux", pointer_size=8), overlays)
    load(
        kernel,
        {"ext4": lambda b: b.struct("e", 0, []), "bridge": lambda b: b.struct("b", 0, [])},
        (0x9000, "ext4", "__this_module"),
        (0xA000, "bridge", "__this_module"),
        (0x9010, "ext4", "modules"),
        (0x9020, "ext4", "only"),
        (0x9030, "ext4", "twice"),
        (0x9040, "ext4", "twice"),
    )
    return kernel


def test_several_in_vmlinux():
    kernel = kernel_of()
    with pytest.raises(AmbiguousSymbolError) as caught:
        kernel.symbol("pwq_cache")
    assert str(caught.value) == (
        "2 symbols are called pwq_cache: pwq_cache@1 (at 0x1010, after wq_pod_types, before alias),"
        " pwq_cache@2 (at 0x1040, after ephead_cache); say which"
    )
    assert caught.value.addresses == (0x1010, 0x1040)
    assert kernel.symbol("pwq_cache@1") == 0x1010
    assert kernel.symbol("pwq_cache@2") == kernel.symbol("vmlinux:pwq_cache@2") == 0x1040
    for text in ("pwq_cache@0", "pwq_cache@3"):
        with pytest.raises(SymbolNotFoundError, match=f"no {text}: 2 symbols are called pwq_cache"):
            kernel.symbol(text)
    with pytest.raises(AmbiguousSymbolError, match="pwq_cache@1"):
        kernel.own_symbol("pwq_cache")
    with pytest.raises(AmbiguousSymbolError):
        kernel["pwq_cache"]


def test_several_in_modules():
    kernel = kernel_of()
    with pytest.raises(AmbiguousSymbolError) as caught:
        kernel.symbol("__this_module")
    assert str(caught.value) == (
        "2 symbols are called __this_module: ext4:__this_module (at 0x9000, in ext4, after before),"
        " bridge:__this_module (at 0xa000, in bridge, after before); say which"
    )
    assert kernel.symbol("bridge:__this_module") == kernel.symbol("__this_module@2") == 0xA000
    with pytest.raises(AmbiguousSymbolError, match=r"ext4:twice@1 .*, ext4:twice@2 "):
        kernel.symbol("ext4:twice")
    assert kernel.symbol("ext4:twice@2") == kernel.symbol("twice@2") == 0x9040
    assert kernel.symbol("only") == kernel.own_symbol("only") == kernel.symbol("ext4:only")
    with pytest.raises(AmbiguousSymbolError):
        kernel.own_symbol("twice")


def test_one_in_vmlinux_and_one_in_a_module():
    kernel = kernel_of()
    with pytest.raises(AmbiguousSymbolError, match=r"vmlinux:modules .*, ext4:modules "):
        kernel.symbol("modules")
    assert kernel.symbol("vmlinux:modules") == 0x1020
    assert kernel.symbol("ext4:modules") == 0x9010
    assert kernel.own_symbol("modules") == 0x1020  # what the kernel itself is known to have


def test_names_of_one_address_are_no_choice():
    kernel = kernel_of()
    assert kernel.symbol("alias") == kernel.symbol("vmlinux:modules")


def test_own_symbols_need_no_modules():
    kernel = kernel_of()
    modules = load(kernel, {}, (0x9000, "ext4", "wq_pod_types"))
    assert kernel.own_symbol("wq_pod_types") == 0x1000
    assert modules.loads == 0
    with pytest.raises(AmbiguousSymbolError):
        kernel.symbol("wq_pod_types")


def test_what_is_not_there():
    kernel = kernel_of()
    for text in ("nope", "nope@1", "8021q:nope"):
        with pytest.raises(SymbolNotFoundError, match="no symbol 'nope'"):
            kernel.symbol(text)
    with pytest.raises(SymbolNotFoundError, match=r"'only' in bridge; there is one in ext4"):
        kernel.symbol("bridge:only")
    for text in ("", "@", "a:", ":a", "a@b"):
        with pytest.raises(SymbolNotFoundError):
            kernel.symbol(text)


def test_many_are_not_all_listed():
    target = BufferTarget({}, symbols=[("__func__.3", 0x1000 + at) for at in range(100)])
    names = SymbolNames(target, None)
    with pytest.raises(AmbiguousSymbolError, match=r"100 symbols .*@8 [^@]*, and 92 more; say"):
        names.find("__func__.3")
    assert names.find("__func__.3@100").address == 0x1063


def test_annotations_that_do_not_say_which():
    """A line on a name that several symbols have is refused, with the reason."""
    kernel = kernel_of('[global]\npwq_cache = "int"\ntwice = "int"\nonly = "int"\nmodules = "int"')
    for text in ("pwq_cache@2", "ext4:twice@1", "twice@2"):
        with pytest.raises(ExpressionError) as caught:
            kernel[text]
        name = text.partition("@")[0].rpartition(":")[2]
        assert f"overlay mine does not say which {name} it means; say 'TYPE' {text}" in str(
            caught.value
        )
        assert f'[global] "{text}" = "TYPE"' in str(caught.value)
    assert str(kernel["ext4:only"].type_) == "int"
    assert str(kernel["vmlinux:modules"].type_) == "int"  # that of the kernel itself is meant
    with pytest.raises(ExpressionError, match="does not say which modules"):
        kernel["ext4:modules"]


def test_annotations_that_say_which():
    kernel = kernel_of(
        '[global]\n"pwq_cache@2" = "int"\n"ext4:modules" = "struct list_head"\n'
        '"vmlinux:alias" = "int"\n'
    )
    assert kernel["pwq_cache@2"].address_ == 0x1040
    assert str(kernel["ext4:modules"].type_) == "struct list_head"
    assert str(kernel["alias"].type_) == "int"
    with pytest.raises(ExpressionError, match="2 symbols have that name"):
        kernel["pwq_cache@1"]


def test_variables_of_btf():
    kernel = kernel_of(variables=("alias", "only"))
    assert kernel.is_per_cpu("alias")
    assert not kernel.is_per_cpu("only")  # of a module, whose BTF has none
    assert str(kernel["alias"].type_) == "int"


def test_variables_of_one_name_and_several_types():
    b = BtfBuilder()
    for size in (4, 8):
        b.var("alias", b.int_(f"s{8 * size}", size))
    target = BufferTarget({}, symbols={"alias": 0x1000})
    with pytest.raises(ExpressionError, match="variables of that name of types s32, s64"):
        Kernel(target, b.parse("vmlinux"))["alias"]


def test_null_has_no_name():
    """Though per-CPU symbols begin at 0."""
    target = BufferTarget({0: bytes(64)}, symbols={"__per_cpu_start": 0, "x": 8})
    kernel = Kernel(target, BtfBuilder().parse("vmlinux"))
    assert kernel.symbolize(0) is None
    assert kernel.symbolize(8) == "x"
