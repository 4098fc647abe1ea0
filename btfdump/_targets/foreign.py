"""Files that are not what was expected: what they are, by how they begin, and what converts them.

Images of memory are written in many formats, of which drgn reads ELF and kdump-compressed ones. A
file in another is named, with the tool that makes a vmcore of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump.errors import TargetError

if TYPE_CHECKING:
    import os


class Format(NamedTuple):
    """A format that is known by `magic`, at byte `offset`; `remedy` says what to do with a file."""

    magic: bytes
    name: str
    remedy: str
    offset: int = 0


_TO_ELF = "then make a vmcore of the raw image: crash VMLINUX IMAGE.raw@0 -o VMCORE"
_AVML = (
    f"convert it: avml-convert --source-format {{}} --format raw {{{{path}}}} IMAGE.raw; {_TO_ELF}"
)
_VMWARE = (
    "is VMware's state of a guest",
    "convert it, with the .vmem beside it if there is one: vmss2core -N6 {path} [GUEST.vmem]",
)
_VMWARE_MAGICS = ("d0be", "d2be", "d3be", "d1ba", "d2ba")
_VM2CORE = "vm2core, of Microsoft's azure-linux-utils, makes an ELF vmcore of"
_HYPER_V = f"convert it: {_VM2CORE} it"
_QEMU_SAVE = "restore the guest and dump it: virsh dump --memory-only --format elf GUEST VMCORE"
_WINDOWS = "a crash dump of Windows has no Linux kernel in it"
_XEN_SAVE = (
    "is what 'xl save' wrote of a Xen guest",
    "drgn cannot read Xen's formats: let the guest write a vmcore with kdump",
)
_OUT_OF_A_DISK = "copy out what kdump has written there: virt-copy-out -a {path} /var/crash ."
_HYPER_V_DISK = f"a disk holds no memory; {_VM2CORE} the guest's saved state; or {_OUT_OF_A_DISK}"
_VMWARE_DISK = (
    "a disk holds no memory; convert the guest's .vmss or .vmsn, with the .vmem: "
    f"vmss2core -N6 GUEST.vmss GUEST.vmem; or {_OUT_OF_A_DISK}"
)
_VIRTUALBOX = "let VirtualBox dump the running guest: VBoxManage debugvm GUEST dumpvmcore"
_S390 = (
    "is a dump in the format of s390's dump tools",
    "convert it: zgetdump -f elf {path} > VMCORE, of s390-tools",
)
_BEFORE_BTF = "a kernel that writes such dumps has no BTF; crash, with its vmlinux, reads them"
_EXTRACT = (
    "extract it: scripts/extract-vmlinux {path} > vmlinux, of the kernel's source; "
    "one with symbols is in the distribution's package of debug symbols"
)

FORMATS = (
    # Compressed files
    Format(b"\xfd7zXZ\0", "is compressed with xz", "decompress it first: xz -dk {path}"),
    Format(b"\x1f\x8b", "is compressed with gzip", "decompress it first: gzip -dk {path}"),
    Format(b"\x28\xb5\x2f\xfd", "is compressed with zstd", "decompress it first: zstd -d {path}"),
    Format(b"BZh", "is compressed with bzip2", "decompress it first: bzip2 -dk {path}"),
    Format(b"\x04\x22\x4d\x18", "is compressed with lz4", "decompress it first: lz4 -d {path}"),
    Format(b"\x89LZO", "is compressed with lzop", "decompress it first: lzop -d {path}"),
    Format(b"PK\x03\x04", "is a zip archive", "decompress it first: unzip {path}"),
    Format(b"7z\xbc\xaf\x27\x1c", "is a 7z archive", "decompress it first: 7z x {path}"),
    Format(b"ustar", "is a tar archive", "extract it first: tar -xf {path}", 257),
    Format(
        b"\xed\xab\xee\xdb",
        "is an RPM package",
        "extract it first: rpm2cpio {path} | cpio -idm; a vmlinux is in kernel-debuginfo",
    ),
    Format(
        b"!<arch>\ndebian-binary",
        "is a Debian package",
        "extract it first: dpkg-deb -x {path} FOLDER; a vmlinux is in linux-image-...-dbg",
    ),
    # Images of memory
    Format(b"EMiL", "is a LiME image of memory", _AVML.format("lime")),
    Format(b"AVML", "is an AVML image of memory", _AVML.format("lime_compressed")),
    *(Format(bytes.fromhex(magic) * 2, *_VMWARE) for magic in _VMWARE_MAGICS),
    Format(b"\x14\x20\x28\x01", "is Hyper-V's saved state of a guest (.vmrs or .vsv)", _HYPER_V),
    Format(b"LibvirtQemudSave", "is what 'virsh save' wrote of a guest", _QEMU_SAVE),
    Format(b"LibvirtQemudPart", "is an unfinished file of 'virsh save'", _QEMU_SAVE),
    Format(b"QEVM", "is QEMU's saved state of a guest", _QEMU_SAVE),
    Format(
        b"QFI\xfb",
        "is a qcow2 disk image",
        "a disk holds no memory but that of its snapshots: " + _QEMU_SAVE,
    ),
    Format(b"vhdxfile", "is a Hyper-V disk image (.vhdx)", _HYPER_V_DISK),
    Format(b"conectix", "is a Hyper-V disk image (.vhd)", _HYPER_V_DISK),
    Format(b"KDMV", "is a VMware disk image (.vmdk)", _VMWARE_DISK),
    Format(b"COWD", "is a VMware disk image (.vmdk)", _VMWARE_DISK),
    Format(b"# Disk DescriptorFile", "describes a VMware disk image (.vmdk)", _VMWARE_DISK),
    Format(
        b"\x7f\x10\xda\xbe",
        "is a VirtualBox disk image (.vdi)",
        f"a disk holds no memory; {_VIRTUALBOX}; or {_OUT_OF_A_DISK}",
        0x40,
    ),
    Format(b"\x7fVirtualBox SavedState", "is VirtualBox's saved state of a guest", _VIRTUALBOX),
    Format(bytes.fromhex("a8190173618f23fd"), *_S390),
    Format(bytes.fromhex("a8190173618f23fe"), *_S390),
    Format(b"DISKDUMP", "is a dump of diskdump, of Linux 2.4 or 2.6", _BEFORE_BTF),
    *(
        Format(magic, "is a dump of LKCD, of Linux 2.4 or 2.6", _BEFORE_BTF)
        for magic in (bytes.fromhex("a8190173618f23ed"), bytes.fromhex("ed238f61730119a8"))
    ),
    Format(b"PAGEDU64", "is a Windows crash dump", _WINDOWS),
    Format(b"PAGEDUMP", "is a 32-bit Windows crash dump", _WINDOWS),
    Format(b"MDMP", "is a Windows minidump", _WINDOWS),
    *(Format(magic, "is a hibernated Windows", _WINDOWS) for magic in (b"HIBR", b"hibr")),
    *(Format(magic, *_XEN_SAVE) for magic in (b"Xen saved domain", b"LinuxGuestRecord")),
    Format(b"XENF", *_XEN_SAVE, 8),
    # Kernels that boot
    Format(b"HdrS", "is a bzImage, a compressed kernel", _EXTRACT, 0x202),
    Format(b"zimg", "is a compressed EFI image of a kernel", _EXTRACT, 4),
    Format(b"ARMd", "is an arm64 Image of a kernel", _EXTRACT, 0x38),
    Format(b"RSC\x05", "is a riscv64 Image of a kernel", _EXTRACT, 0x38),
)
"""Every format that is known by what it begins with."""

_SUFFIXES = {
    ".vmem": Format(
        b"",
        "is VMware's memory of a guest, without a header",
        "convert it, with the .vmss or .vmsn beside it: vmss2core -N6 GUEST.vmss {path}",
    ),
    ".bin": Format(
        b"",
        "has no header that is known",
        f"if it is Hyper-V's memory of a guest, beside a .vsv, {_HYPER_V}",
    ),
    ".vsv": Format(b"", "is Hyper-V's saved state of a guest, beside its memory", _HYPER_V),
    ".vhd": Format(b"", "is a Hyper-V disk image, without a header", _HYPER_V_DISK),
    ".vmdk": Format(b"", "is VMware's content of a disk, without a header", _VMWARE_DISK),
}
"""What has no magic is known by its name alone."""


def refuse(path: str | os.PathLike[str], head: bytes, expected: str) -> None:
    """Raise `TargetError` if a file is in one of these formats, of which none is expected.

    `head` are its first `dumpfile.HEAD` bytes; `expected` says what would have been right.
    """
    from pathlib import Path

    found = next(
        (one for one in FORMATS if head.startswith(one.magic, one.offset)),
        _SUFFIXES.get(Path(path).suffix.lower()),
    )
    if found is not None:
        raise TargetError(f"{path}: {found.name}; {expected}; {found.remedy.format(path=path)}")
