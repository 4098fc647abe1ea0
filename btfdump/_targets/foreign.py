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
_HYPER_V = "convert it: vm2core, of Microsoft's azure-linux-utils, makes an ELF vmcore of it"
_QEMU_SAVE = "restore the guest and dump it: virsh dump --memory-only --format elf GUEST VMCORE"
_WINDOWS = "a crash dump of Windows has no Linux kernel in it"
_XEN_SAVE = (
    "is what 'xl save' wrote of a Xen guest",
    "drgn cannot read Xen's formats: let the guest write a vmcore with kdump",
)
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
