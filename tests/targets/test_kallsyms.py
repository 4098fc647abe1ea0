"""Synthetic kallsyms tables: every encoding, both byte orders, and what may be missing."""

from __future__ import annotations

import pytest

from btfdump._targets import kallsyms
from btfdump._targets.buffer import BufferTarget
from btfdump._targets.kallsyms import Kallsyms
from btfdump._targets.memory import Platform
from btfdump.errors import AmbiguousSymbolError, CorruptDataError, FaultError, MissingDataError
from tests.support.kallsyms_image import BASE, IMAGE, table

PER_CPU = [("Afixed_percpu_data", 0), ("D__per_cpu_start", 0), ("Dpcpu_hot", 0x1000)]


@pytest.mark.parametrize("byteorder", ["little", "big"])
@pytest.mark.parametrize("encoding", ["relative", "percpu", "absolute", "place"])
def test_encodings(build, byteorder, encoding):
    symbols = (PER_CPU if encoding in ("percpu", "absolute") else []) + IMAGE
    platform = Platform(byteorder)
    target, info = table(build, symbols, platform, encoding=encoding)
    found = Kallsyms(target.read, info, platform)
    assert found.names() == [text[1:] for text, _ in symbols]
    addresses: dict[str, set[int]] = {}
    for text, address in symbols:
        addresses.setdefault(text[1:], set()).add(address)
    for name, known in addresses.items():
        assert [symbol.address for symbol in found.find_all(name)] == sorted(known)
        if len(known) == 1:
            assert {found.find(name)} == known
    with pytest.raises(AmbiguousSymbolError, match=r"2 symbols are called local_state\.3: at 0x"):
        found.find("local_state.3")
    assert found._by_name is None
    for absent in ("", "nosuch", "vfs_rea", "fs_read", "Tvfs_read", "vfs_read ", "\N{SNOWMAN}"):
        assert found.find(absent) is None


@pytest.mark.parametrize("encoding", ["relative", "absolute", "place"])
def test_32_bits(build, encoding):
    platform = Platform("little", 4)
    symbols = [(text, address - BASE + 0xC0100000) for text, address in IMAGE]
    target, info = table(build, symbols, platform, encoding=encoding, base=0xC0100000)
    found = Kallsyms(target.read, info, platform)
    assert found.find("init_task") == 0xC0102000
    assert found.nearest(0xC0102001) == ("init_task", 1)


def test_nearest(build):
    platform = Platform("little")
    target, info = table(build, PER_CPU + IMAGE, platform, encoding="percpu")
    found = Kallsyms(target.read, info, platform)
    assert found.nearest(BASE + 0x2000) == ("init_task", 0)
    assert found.nearest(BASE + 0x27FF) == ("init_task", 0x7FF)
    assert found.nearest(BASE + 0x2808) == ("super_blocks", 8)
    assert found.nearest(BASE + 0x310) == ("vfs_write", 0)
    assert found.nearest(BASE + 0x3FFF) is not None
    for outside in (0, 0x1000, BASE - 1, BASE + 0x4000, 1 << 64, -1):
        assert found.nearest(outside) is None
    assert found.extent("__per_cpu_offset") == 0x20
    assert found.extent("nosuch") == 0


def test_who_asks_for_many_names_finds_the_same(build):
    """After many, the names that occur twice are listed, and the others not searched for again."""
    platform = Platform("little")
    symbols = [("T_text", BASE), ("T_stext", BASE)]
    symbols += [(f"dname_{number}", BASE + 0x1000 + 8 * number) for number in range(200)]
    symbols += [("dtwice", BASE + 0x2000), ("dtwice", BASE + 0x2008)]
    target, info = table(build, sorted(symbols, key=lambda one: one[1]), platform)
    found = Kallsyms(target.read, info, platform)
    for _ in range(2):
        for number in range(200):
            assert [s.address for s in found.find_all(f"name_{number}")] == [
                BASE + 0x1000 + 8 * number
            ]
        assert [s.address for s in found.find_all("twice")] == [BASE + 0x2000, BASE + 0x2008]
    assert found._repeated is not None
    assert len(found._repeated) == 1


def test_who_asks_for_many_names_that_are_not_there_is_told_sooner(build):
    """A misspelt symbol is sought in hundreds of spellings, with those type letters that occur."""
    platform = Platform("little")
    target, info = table(build, IMAGE, platform)
    found = Kallsyms(target.read, info, platform)
    spellings = [f"nosuch_{number}" for number in range(100)]
    assert [found.find(name) for name in spellings] == [None] * 100
    assert {text[:1] for text, _ in IMAGE} == set(found._letters)
    assert len(list(found._compressed("nosuch"))) == len(found._letters) < 10
    assert found.find("init_task") == BASE + 0x2000


def test_names_compressed_in_another_way(build):
    """If a kernel did not compress as we do, names are expanded instead: slower, never wrong."""
    platform = Platform("little")
    symbols = [(text, address) for text, address in IMAGE if len(text) < 128]
    memory, info = build.kallsyms_tables(symbols)
    names_at = int(info["SYMBOL(kallsyms_names)"], 16)
    size = int(info["SYMBOL(kallsyms_token_table)"], 16) - names_at
    plain = b"".join(bytes((len(text),)) + text.encode() for text, _ in symbols)
    # Uncompressed names need more room: put them elsewhere, below the token table.
    info["SYMBOL(kallsyms_names)"] = f"{names_at + size - len(plain) - 8:x}"
    target = BufferTarget(memory)
    target.write(names_at + size - len(plain) - 8, plain + bytes(8))
    target.write(0xF00, target.read(0x1000, 4))
    info["SYMBOL(kallsyms_num_syms)"] = "f00"
    target.write(0xF00, len(symbols).to_bytes(4, "little"))
    found = Kallsyms(target.read, info, platform)
    assert found._by_name is not None
    assert found.find("init_task") == BASE + 0x2000
    assert found.find("nosuch") is None
    assert found.nearest(BASE + 0x2004) == ("init_task", 4)


