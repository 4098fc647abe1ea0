"""Kernels: types, symbols, objects by name and by address, and when they are closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.kernel import Kernel, open_core, open_live, open_qemu
from btfdump._btf import BtfBuilder
from btfdump._kernel.value_at import value_at
from btfdump.errors import (
    BtfFormatError,
    ExpressionError,
    ObjectNotFoundError,
    SymbolNotFoundError,
    TargetError,
    TypeNotFoundError,
)
from tests.support.items import full_item, world_of_items
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.value import Value
    from btfdump._render import Format


@pytest.fixture(params=[("little", 8), ("big", 8), ("little", 4), ("big", 4)], ids=str)
def world(request: pytest.FixtureRequest) -> World:
    return world_of_items(*request.param)


@pytest.fixture
def item(world: World) -> Value:
    return full_item(world)


def test_kernel(item, world):
    kernel = item._context_
    assert isinstance(kernel, Kernel)
    assert kernel.release == "6.0-test"
    assert repr(kernel) == "<Kernel 6.0-test: buffer>"
    assert int(kernel["counter"]) == -1
    assert int(kernel.value("struct item *", item.next.address_).id) == 2
    assert [int(v) for v in kernel.value("s16[4]", item.numbers.address_)] == [-1, 2, -3, 4]
    with pytest.raises(SymbolNotFoundError):
        kernel["none"]
    with pytest.raises(ExpressionError, match="the type of first"):
        kernel["first"]
    with pytest.raises(TypeNotFoundError, match="no struct none"):
        kernel.value("struct none", 0)
    with pytest.raises(TypeNotFoundError, match="there is a struct item"):
        kernel.value("item", 0)
    for wrong in ("", "struct", "3", "struct item []]", "int; drop"):
        with pytest.raises((ExpressionError, TypeNotFoundError)):
            kernel.value(wrong, 0)
    with kernel as same:
        assert same is kernel


# BTF from elsewhere


@pytest.mark.parametrize(
    ("members", "lacks"),
    [
        (None, "struct task_struct"),
        (["pid"], "comm and tasks in struct task_struct"),
        (["pid", "comm"], "tasks in struct task_struct"),
    ],
)
def test_the_btf_of_a_bpf_program_is_refused(
    sample: Callable[[str], Path], tmp_path: Path, members: list[str] | None, lacks: str
) -> None:
    """Its task_struct has what the program uses, where the compiler put it."""
    b = BtfBuilder()
    word = b.int_("int", 4)
    if members is not None:
        rows = [(name, word, 32 * at) for at, name in enumerate(members)]
        b.struct("task_struct", 4 * len(rows), rows)
    path = tmp_path / "prog.btf"
    path.write_bytes(b.build())
    match = f"prog.btf: is not the BTF of a kernel: it has no {lacks}"
    with pytest.raises(TargetError, match=match):
        open_core(sample("tagged"), btf=path)


@pytest.mark.parametrize("section", [".maps", "license"])
def test_the_btf_of_a_bpf_program_with_a_whole_task_is_refused(
    opened: Callable[[str], Kernel], sample: Callable[[str], Path], tmp_path: Path, section: str
) -> None:
    """Compiled with all of a kernel's vmlinux.h, and then taken out of its ELF file."""
    b = BtfBuilder.from_btf(opened("tagged").btf)
    b.datasec(section, [(b.var("one", b.int_("int", 4)), 0, 4)])
    path = tmp_path / "prog.btf"
    path.write_bytes(b.build())
    match = f"prog.btf: is not the BTF of a kernel: it describes section {section}, .*; give that"
    with pytest.raises(TargetError, match=match):
        open_core(sample("tagged"), btf=path)


def test_what_an_overlay_says_of_nothing(sample: Callable[[str], Path], tmp_path: Path) -> None:
    """A summary is seldom noted in place: objects that have one are shown on one line."""
    path = tmp_path / "ov.toml"
    path.write_text('[summary]\nkmem_cache = ["nosuch", "size"]\nnostruct = ["a"]\n')
    with open_core(sample("tagged"), overlays=[path]) as kernel:
        assert kernel.problems == [
            "overlay ov.toml: summary of struct kmem_cache: no member nosuch",
            "overlay ov.toml: no struct nostruct in the BTF of this kernel or its modules",
        ]


