"""VMCOREINFO: lines of text, and what is made of those that are missing or absurd."""

from __future__ import annotations

import pytest

from btfdump._targets import vmcoreinfo

TEXT = b"OSRELEASE=6.12.1\nPAGESIZE=65536\nSYMBOL(_stext)=ffffffff81000000\nKERNELOFFSET=1c000000\n"


def test_lines():
    info = vmcoreinfo.parse(TEXT + b"no line of ours\nNOTE=a=b\n\0SYMBOL(x)=1\n")
    assert info == {
        "OSRELEASE": "6.12.1",
        "PAGESIZE": "65536",
        "SYMBOL(_stext)": "ffffffff81000000",
        "KERNELOFFSET": "1c000000",
        "NOTE": "a=b",
    }
    assert vmcoreinfo.parse(b"K=\xff\n") == {"K": "\ufffd"}
    assert vmcoreinfo.symbol(info, "_stext") == 0xFFFF_FFFF_8100_0000
    assert vmcoreinfo.symbol(info, "none") == 0
    assert vmcoreinfo.kernel_offset(info) == 0x1C00_0000
    assert vmcoreinfo.kernel_offset({}) == 0


def test_symbols():
    info = vmcoreinfo.parse(TEXT + b"SYMBOL(init_task)=ffffffff82000000\nSYMBOL(none)=0\n")
    assert list(vmcoreinfo.symbols(info)) == [
        ("_stext", 0xFFFF_FFFF_8100_0000),
        ("init_task", 0xFFFF_FFFF_8200_0000),
    ]


@pytest.mark.parametrize(
    ("line", "size"),
    [("4096", 4096), ("65536", 65536), ("", 4096), ("0", 4096), ("4097", 4096), ("-4096", 4096),
     ("2097152", 4096), ("0x1000", 4096), ("many", 4096)],
)  # fmt: skip
def test_page_size(line, size):
    assert vmcoreinfo.page_size({"PAGESIZE": line}) == size


@pytest.mark.parametrize(("text", "value"), [("ff", 255), ("0xff", 255), ("", 0), ("xyz", 0)])
def test_hexadecimal(text, value):
    assert vmcoreinfo.parse_hex(text) == value


@pytest.mark.parametrize(
    ("key", "byteorder", "machine"),
    [
        ("SYMBOL(init_top_pgt)", "little", "x86_64"),
        ("NUMBER(kimage_voffset)", "little", "aarch64"),
        ("SYMBOL(lowcore_ptr)", "big", "s390x"),
        ("NUMBER(RADIX_MMU)", "big", "ppc64"),
        ("NUMBER(RADIX_MMU)", "little", "ppc64le"),
        ("CONFIG_X86_PAE", "little", "i386"),
        ("OSRELEASE", "little", ""),
    ],
)
def test_the_machine_is_told_by_its_own_lines(key, byteorder, machine):
    assert vmcoreinfo.guess_machine({key: "1"}, byteorder) == machine


def test_what_is_taken_for_the_whole_text():
    assert vmcoreinfo.plausible(TEXT)
    for line in (b"OSRELEASE=6.12.1\n", b"PAGESIZE=65536\n", b"SYMBOL(_stext)=ffffffff81000000\n"):
        assert not vmcoreinfo.plausible(TEXT.replace(line, b""))
    assert not vmcoreinfo.plausible(TEXT.replace(b"6.12.1", b""))
    assert not vmcoreinfo.plausible(TEXT.replace(b"65536", b"large"))