def test_vmcoreinfo_before_6_0():
    with pytest.raises(MissingDataError, match=r"SYMBOL\(kallsyms_names\).*--vmlinux FILE"):
        Kallsyms(BufferTarget().read, {"SYMBOL(_stext)": "1000"}, Platform("little"))


@pytest.mark.parametrize(
    ("name", "patch"),
    [
        ("kallsyms_num_syms", b"\xff\xff\xff\xff"),
        ("kallsyms_num_syms", bytes(4)),
        ("kallsyms_num_syms", b"\xff\0\0\0"),
        ("kallsyms_names", b"\xff\xff\xff"),
        ("kallsyms_offsets", b"\1" * 64),
        ("kallsyms_relative_base", bytes(8)),
        ("kallsyms_token_index", bytes(512)),
        ("kallsyms_token_index", b"\xff" * 512),
    ],
)
def test_corrupt_tables(build, name, patch):
    target, info = table(build, IMAGE, Platform("little"))
    target.write(int(info[f"SYMBOL({name})"], 16), patch)
    with pytest.raises((CorruptDataError, FaultError)):
        Kallsyms(target.read, info, Platform("little"))


def test_tokens_of_any_length(build):
    """Each name is made of them: damage to a few bytes of their table took 1.3 GB."""
    target, info = table(build, IMAGE, Platform("little"))
    tokens = int(info["SYMBOL(kallsyms_token_table)"], 16)
    index = int(info["SYMBOL(kallsyms_token_index)"], 16)
    memory = BufferTarget({0x10000: b"a" * 5000 + b"\0" * 9000})

    def read(address: int, size: int) -> bytes:
        near = 0 <= address - tokens < 0x10000
        return memory.read(0x10000 + address - tokens, size) if near else target.read(address, size)

    assert tokens != index
    with pytest.raises(CorruptDataError, match=r"kallsyms has a part of a name of \d{4} bytes"):
        Kallsyms(
            lambda a, n: target.read(a, n) if a == index else read(a, n), info, Platform("little")
        )


def test_names_of_any_length(build, monkeypatch):
    target, info = table(build, IMAGE, Platform("little"))
    found = Kallsyms(target.read, info, Platform("little"))
    assert len(found.names()) == len(IMAGE)
    monkeypatch.setattr(kallsyms, "_MAX_TEXT", sum(len(text) for text, _ in IMAGE))
    assert len(found.names()) == len(IMAGE)
    monkeypatch.setattr(kallsyms, "_MAX_TEXT", sum(len(text) for text, _ in IMAGE) - 1)
    with pytest.raises(CorruptDataError, match=r"kallsyms has \d+ names of \d+ bytes together"):
        found.names()


def test_disagreement_with_vmcoreinfo(build):
    target, info = table(build, IMAGE, Platform("little"), encoding="absolute")
    info["SYMBOL(_stext)"] = "ffffffff82000000"
    with pytest.raises(CorruptDataError, match="_stext"):
        Kallsyms(target.read, info, Platform("little"))


def test_string_literals_are_not_named_after_kallsyms(build):
    """In rodata they follow the last table of kallsyms, which is large and has no size."""
    tables = [("Rkallsyms_token_index", BASE + 0x1100), ("Rkallsyms_seqs_of_names", BASE + 0x1500)]
    symbols = sorted([*IMAGE, *tables], key=lambda symbol: symbol[1])
    target, info = table(build, symbols, Platform("little"))
    found = Kallsyms(target.read, info, Platform("little"))
    assert found.nearest(BASE + 0x12FF) == ("kallsyms_token_index", 0x1FF)
    assert found.nearest(BASE + 0x1400) is None
    assert found.nearest(BASE + 0x1500 + 3 * len(symbols)) is not None  # the padding
    assert found.nearest(BASE + 0x1600) is None


@pytest.mark.parametrize("is_known", [True, False])
def test_a_variable_is_found_beside_functions_and_local_ones(build, is_known):
    """A global one is meant, else the only variable, whatever letters they have."""
    more = [
        ("tprobe", BASE + 0x400),
        ("T_etext", BASE + 0x500),
        ("tprobe", BASE + 0x2A00),
        ("dshared", BASE + 0x2B00),
        ("Dshared", BASE + 0x2C00),
    ]
    symbols = sorted([*IMAGE, *more], key=lambda symbol: symbol[1])
    target, info = table(build, symbols, Platform("little"))
    found = Kallsyms(target.read, info, Platform("little"))
    if not is_known:  # as if the kernel had compressed the names in an unknown way
        found._index = None
        found._by_name = {}
        for number, name in enumerate(found.names()):
            found._by_name.setdefault(name, []).append(number)
    assert found.find("probe") == BASE + 0x2A00
    assert found.find("shared") == BASE + 0x2C00
    assert [(s.address - BASE, s.is_code) for s in found.find_all("probe")] == [
        (0x400, True),
        (0x2A00, False),
    ]
