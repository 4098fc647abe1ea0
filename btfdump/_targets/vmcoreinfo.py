"""VMCOREINFO: the text note in which a kernel tells dump tools about itself.

Mirrors kernel/vmcore_info.c (crash_save_vmcoreinfo_init) and the functions
arch_crash_save_vmcoreinfo().
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from btfdump._targets.memory import ByteOrder

FIRST_LINE = b"OSRELEASE="
# vmcoreinfo_data is one page; the largest page size of any architecture bounds it.
MAX_SIZE = 0x10000
# Lines that only one architecture writes, most telling first
# (arch/*/kernel/{vmcore_info,machine_kexec}*.c).
_ARCH_LINES = (
    ("NUMBER(KERNEL_IMAGE_SIZE)", "x86_64"),
    ("SYMBOL(init_top_pgt)", "x86_64"),
    ("SYMBOL(init_level4_pgt)", "x86_64"),
    ("NUMBER(sme_mask)", "x86_64"),
    ("NUMBER(kimage_voffset)", "aarch64"),
    ("NUMBER(TCR_EL1_T1SZ)", "aarch64"),
    ("SYMBOL(lowcore_ptr)", "s390x"),
    ("NUMBER(va_kernel_pa_offset)", "riscv64"),
    ("NUMBER(satp)", "riscv64"),
    ("SYMBOL(vmemmap_list)", "ppc64"),
    ("NUMBER(RADIX_MMU)", "ppc64"),
    ("SYMBOL(cpu_pgd)", "ppc64"),
    ("CONFIG_ARM_LPAE", "arm"),
    ("CONFIG_X86_PAE", "i386"),
)


def parse(raw: bytes) -> dict[str, str]:
    """Return the `KEY=value` lines of a VMCOREINFO note.

    Lines without `=` are ignored, and so is everything from a NUL on.
    """
    text = raw.partition(b"\0")[0].decode("ascii", "replace")
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def symbol(info: Mapping[str, str], name: str) -> int:
    """Return the address on the line `SYMBOL(name)=hex`, or 0 where there is none."""
    return parse_hex(info.get(f"SYMBOL({name})", ""))


def symbols(info: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """Yield (name, address) of every line `SYMBOL(name)=hex`."""
    for key in info:
        if key.startswith("SYMBOL(") and key.endswith(")"):
            name = key[len("SYMBOL(") : -1]
            if address := symbol(info, name):
                yield name, address


def number(info: Mapping[str, str], name: str) -> int | None:
    """Return the number on the line `NUMBER(name)=`, decimal or with 0x; None if there is none."""
    try:
        return int(info.get(f"NUMBER({name})", ""), 0)
    except ValueError:
        return None


def kernel_offset(info: Mapping[str, str]) -> int:
    """Return KERNELOFFSET, the KASLR shift in bytes, or 0 where there is none."""
    return parse_hex(info.get("KERNELOFFSET", ""))


def page_size(info: Mapping[str, str]) -> int:
    """Return PAGESIZE in bytes; 4096 where it is missing or absurd."""
    value = info.get("PAGESIZE", "")
    size = int(value) if value.isdecimal() else 0
    return size if size and size & (size - 1) == 0 and size <= 1 << 20 else 4096


def guess_machine(info: Mapping[str, str], byteorder: ByteOrder) -> str:
    """Return the architecture whose own lines are in `info` ("x86_64"), "" if nothing tells."""
    for key, machine in _ARCH_LINES:
        if key in info:
            return "ppc64le" if machine == "ppc64" and byteorder == "little" else machine
    return ""


def plausible(raw: bytes) -> bool:
    """Whether `raw` looks like a whole VMCOREINFO text rather than a stray string."""
    info = parse(raw)
    return (
        bool(info.get("OSRELEASE"))
        and info.get("PAGESIZE", "").isdecimal()
        and "SYMBOL(_stext)" in info
    )


def parse_hex(text: str) -> int:
    """Return the value of hex digits, with or without 0x; 0 for anything else."""
    try:
        return int(text, 16)
    except ValueError:
        return 0