def test_the_btf_of_another_kernel_is_refused(
    opened: Callable[[str], Kernel], sample: Callable[[str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "other.btf"
    path.write_bytes(opened("stock").target.btf_bytes())
    with pytest.raises(TargetError, match=r"other\.btf: is not the BTF of this kernel, 6\.12"):
        open_core(sample("tagged"), btf=path)


def test_split_btf_of_another_kernel_is_refused(
    opened: Callable[[str], Kernel], sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """It would be joined to whatever has the same ids here; it is not called malformed."""
    path = tmp_path / "other.btf"
    for kernel in (opened("stock"), opened("stock-7.3")):
        path.write_bytes(kernel.modules.btfs()[0].data)
        with pytest.raises(
            TargetError, match=r"other\.btf: does not fit its base.*; give one that"
        ):
            open_core(sample("tagged"), btf=path)
    path.write_bytes(opened("tagged").modules.btfs()[0].data)
    with open_core(sample("tagged"), btf=path) as kernel:
        assert kernel.task(1).comm == "init"


def test_btf_with_all_global_variables(
    opened: Callable[[str], Kernel], sample: Callable[[str], Path], tmp_path: Path
) -> None:
    """As `pahole --btf_features=+global_var` writes it: what is per-CPU, its section tells."""
    before = opened("tagged")
    b = BtfBuilder.from_btf(before.btf)
    types = ("struct task_struct", "struct list_head", "unsigned long")
    names = ("init_task", "slab_caches", "max_pfn")
    rows = [(b.var(n, before.type(t).id), 0, 8) for n, t in zip(names, types, strict=True)]
    b.datasec(".data", rows)
    path = tmp_path / "global_var.btf"
    path.write_bytes(b.build())
    with open_core(sample("tagged"), btf=path) as kernel:
        assert not any(map(kernel.is_per_cpu, names))
        assert kernel.is_per_cpu("runqueues")
        assert kernel["init_task"].comm == "swapper/0"
        assert str(kernel["slab_caches"].expansion_().element) == "struct kmem_cache"
        assert int(kernel["max_pfn"]) > 1 << 12
        assert kernel.typed_by("max_pfn") == "BTF"
        assert before.typed_by("max_pfn").startswith("globals ")


@pytest.mark.parametrize(
    ("format_", "shown"),
    [
        ("text", '.name = (char *){at:#x}, /* "" */'),
        ("tree", '{at:#x} ""  char *'),
        ("json", '"symbol": "words+0x8", "string": ""'),
    ],
)
def test_an_empty_string_is_a_string(format_: Format, shown: str) -> None:
    """What is named after the symbol before it would be some other variable."""
    world = World()
    world.struct("item", [("id", "int"), ("name", "char *")])
    words = world.symbols["words"] = world.room(16)
    world.write(words, b"a word\0\0\0")
    address = world.new("item", id=1, name=words + 8)
    kernel = world.kernel()
    text = " ".join("".join(kernel.dump(value_at(kernel, "struct item", address), format_)).split())
    shown = " ".join(shown.split())
    assert shown.format(at=words + 8) in text


def test_arguments_of_another_kind(opened: Callable[[str], Kernel]) -> None:
    kernel: Any = opened("tagged")
    struct = "struct task_struct"
    for call, message in (
        (lambda: kernel.task("1"), r"a pid is an int, not str '1'"),
        (lambda: kernel.task(1.0), r"a pid is an int, not float 1\.0"),
        (lambda: kernel.value(struct, 1.5), r"an address is an int, not float 1\.5"),
        (lambda: kernel.value(struct, "init_task"), r"an address is an int, not str 'init_task'"),
        (lambda: kernel.value(struct, None), r"an address is an int, not NoneType"),
        (lambda: kernel.value(5, 5), r"a C type is a str, not int 5"),
        (lambda: kernel[5], r"the name of a symbol is a str, not int 5"),
        (lambda: kernel.symbol(b"init_task"), r"the name of a symbol is a str, not bytes b'init_t"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


@pytest.mark.parametrize("opener", [open_core, open_live, open_qemu])
@pytest.mark.parametrize("overlays", ["x.toml", b"x.toml", Path("x.toml"), None])
def test_overlays_are_several_files(opener: Any, overlays: Any) -> None:
    """A str is a sequence, of its letters: the first of which is no file."""
    kind = type(overlays).__name__
    with pytest.raises(TypeError, match=rf"overlays are a list of files, not {kind}.*: put it in"):
        opener("/nonexistent", overlays=overlays)


def test_numbers_out_of_range(world: World, item: Value) -> None:
    """A negative address was reduced to the width of a pointer, and read."""
    kernel = item._context_
    assert isinstance(kernel, Kernel)
    end = 1 << 8 * world.pointer_size
    for address in (-1, end, -end, 10**6000):
        with pytest.raises(ValueError, match=r"^address .* does not fit into a pointer: expected"):
            kernel.value("struct item", address)
    assert kernel.value("struct item", end - 1).address_ == end - 1
    assert kernel.value("struct item", item.next).address_ == item.next.value_()  # type: ignore[arg-type]


def test_a_negative_pid(opened: Callable[[str], Kernel]) -> None:
    with pytest.raises(ObjectNotFoundError, match="no task has pid -1: expected a number from 0"):
        opened("tagged").task(-1)


def test_the_file_of_malformed_btf_is_named(sample: Callable[[str], Path], tmp_path: Path) -> None:
    """Whether its header is damaged, or what is looked at in it."""
    world = World()
    world.struct("task_struct", [("comm", "char[16]"), ("tasks", "struct list_head")])
    data = bytearray(world.btf().data)
    for at, byte in ((4, 0xFF), (24 + 8, 0xFF)):  # hdr_len; the size or type of the first type
        damaged = bytearray(data)
        damaged[at] = byte
        file = tmp_path / f"{at}.btf"
        file.write_bytes(damaged)
        with pytest.raises(BtfFormatError, match=rf"^{file}: malformed BTF at offset"):
            open_core(sample("tagged"), btf=file).btf.type(1)
