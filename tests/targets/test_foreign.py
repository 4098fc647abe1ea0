"""Files in formats that are not read: named, each with what makes a vmcore of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._targets import dumpfile
from btfdump._targets.elf import ElfSymbols, read_btf
from btfdump._targets.foreign import FORMATS
from btfdump.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEEN = [
    (0, b"EMiL\1\0\0\0", "LiME.*avml-convert --source-format lime --format raw .*crash "),
    (0, b"AVML\2\0\0\0", "AVML.*avml-convert --source-format lime_compressed "),
    (0, b"\xd2\xbe\xd2\xbe", "VMware.*vmss2core -N6 "),
    (0, b"\xd1\xba\xd1\xba", "VMware.*vmss2core -N6 "),
    (0, b"\x14\x20\x28\x01", "Hyper-V.*vm2core"),
    (0, b"LibvirtQemudSave\2\0\0\0", "virsh save.*virsh dump --memory-only "),
    (0, b"LibvirtQemudPart\2\0\0\0", "unfinished .*virsh dump --memory-only "),
    (0, b"QEVM\0\0\0\3", "QEMU.*virsh dump --memory-only "),
    (0, b"QFI\xfb\0\0\0\3", "qcow2 disk.*virsh dump --memory-only "),
    (0, b"vhdxfile", "Hyper-V disk.*vm2core.*; or copy out .*: virt-copy-out -a "),
    (0, b"conectix\0\0\0\2", "Hyper-V disk.*vm2core"),
    (0, b"KDMV\1\0\0\0", "VMware disk.*vmss2core -N6 .*; or copy out .*: virt-copy-out -a "),
    (0, b"COWD\1\0\0\0", "VMware disk.*vmss2core"),
    (0, b"# Disk DescriptorFile\nversion=1\n", "VMware disk.*vmss2core"),
    (0x40, b"\x7f\x10\xda\xbe\1\0\1\0", "VirtualBox disk.*VBoxManage debugvm GUEST dumpvmcore"),
    (0, b"\x7fVirtualBox SavedState V2.0\n", "VirtualBox's saved.*VBoxManage debugvm "),
    (0, b"\xa8\x19\1\x73\x61\x8f\x23\xfd\0\0\0\5", "s390's dump tools.*zgetdump -f elf "),
    (0, b"\xa8\x19\1\x73\x61\x8f\x23\xfe\0\0\0\1", "s390's dump tools.*zgetdump -f elf "),
    (0, b"DISKDUMP\1\0\0\0", "diskdump.*has no BTF; crash"),
    (0, b"\xed\x23\x8f\x61\x73\1\x19\xa8", "LKCD.*has no BTF; crash"),
    (0, b"\xa8\x19\1\x73\x61\x8f\x23\xed", "LKCD.*has no BTF; crash"),
    (257, b"ustar\x0000", "tar archive.*tar -xf "),
    (257, b"ustar  \0", "tar archive.*tar -xf "),
    (0, b"7z\xbc\xaf\x27\x1c\0\4", "7z archive.*7z x "),
    (0, b"\xed\xab\xee\xdb\3\0", "RPM package.*rpm2cpio "),
    (0, b"!<arch>\ndebian-binary   ", "Debian package.*dpkg-deb -x "),
    (0, b"PAGEDU64", "Windows crash dump"),
    (0, b"PAGEDUMP", "32-bit Windows crash dump"),
    (0, b"MDMP", "Windows minidump"),
    (0, b"LinuxGuestRecord", "xl save.*kdump"),
    (0, b"Xen saved domain, xl format\n \0 \r", "xl save.*kdump"),
    (0, b"\xff" * 8 + b"XENF\0\0\0\3", "xl save.*kdump"),
    (0, b"HIBR", "hibernated Windows; .* no Linux kernel in it"),
    (0x202, b"HdrS", "bzImage.*scripts/extract-vmlinux "),
    (4, b"zimg", "EFI image of a kernel.*extract-vmlinux "),
    (0x38, b"ARMd", "arm64 Image.*extract-vmlinux "),
    (0x38, b"RSC\x05", "riscv64 Image.*extract-vmlinux "),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd.*zstd -d "),
    (0, b"\x89LZO", "compressed with lzop.*lzop -d "),
]


def image(at: int, magic: bytes) -> bytes:
    return (bytes(at) + magic).ljust(5000, b"\0")


@pytest.mark.parametrize(("at", "magic", "match"), SEEN)
def test_named_wherever_a_file_is_expected(
    tmp_path: Path, at: int, magic: bytes, match: str
) -> None:
    path = tmp_path / "image"
    path.write_bytes(image(at, magic))
    for use, expected in (
        (dumpfile.sniff, "expected a vmcore"),
        (read_btf, "expected raw BTF"),
        (ElfSymbols, "expected the vmlinux"),
    ):
        with pytest.raises(TargetError, match=match) as error:
            use(path)
        assert str(error.value).startswith(f"{path}: ")
        assert expected in str(error.value)
        assert "\n" not in str(error.value)
        assert "{" not in str(error.value)


def test_a_vmcore_where_btf_is_expected(sample: Callable[[str], Path]) -> None:
    with pytest.raises(TargetError, match="is a vmcore; expected raw BTF"):
        read_btf(sample("tagged"))


def test_every_format_is_named_by_itself() -> None:
    """No magic hides another one, and every message can be made."""
    for one in FORMATS:
        head = image(one.offset, one.magic)
        first = next(f for f in FORMATS if head.startswith(f.magic, f.offset))
        assert first.magic == one.magic
        assert "{" not in one.remedy.format(path="PATH")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("guest.vmem", "VMware's memory.*vmss2core -N6 GUEST.vmss "),
        ("G.BIN", r"no header that is known; .* if it is Hyper-V's memory of a guest.*vm2core"),
        ("guest.vsv", "Hyper-V's saved state.*vm2core"),
        ("guest.vhd", "Hyper-V disk image, without a header.*vm2core"),
        ("guest-flat.vmdk", "VMware's content of a disk, without a header.*vmss2core -N6 "),
    ],
)
def test_without_a_header_by_its_name(tmp_path: Path, name: str, match: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x53\xff\0\xf0" * 2000)
    with pytest.raises(TargetError, match=match):
        dumpfile.sniff(path)
    with pytest.raises(TargetError, match=r"starts with b'S\\xff\\x00\\xf0S"):
        dumpfile.sniff(path.rename(tmp_path / "other"))
