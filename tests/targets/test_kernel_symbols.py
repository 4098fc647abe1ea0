"""Symbols of a kernel, from wherever they can be had: kallsyms, an image, a vmlinux."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._targets import percpu
from btfdump._targets.buffer import BufferTarget
from btfdump._targets.elf import (
    ElfSymbols,
    check_build,
)
from btfdump._targets.kallsyms import Kallsyms
from btfdump._targets.kernel_symbols import KernelSymbols
from btfdump._targets.memory import Platform
from btfdump.errors import (
    MissingDataError,
    SymbolNotFoundError,
    TargetError,
)
from tests.support.kallsyms_image import BASE, IMAGE, table
from tests.support.vmlinux import BLOB, LINK, vmlinux

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_vmlinux_of_another_kernel(tmp_path, build):
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux(build))
    check_build(path, {"BUILD-ID": "c0ffee"})
    with pytest.raises(TargetError, match="build ID c0ffee, but the kernel in the dump has 1234"):
        check_build(path, {"BUILD-ID": "1234"})
    with pytest.raises(TargetError, match="build ID"):
        ElfSymbols(path).relocate({"BUILD-ID": "1234"})


def test_vmlinux_replaces_missing_kallsyms(tmp_path, build):
    """A kernel before 6.0: VMCOREINFO names no kallsyms tables."""
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux(build))
    info = {"SYMBOL(_stext)": f"{LINK:x}", "OSRELEASE": "5.10"}
    read = BufferTarget().read
    with pytest.raises(MissingDataError, match="--vmlinux FILE"):
        KernelSymbols(read, info, Platform("little")).symbol("init_task")
    symbols = KernelSymbols(read, info, Platform("little"), path)
    assert symbols.symbol("init_task") == LINK + 0x2000
    assert symbols.symbolize(LINK + 0x2001) == "init_task+0x1"
    assert symbols.btf() == BLOB
    assert symbols.extent("init_task") == 0x200


def test_vmlinux_completes_functions_only_kallsyms(tmp_path, build):
    """CONFIG_KALLSYMS_ALL=n: functions from the dump, variables from the file."""
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux(build))
    shift = 0x400000
    base = LINK + shift
    text = [("T_text", base), ("T_stext", base), ("Tdo_exit", base + 0x100)]
    memory, info = build.kallsyms_tables(text, base=base)
    symbols = KernelSymbols(BufferTarget(memory).read, info, Platform("little"), path)
    assert symbols.symbol("do_exit") == base + 0x100
    assert symbols.symbol("init_task") == base + 0x2000
    assert symbols.extent("init_task") == 0x200
    assert ("init_task", base + 0x2000) in symbols.listed()
    assert symbols.lack == ""
    assert symbols.room(base + 0x2000) == (0x200, True)  # the file knows the size
    assert symbols.btf() == BLOB


def kernel(build, symbols, memory=(), **more):
    target, info = table(build, symbols, Platform("little"), **more)
    for address, data in memory:
        target.write(address, data)
    info["OSRELEASE"] = "6.12.0-test"
    return KernelSymbols(target.read, info, Platform("little")), target


def test_btf(build):
    blob = b"\x9f\xeb\x01\0".ljust(0x20, b"\0")
    symbols, target = kernel(build, IMAGE, [(BASE + 0x1010, blob)])
    assert symbols.btf() == blob
    target.write(BASE + 0x1010, bytes(4))
    with pytest.raises(MissingDataError, match=r"are not BTF; .*--btf FILE"):
        symbols.btf()
    target.unmap(BASE + 0x1010, 8)
    with pytest.raises(MissingDataError, match=r"is not in the dump .*--btf FILE"):
        symbols.btf()


def test_no_btf(build):
    symbols, _ = kernel(build, [one for one in IMAGE if "BTF" not in one[0]])
    with pytest.raises(MissingDataError, match=r"CONFIG_DEBUG_INFO_BTF=n.*--btf FILE"):
        symbols.btf()
    with pytest.raises(SymbolNotFoundError, match=r"^the kernel has no symbol 'nosuch'$"):
        symbols.symbol("nosuch")


def test_functions_only(build):
    text = [one for one in IMAGE if one[0][0] in "tT"]
    symbols, target = kernel(build, text)
    with pytest.raises(MissingDataError, match=r"KALLSYMS_ALL=n.*--btf FILE.*--vmlinux FILE"):
        symbols.btf()
    with pytest.raises(SymbolNotFoundError, match=r"CONFIG_KALLSYMS_ALL=n.*--vmlinux FILE"):
        symbols.symbol("super_blocks")
    with pytest.raises(MissingDataError, match=r"CONFIG_KALLSYMS_ALL=n.*--vmlinux FILE"):
        percpu.read_offsets(target.read, symbols, Platform("little"))
    assert symbols.symbolize(BASE + 0x210) == "vfs_read+0x10"


def test_unreadable_table_is_missing_data(build):
    symbols, target = kernel(build, IMAGE)
    target.unmap(0x1000, 4)
    with pytest.raises(MissingDataError, match=r"cannot be read: .*--vmlinux FILE"):
        symbols.symbol("init_task")


def test_a_table_with_variables_is_asked_once_for_what_it_has_not(build, monkeypatch):
    """Who looks for what was meant by a misspelt symbol asks for hundreds."""
    memory, info = build.kallsyms_tables(IMAGE, base=BASE)
    symbols = KernelSymbols(BufferTarget(memory).read, info, Platform("little"))
    assert symbols.has_data
    asked: list[str] = []
    compressed = Kallsyms._compressed

    def counted(self: Kallsyms, name: str) -> Iterator[bytes]:
        asked.append(name)
        return compressed(self, name)

    monkeypatch.setattr(Kallsyms, "_compressed", counted)
    assert [symbols.find_all(name) for name in ("nosuch", "nosuch_2")] == [[], []]
    assert asked == ["nosuch", "nosuch_2"]


def test_symbolize_remembers(build):
    symbols, target = kernel(build, IMAGE)
    assert symbols.symbolize(BASE + 0x2010) == "init_task+0x10"
    target.unmap(0, 0x10000)
    assert symbols.symbolize(BASE + 0x2010) == "init_task+0x10"
    assert symbols.symbolize(BASE + 0x2000) == "init_task"
