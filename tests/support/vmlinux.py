"""A vmlinux made by hand: .BTF sections and a symbol table."""

from __future__ import annotations

BLOB = b"\x9f\xeb\x01\0" + bytes(range(200)) * 3
LINK = 0xFFFFFFFF81000000
FUNC, OBJECT, NOTYPE, LOCAL_OBJECT, SECTION = 0x12, 0x11, 0x10, 0x01, 0x03
SYMBOLS = [
    ("", LINK, 0, SECTION, 1),
    ("_text", LINK, 0, NOTYPE, 1),
    ("_stext", LINK, 0, NOTYPE, 1),
    ("do_exit", LINK + 0x100, 0x80, FUNC, 1),
    ("__pfx_schedule", LINK + 0x1F0, 16, FUNC, 1),
    ("schedule", LINK + 0x200, 0x40, FUNC, 1),
    ("external", 0, 0, NOTYPE, 0),
    ("cache", LINK + 0x2400, 8, LOCAL_OBJECT, 2),
    ("cache", LINK + 0x2300, 8, LOCAL_OBJECT, 2),
    ("init_task", LINK + 0x2000, 0x200, OBJECT, 2),
    ("task", LINK + 0x2200, 8, OBJECT, 2),
    ("__per_cpu_start", 0, 0, NOTYPE, 3),
    ("runqueues", 0x1A00, 0xC00, OBJECT, 3),
    ("_end", LINK + 0x4000, 0, NOTYPE, 2),
]


def vmlinux(build, order="<", bits=64, **more):
    mask = (1 << bits) - 1
    symbols = [(name, value & mask, *rest) for name, value, *rest in SYMBOLS]
    notes = build.elf_note("GNU", 3, bytes.fromhex("c0ffee"), order)
    sections = {".BTF": BLOB, ".notes": notes}
    return build.elf_object(sections, symbols, order=order, bits=bits, **more)
