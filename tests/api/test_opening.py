"""Opening a kernel: with BTF from elsewhere, and with overlays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.opening import open_core, open_live, open_qemu
from btfdump._btf import BtfBuilder
from btfdump.errors import (
    BtfFormatError,
    TargetError,
)
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel


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


@pytest.mark.parametrize("opener", [open_core, open_live, open_qemu])
@pytest.mark.parametrize("overlays", ["x.toml", b"x.toml", Path("x.toml"), None])
def test_overlays_are_several_files(opener: Any, overlays: Any) -> None:
    """A str is a sequence, of its letters: the first of which is no file."""
    kind = type(overlays).__name__
    with pytest.raises(TypeError, match=rf"overlays are a list of files, not {kind}.*: put it in"):
        opener("/nonexistent", overlays=overlays)


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
