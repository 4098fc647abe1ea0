"""Builders of small files that stand in for real ones."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from btfdump._targets import dumpfile
from btfdump._targets.running import RunningKernel

# Builders


def elf_core(
    segments=((0x1000, b"\0" * 64),),
    *,
    notes=(),
    machine=62,
    order="<",
    e_type=4,
    bits=64,
    memsz=None,
    xnum=False,
):
    """Build an ELF file: PT_NOTE, then a PT_LOAD for each (address, bytes), p_vaddr = p_paddr."""
    note = b"".join(elf_note(owner, kind, desc, order) for owner, kind, desc in notes)
    loads = [(4, 0, note, len(note))] + [
        (1, address, data, memsz or len(data)) for address, data in segments
    ]
    head, entry, section = (64, 56, 64) if bits == 64 else (52, 32, 40)
    at = head + entry * len(loads) + section
    headers = []
    for p_type, address, data, size in loads:
        if bits == 64:
            fields = (p_type, 6, at, address, address, len(data), size, 0)
            headers.append(struct.pack(f"{order}IIQQQQQQ", *fields))
        else:
            fields = (p_type, at, address, address, len(data), size, 6, 0)
            headers.append(struct.pack(f"{order}IIIIIIII", *fields))
        at += len(data)
    table, body = b"".join(headers), b"".join(data for _, _, data, _ in loads)
    shoff = head + entry * len(loads)
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "<" else 2, 1)) + bytes(9)
    word = "Q" if bits == 64 else "I"
    ehdr = ident + struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        *(e_type, machine, 1, 0, head, shoff if xnum else 0, 0, head, entry),
        *(0xFFFF if xnum else len(loads), section if xnum else 0, 1 if xnum else 0, 0),
    )
    shdr = bytearray(section)
    struct.pack_into(f"{order}I", shdr, 44 if bits == 64 else 28, len(loads))
    return ehdr + table + bytes(shdr) + body


def elf_note(owner: str, kind: int, desc: bytes, order: str = "<") -> bytes:
    name = owner.encode() + b"\0"
    head = struct.pack(f"{order}III", len(name), len(desc), kind)
    return head + name + bytes(-len(name) % 4) + desc + bytes(-len(desc) % 4)


def elf_object(sections, symbols=(), *, order="<", bits=64, machine=62, compress=()):
    """Build an ELF file of name -> bytes sections and (name, value, size, info, shndx) symbols."""
    word = "Q" if bits == 64 else "I"
    strings, table = b"\0", bytes(24 if bits == 64 else 16)
    for name, value, size, info, shndx in symbols:
        if bits == 64:
            table += struct.pack(f"{order}IBBHQQ", len(strings), info, 0, shndx, value, size)
        else:
            table += struct.pack(f"{order}IIIBBH", len(strings), value, size, info, 0, shndx)
        strings += name.encode() + b"\0"
    every = [(name, 1, data, 0) for name, data in sections.items()]
    if symbols:
        strtab = len(every) + 2
        every += [(".symtab", 2, table, strtab), (".strtab", 3, strings, 0)]
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in every) + b".shstrtab\0"
    every.append((".shstrtab", 3, names, 0))
    head, entry = (64, 64) if bits == 64 else (52, 40)
    body, headers, at = b"", bytes(entry), 1
    for name, kind, data, link in every:
        flags = 0
        if name in compress:
            chdr = "IIQQ" if bits == 64 else "III"
            fields = (1, 0, len(data), 8) if bits == 64 else (1, len(data), 8)
            data, flags = struct.pack(order + chdr, *fields) + zlib.compress(data), 0x800
        size_of = (24 if bits == 64 else 16) if kind == 2 else 0
        headers += struct.pack(
            f"{order}II{word}{word}{word}{word}II{word}{word}",
            *(at, kind, flags, 0, head + len(body), len(data), link, 0, 1, size_of),
        )
        body += data
        at += len(name) + 1
    ident = b"\x7fELF" + bytes((bits // 32, 1 if order == "<" else 2, 1)) + bytes(9)
    ehdr = ident + struct.pack(
        f"{order}HHI{word}{word}{word}IHHHHHH",
        *(2, machine, 1, 0, 0, head + len(body), 0, head, 0, 0, entry, len(every) + 1, len(every)),
    )
    return ehdr + body + headers


def kdump_from_elf(path: Path, **options):
    """Rewrite an ELF vmcore as a kdump-compressed file (of uncompressed pages)."""
    core = dumpfile.sniff(path)
    data = path.read_bytes()
    memory = [(part.paddr, data[part.offset : part.offset + part.filesz]) for part in core.segments]
    return kdump(memory, **options)


def kdump(memory, *, machine="", info=b"", order="<", block=4096):
    """Build a kdump-compressed file of uncompressed blocks from (physical address, bytes) pairs."""
    pages: dict[int, bytearray] = {}
    for start, data in memory:
        at = 0
        while at < len(data):
            number, offset = divmod(start + at, block)
            piece = data[at : at + block - offset]
            pages.setdefault(number, bytearray(block))[offset : offset + len(piece)] = piece
            at += len(piece)
    count = max(pages) + 1
    bitmap = bytearray(-(-count // 8))
    for page in pages:
        bitmap[page >> 3] |= 1 << (page & 7)
    blocks = -(-len(bitmap) // block)
    bits = bytes(bitmap).ljust(blocks * block, b"\0")
    head = bytearray(b"KDUMP   ".ljust(block, b"\0"))
    struct.pack_into(f"{order}i", head, 8, 6)
    for at, text in enumerate(("Linux", "guest", "6.12.95", "#1", machine)):
        head[12 + 65 * at : 12 + 65 * at + len(text)] = text.encode()
    fields = (0, block, 1, 2 * blocks, count, count, 0, len(pages), 0, 2)
    struct.pack_into(f"{order}IiiIIIIIIi", head, 424, *fields)
    note = elf_note("VMCOREINFO", 0, info, order) if info else b""
    sub = bytearray(max(block, 4096))
    where = (block + 256 + 24, len(info), block + 256, len(note)) if info else (0, 0, 0, 0)
    fields = (0, 31, 0, 0, 0, *where, 0, 0, 0, count, count)
    struct.pack_into(f"{order}QiiQQQQQQQQQQQ", sub, 0, *fields)
    sub[256 : 256 + len(note)] = note
    start = block * 2 + 2 * len(bits) + 24 * len(pages)
    descs = b"".join(
        struct.pack(f"{order}QIIQ", start + block * at, block, 0, 0) for at in range(len(pages))
    )
    body = b"".join(pages[page] for page in sorted(pages))
    return bytes(head) + bytes(sub) + bits + bits + descs + body


def kallsyms_tables(symbols, *, base=0xFFFFFFFF81000000, encoding="relative", order="<", word=8):
    """Compress (type letter + name, address) pairs as scripts/kallsyms.c does.

    Returns the memory as (address, bytes) pairs and the VMCOREINFO lines that lead to it.
    """
    texts = [text.encode() for text, _ in symbols]
    tokens = {byte: bytes((byte,)) for text in texts for byte in text}
    for code in range(255, -1, -1):
        pairs = Counter(text[at : at + 2] for text in texts for at in range(len(text) - 1))
        if code in tokens or not pairs:
            continue
        pair, uses = pairs.most_common(1)[0]
        if uses < 2:
            break
        tokens[code] = tokens[pair[0]] + tokens[pair[1]]
        texts = [text.replace(pair, bytes((code,))) for text in texts]
    names = b"".join(
        bytes((len(text),)) + text
        if len(text) < 128
        else bytes((len(text) & 0x7F | 0x80, len(text) >> 7)) + text
        for text in texts
    )
    table, index = b"", []
    for code in range(256):
        index.append(len(table))
        table += tokens.get(code, b"") + b"\0"
    at = {"kallsyms_num_syms": 0x1000, "kallsyms_names": 0x1008}
    at["kallsyms_token_table"] = (0x1008 + len(names) + 64) & ~7
    at["kallsyms_token_index"] = (at["kallsyms_token_table"] + len(table) + 7) & ~7
    at["kallsyms_offsets"] = at["kallsyms_token_index"] + 512
    addresses = [address for _, address in symbols]
    if encoding == "absolute":
        at["kallsyms_addresses"] = at.pop("kallsyms_offsets")
        where = at["kallsyms_addresses"]
        values = struct.pack(f"{order}{len(symbols)}{'Q' if word == 8 else 'I'}", *addresses)
    else:
        where = at["kallsyms_offsets"]
        if encoding == "place":
            numbers = [address - where - 4 * n for n, address in enumerate(addresses)]
        elif encoding == "percpu":
            numbers = [a if a < 1 << 31 else base - 1 - a for a in addresses]
        else:
            numbers = [address - base for address in addresses]
        numbers = [number & 0xFFFFFFFF for number in numbers]
        values = struct.pack(f"{order}{len(symbols)}I", *numbers)
    memory = [
        (at["kallsyms_num_syms"], struct.pack(f"{order}I", len(symbols))),
        (at["kallsyms_names"], names.ljust(at["kallsyms_token_table"] - 0x1008, b"\0")),
        (at["kallsyms_token_table"], table),
        (at["kallsyms_token_index"], struct.pack(f"{order}256H", *index)),
        (where, values),
    ]
    if encoding in ("relative", "percpu"):
        at["kallsyms_relative_base"] = where + len(values) + 8
        raw = struct.pack(f"{order}{'Q' if word == 8 else 'I'}", base)
        memory.append((at["kallsyms_relative_base"], raw))
    info = {f"SYMBOL({name})": f"{address:x}" for name, address in at.items()}
    known = {text[1:]: address for text, address in symbols}
    info["SYMBOL(_stext)"] = f"{known.get('_stext', 0):x}"
    return memory, info


@pytest.fixture(scope="session")
def build():
    """The builders above, for tests (they cannot import this file)."""
    return SimpleNamespace(
        elf_core=elf_core,
        elf_object=elf_object,
        elf_note=elf_note,
        kdump=kdump,
        kdump_from_elf=kdump_from_elf,
        kallsyms_tables=kallsyms_tables,
        sha256=lambda data: hashlib.sha256(data).hexdigest(),
    )


@pytest.fixture
def running(tmp_path):
    for folder in ("proc/sys/kernel", "sys/kernel/security", "sys/kernel/btf"):
        (tmp_path / folder).mkdir(parents=True)
    path = tmp_path
    while path != Path("/tmp") and path != path.parent:  # so that nobody gets this far
        path.chmod(path.stat().st_mode | 0o011)
        path = path.parent
    return RunningKernel(tmp_path)
