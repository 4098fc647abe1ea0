"""A small kernel image with symbols of every sort, compressed as scripts/kallsyms.c does."""

from __future__ import annotations

from btfdump._targets.buffer import BufferTarget

BASE = 0xFFFFFFFF81000000
IMAGE = [
    ("T_text", BASE),
    ("T_stext", BASE),
    ("tdo_one_initcall", BASE + 0x100),
    ("tdo_one_initcall.cold", BASE + 0x180),
    ("Tvfs_read", BASE + 0x200),
    ("T__pfx_vfs_write", BASE + 0x300),
    ("Tvfs_write", BASE + 0x310),
    ("R__start_rodata", BASE + 0x1000),
    ("R__start_BTF", BASE + 0x1010),
    ("R__stop_BTF", BASE + 0x1030),
    ("dlocal_state.3", BASE + 0x2000),
    ("Dinit_task", BASE + 0x2000),
    ("d__key.7", BASE + 0x2800),
    ("Dsuper_blocks", BASE + 0x2800),
    ("D__per_cpu_offset", BASE + 0x3000),
    ("Dnr_cpu_ids", BASE + 0x3020),
    ("dlocal_state.3", BASE + 0x3100),
    ("D" + "very_long_rust_like_symbol_name_" * 12, BASE + 0x3200),
    ("B_end", BASE + 0x4000),
]


def table(build, symbols, platform, **options):
    order = "<" if platform.byteorder == "little" else ">"
    word = platform.pointer_size
    memory, info = build.kallsyms_tables(symbols, order=order, word=word, **options)
    target = BufferTarget(memory, platform.byteorder, word)
    return target, info
