"""Sections of ELF files: one that is asked for is all that is looked at, and it is bounded."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest

from btfdump._files import MAX_BTF
from btfdump._targets.elf import btf_section, btf_sections
from btfdump._targets.elf_sections import ElfFile
from btfdump.errors import TargetError
from tests.support.effort import processor_seconds
from tests.support.vmlinux import BLOB

if TYPE_CHECKING:
    from pathlib import Path

VARIANTS = [("<", 64), (">", 64), ("<", 32), (">", 32)]


def patched(data: bytes, at: int, order: str, code: str, *values: int) -> bytes:
    patch = bytearray(data)
    struct.pack_into(order + code, patch, at, *values)
    return bytes(patch)


def header_at(data: bytes, order: str, bits: int, number: int) -> int:
    """Return the offset of the header of section `number`; that of number 0 is of no section."""
    (table,) = struct.unpack_from(
        order + ("Q" if bits == 64 else "I"), data, 40 if bits == 64 else 32
    )
    return int(table) + number * (64 if bits == 64 else 40)


@pytest.mark.parametrize(("order", "bits"), VARIANTS)
def test_what_the_header_tells(tmp_path, build, order, bits):
    path = tmp_path / "object"
    path.write_bytes(build.elf_object({".BTF": BLOB}, order=order, bits=bits, machine=247))
    found = btf_sections(path)
    assert (found.btf, found.pointer_size, found.is_bpf) == (BLOB, bits // 8, True)


@pytest.mark.parametrize(("order", "bits"), VARIANTS)
def test_damage_elsewhere_hides_nothing(tmp_path, build, order, bits):
    """Not a symbol table without a size for its entries, nor one far beyond the end."""
    path = tmp_path / "object"
    sections = {".rela": bytes(8), ".BTF": BLOB, ".debug": bytes(8)}
    data = build.elf_object(sections, [("x", 1, 1, 1, 1)], order=order, bits=bits)
    for number in (1, 3, 4, 5):
        data = patched(
            data, header_at(data, order, bits, number) + 4, order, "I", 2 + number % 3
        )  # sh_type
        size_at = 32 if bits == 64 else 20
        data = patched(data, header_at(data, order, bits, number) + size_at, order, "I", 0xFFFFFFF0)
    path.write_bytes(data)
    assert btf_section(path) == BLOB


@pytest.mark.parametrize(("order", "bits"), VARIANTS)
def test_a_number_of_sections_too_large_for_the_header(tmp_path, build, order, bits):
    """It is in the first section header, as is the number of the section of names."""
    path = tmp_path / "object"
    data = build.elf_object({".BTF": BLOB}, order=order, bits=bits)
    counts = 60 if bits == 64 else 48
    count, names = struct.unpack_from(f"{order}HH", data, counts)
    data = patched(data, counts, order, "HH", 0, 0xFFFF)
    first = header_at(data, order, bits, 0)
    data = patched(
        data, first + (32 if bits == 64 else 20), order, "Q" if bits == 64 else "I", count
    )
    data = patched(data, first + (40 if bits == 64 else 24), order, "I", names)
    path.write_bytes(data)
    assert btf_section(path) == BLOB


def test_a_section_is_not_unpacked_beyond_its_bound(tmp_path, build):
    """3 MB that unpack to 6 GiB: neither if the header says so, nor if it lies."""
    path = tmp_path / "bomb"
    data = build.elf_object({".BTF": bytes(1 << 20)}, compress=[".BTF"])
    at = 64  # the compressed section comes first
    path.write_bytes(patched(data, at + 8, "<", "Q", 6 << 30))
    with pytest.raises(TargetError, match=r"section \.BTF unpacks to 6442450944 bytes; expected"):
        btf_section(path)
    path.write_bytes(patched(data, at + 8, "<", "Q", 1000))
    with pytest.raises(TargetError, match="it unpacks to more instead of 1000 bytes"):
        btf_section(path)
    path.write_bytes(patched(data, at + 8, "<", "Q", 1 << 21))
    with pytest.raises(TargetError, match="it unpacks to 1048576 instead of 2097152 bytes"):
        btf_section(path)


def test_a_bomb_costs_nothing(tmp_path, build):
    """Unpacking stops at the size that the header tells, though there is more."""
    packer = zlib.compressobj(9)
    million = bytes(1 << 20)
    body = b"".join(packer.compress(million) for _ in range(1 << 10)) + packer.flush()
    data = build.elf_object({".BTF": struct.pack("<I4xQQ", 1, 4096, 8) + body})
    at = header_at(data, "<", 64, 1) + 8
    path = tmp_path / "bomb"
    path.write_bytes(patched(data, at, "<", "Q", 0x800))
    with processor_seconds(5), pytest.raises(TargetError, match="unpacks to more instead of 4096"):
        btf_section(path)


def test_a_bomb_that_says_it_is_empty(tmp_path, build):
    """To zlib, and so to pyelftools, 0 is no bound."""
    path = tmp_path / "bomb"
    data = build.elf_object({".BTF": bytes(1 << 20)}, compress=[".BTF"])
    path.write_bytes(patched(data, 64 + 8, "<", "Q", 0))
    with pytest.raises(TargetError, match="it unpacks to more instead of 0 bytes"):
        btf_section(path)


def test_names_without_an_end(tmp_path, build):
    """60,000 sections, each with a name of a megabyte: to read them would take minutes."""
    path = tmp_path / "names"
    count, size = 60_000, 1 << 20
    data = build.elf_object({".text": b"."})
    first = header_at(data, "<", 64, 0)
    null, text, names = (data[first + n * 64 :][:64] for n in range(3))
    names = patched(names, 24, "<", "QQ", first + count * 64, size)  # sh_offset, sh_size
    head = patched(data[:first], 60, "<", "HH", count, 2)
    path.write_bytes(head + null + text + names + text * (count - 3) + b"n" * size)
    with processor_seconds(30), pytest.raises(TargetError, match=r"without a \.BTF section"):
        btf_section(path)


def test_more_sections_than_are_read(tmp_path, build):
    """Their number is refused, though the file, which is sparse, has room for all of them."""
    path = tmp_path / "sparse"
    data = patched(build.elf_object({".BTF": BLOB}), 60, "<", "H", 0)
    path.write_bytes(patched(data, header_at(data, "<", 64, 0) + 32, "<", "Q", 1 << 29))
    with path.open("r+b") as file:
        file.truncate(40 << 30)
    with processor_seconds(5), pytest.raises(TargetError, match="it has 536870912 sections"):
        btf_section(path)


def test_a_section_that_is_too_large_or_not_there(tmp_path, build):
    path = tmp_path / "sparse"
    data = build.elf_object({".BTF": BLOB})
    size_at = header_at(data, "<", 64, 1) + 32
    path.write_bytes(patched(data, size_at, "<", "Q", 1 << 40))
    with pytest.raises(TargetError, match=r"section \.BTF lies beyond the end of the file"):
        btf_section(path)
    path.write_bytes(patched(data, size_at, "<", "Q", MAX_BTF + 1))
    with path.open("r+b") as file:
        file.truncate(40 << 30)
    with pytest.raises(TargetError, match=f"has {MAX_BTF + 1} bytes; expected at most"):
        btf_section(path)


@pytest.mark.parametrize(("kind", "match"), [(2, "with zstd; .*objcopy --decomp"), (9, "method 9")])
def test_other_compression_is_named(tmp_path, build, kind, match):
    path = tmp_path / "object"
    data = build.elf_object({".BTF": BLOB}, compress=[".BTF"])
    path.write_bytes(patched(data, 64, "<", "I", kind))
    with pytest.raises(TargetError, match=match):
        btf_section(path)


def test_damaged_headers(tmp_path: Path, build) -> None:
    path = tmp_path / "object"
    data = build.elf_object({".BTF": BLOB})
    for at, code, value, match in (
        (58, "H", 63, "its section headers have 63 bytes, not 64"),
        (60, "H", 0xFF00, "ends before its table of sections"),
        (40, "Q", 1 << 63, "ends before its table of sections"),
        (62, "H", 77, "without a .BTF section"),
        (40, "Q", 0, "without a .BTF section"),
    ):
        path.write_bytes(patched(data, at, "<", code, value))
        with pytest.raises(TargetError, match=match):
            btf_section(path)
    for cut in (4, 5, 40, 63):
        path.write_bytes(data[:cut])
        with pytest.raises(TargetError, match="header is damaged or cut short"):
            btf_section(path)


def test_no_section_where_nothing_is_in_the_file(tmp_path, build):
    path = tmp_path / "object"
    data = build.elf_object({".BTF": BLOB, ".bss": b""})
    path.write_bytes(patched(data, header_at(data, "<", 64, 1) + 4, "<", "I", 8))  # SHT_NOBITS
    with path.open("rb") as file:
        assert ElfFile(path, file).section(".BTF", MAX_BTF) is None
        assert ElfFile(path, file).section(".bss", MAX_BTF) == b""
        assert ElfFile(path, file).section(".none", MAX_BTF) is None
