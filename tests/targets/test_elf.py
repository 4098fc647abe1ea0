"""ELF files: .BTF sections and the symbols of a vmlinux."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from btfdump._targets.elf import (
    ElfSymbols,
    btf_section,
    btf_sections,
    read_btf_file,
)
from btfdump._targets.via_drgn import open_core
from btfdump.errors import AmbiguousSymbolError, TargetError
from tests.support.vmlinux import BLOB, LINK, vmlinux

VARIANTS = [("<", 64), (">", 64), ("<", 32), (">", 32)]


@pytest.mark.parametrize(("order", "bits"), VARIANTS)
@pytest.mark.parametrize("compress", [(), (".BTF", ".BTF.base")])
def test_btf_sections(tmp_path, build, order, bits, compress):
    path = tmp_path / "module.ko"
    sections = {".text": bytes(64), ".BTF": BLOB, ".BTF.base": BLOB[:100]}
    data = build.elf_object(sections, order=order, bits=bits, compress=compress)
    path.write_bytes(data)
    assert btf_section(path) == BLOB
    assert btf_sections(path).base == BLOB[:100]
    assert read_btf_file(path) == BLOB
    path.write_bytes(build.elf_object({".BTF": BLOB}, order=order, bits=bits))
    assert btf_sections(path).base is None


def test_a_bpf_object_is_no_kernel(tmp_path, build):
    """Its BTF may be looked at, but not be taken for that of a kernel."""
    path = tmp_path / "prog.bpf.o"
    for machine, others in ((247, {}), (62, {".BTF.ext": bytes(32)}), (247, {".BTF.ext": b""})):
        path.write_bytes(build.elf_object({".BTF": BLOB, **others}, machine=machine))
        assert read_btf_file(path) == BLOB
        match = r"prog\.bpf\.o: is a BPF program.*; give the vmlinux of this kernel, or its BTF"
        with pytest.raises(TargetError, match=match):
            read_btf_file(path, of_kernel=True)


@pytest.mark.parametrize("magic", [b"\x9f\xeb", b"\xeb\x9f"])
def test_raw_btf(tmp_path, magic):
    path = tmp_path / "vmlinux.btf"
    path.write_bytes(magic + bytes(100))
    assert read_btf_file(path) == magic + bytes(100)


def test_what_loads_pyelftools(tmp_path, build, sample):
    """ELF files that are read for their sections; not a core, nor BTF that is in no ELF file."""
    blob, elf = tmp_path / "vmlinux.btf", tmp_path / "vmlinux"
    blob.write_bytes(BLOB)
    elf.write_bytes(vmlinux(build))
    code = (
        "import sys\n"
        "from btfdump import open_core\n"
        "from btfdump._targets.elf import btf_section, read_btf\n"
        f"with open_core({str(sample('filtered'))!r}) as kernel:\n"
        "    kernel.task(1).comm\n"
        f"read_btf({str(blob)!r})\n"
        "assert 'elftools' not in sys.modules\n"
        f"btf_section({str(elf)!r})\n"
        "assert 'elftools' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty; expected raw BTF"),
        (b"text", "starts with b'text'; expected raw BTF"),
        (b"\x7fELF", "is not a readable ELF file"),
        (b"\x7fELF" + bytes(100), "is not a readable ELF file"),
    ],
)
def test_not_a_btf_file(tmp_path, content, match):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(TargetError, match=match):
        read_btf_file(path)


def test_no_btf_section(tmp_path, build):
    path = tmp_path / "vmlinux"
    path.write_bytes(build.elf_object({".text": bytes(8)}))
    with pytest.raises(TargetError, match=r"without a \.BTF section; expected .*DEBUG_INFO_BTF"):
        read_btf_file(path)
    with pytest.raises(TargetError, match="no such file"):
        btf_section(tmp_path / "nowhere")
    with pytest.raises(TargetError, match="is a directory"):
        read_btf_file(tmp_path)
    with pytest.raises(TargetError, match="no symbol table"):
        ElfSymbols(path)


@pytest.mark.parametrize(("order", "bits"), VARIANTS)
def test_symbols(tmp_path, build, order, bits):
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux(build, order, bits))
    symbols = ElfSymbols(path)
    assert symbols.build_id == "c0ffee"
    link, shift = LINK & (1 << bits) - 1, 0x15C00000
    assert symbols.find("init_task") == link + 0x2000
    symbols.relocate({"SYMBOL(_stext)": f"{link + shift:x}"})
    assert symbols.find("init_task") == link + shift + 0x2000
    assert symbols.find("task") == link + shift + 0x2200  # also the tail of "init_task"
    caches = symbols.find_all("cache")
    assert [found.address for found in caches] == [link + shift + 0x2300, link + shift + 0x2400]
    assert not any(found.is_global or found.is_code for found in caches)
    with pytest.raises(AmbiguousSymbolError, match="2 symbols are called cache: at 0x"):
        symbols.find("cache")
    assert symbols.around(caches[0].address) == ("task", "cache")
    assert symbols.find("runqueues") == 0x1A00  # an offset into the per-CPU area
    for absent in ("", "external", "ask", "no_such"):
        assert symbols.find(absent) is None
    assert symbols.nearest(link + shift + 0x2010) == ("init_task", 0x10)
    assert symbols.nearest(link + shift + 0x200) == ("schedule", 0)
    assert symbols.nearest(link + shift + 0x220F) == ("task", 0xF)  # past its 8 bytes, but not far
    assert symbols.nearest(link + shift + 0x2280) is None
    for outside in (0, 0x1A00, link + shift - 1, link + shift + 0x4000, 1 << 64, -1):
        assert symbols.nearest(outside) is None
    assert symbols.extent("init_task") == 0x200
    assert symbols.extent("no_such") == 0


def test_kaslr_shift_without_stext(tmp_path, build):
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux(build))
    symbols = ElfSymbols(path)
    symbols.relocate({"KERNELOFFSET": "1000000"})
    assert symbols.find("do_exit") == LINK + 0x1000100


def test_dump_with_wrong_vmlinux(tmp_path, build, sample):
    """The dump's own symbols are preferred: the file is looked at only for what they lack."""
    path = tmp_path / "vmlinux"
    path.write_bytes(vmlinux(build))
    with open_core(sample("tagged"), vmlinux=path) as target:
        assert target.symbol("init_task")
        assert target.btf_bytes()
        with pytest.raises(TargetError, match="build ID c0ffee"):
            target.symbol("no_such_symbol")


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 1800), st.binary(min_size=1, max_size=8)), max_size=6))
def test_mutated_files_raise_only_our_errors(tmp_path_factory, build, edits):
    data = bytearray(vmlinux(build, compress=(".BTF",)))
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    path = tmp_path_factory.mktemp("mutated") / "vmlinux"
    path.write_bytes(data)
    for use in (read_btf_file, lambda path: ElfSymbols(path).nearest(LINK + 0x2000)):
        with suppress(TargetError):
            use(path)
