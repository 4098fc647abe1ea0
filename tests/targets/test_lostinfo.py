"""VMCOREINFO that no note tells of is found in memory."""

from __future__ import annotations

import drgn
import pytest

from btfdump._targets import dumpfile, lostinfo, vmcoreinfo
from btfdump._targets.via_drgn import open_core
from btfdump.errors import FaultError, MissingDataError


def test_elf_without_note(tmp_path, sample, truth):
    """VMCOREINFO is found in the guest's memory; QEMU's own notes make drgn refuse the file."""
    data = bytearray(sample("filtered").read_bytes())
    at = data.find(b"VMCOREINFO\0")
    data[at : at + 10] = b"XXXXXXXXXX"
    path = tmp_path / "core"
    path.write_bytes(data)
    plain = drgn.Program()
    with pytest.raises(ValueError, match="unrecognized QEMU memory dump"):
        plain.set_core_dump(path)
    with open_core(path) as target:
        assert target.release == truth("filtered")["kernel"]["release"]
        assert len(target.btf_bytes()) == truth("filtered")["vmlinux_btf"]["size"]
        with pytest.raises(FaultError):
            target.read(0x1000, 8)


def test_s390x_elf_without_note(tmp_path, sample, truth):
    data = bytearray(sample("s390x").read_bytes())
    start = dumpfile.sniff(sample("s390x")).segments[0].offset
    at = data.find(b"VMCOREINFO\0", 0, start)
    data[at : at + 10] = b"XXXXXXXXXX"
    path = tmp_path / "core"
    path.write_bytes(data)
    core = dumpfile.sniff(path)
    found = list(lostinfo.find_vmcoreinfo(core))
    assert len(found) >= 1
    assert vmcoreinfo.parse(found[0])["OSRELEASE"] == truth("s390x")["kernel"]["release"]
    with open_core(path) as target:
        assert target.symbol("init_task") == int(truth("s390x")["kernel"]["init_task"], 16)
        assert len(target.btf_bytes()) == truth("s390x")["vmlinux_btf"]["size"]


def test_s390x_elf_with_one_segment_at_zero(tmp_path, sample, truth, build):
    """QEMU's own shape: no VMCOREINFO, one PT_LOAD with p_paddr 0, which drgn takes for unknown."""
    data = sample("s390x").read_bytes()
    parts = dumpfile.sniff(sample("s390x")).segments
    size = parts[-1].paddr + parts[-1].filesz
    notes = [("CORE", 1, bytes(336)), ("LINUX", 0x300, bytes(64))]
    head = build.elf_core([(0, b"")], notes=notes, machine=22, order=">", memsz=size)
    # The PT_LOAD is the second program header; its p_filesz is the 8 bytes at 32.
    at = 64 + 56 + 32
    path = tmp_path / "core"
    with path.open("wb") as file:  # sparse
        file.write(head[:at] + size.to_bytes(8, "big") + head[at + 8 :])
        for part in parts:
            file.seek(len(head) + part.paddr)
            file.write(data[part.offset : part.offset + part.filesz])
    with open_core(path) as target:
        assert target.release == truth("s390x")["kernel"]["release"]
        assert build.sha256(target.btf_bytes()) == truth("s390x")["vmlinux_btf"]["sha256"]
        assert len(target.per_cpu_offsets) == 2


def test_many_segments(tmp_path, build):
    """QEMU with paging=true writes more program headers than e_phnum can count."""
    path = tmp_path / "core"
    parts = [(at << 12, b"x") for at in range(70000)]
    path.write_bytes(build.elf_core(parts, xnum=True))
    assert len(dumpfile.sniff(path).segments) == 70000


def test_scan_tells_progress_and_stops(tmp_path, build):
    text = b"OSRELEASE=6.1\nPAGESIZE=4096\nSYMBOL(_stext)=1\n"
    page = (text + b"\0").ljust(4096, b"\0")
    path = tmp_path / "core"
    path.write_bytes(build.elf_core([(0x1000, bytes(4096) + page), (0x8000, page)]))
    core = dumpfile.sniff(path)
    told: list[int] = []
    assert list(lostinfo.find_vmcoreinfo(core, told.append)) == [text]
    assert told == [8192, 12288]
    assert list(lostinfo.find_vmcoreinfo(core, limit=0)) == []


def test_scan_of_blocks(build):
    text = b"OSRELEASE=6.1\nPAGESIZE=4096\nSYMBOL(_stext)=1\n"
    other = text.replace(b"6.1", b"6.2")
    note = (b"VMCOREINFO\0\0" + other + b"\0").rjust(4090, b"y").ljust(4096, b"z")
    memory = [
        b"",
        bytes(1) + text.ljust(4095),
        text.ljust(4096, b"\0"),
        note,
        b"",
        text.ljust(4096, b"\0"),
    ]
    asked = []

    def read(address):
        asked.append(address)
        at = address >> 12
        return memory[at] if at < len(memory) else b""

    find = lostinfo.find_vmcoreinfo_in_blocks
    assert list(find(read, 4096, 6)) == [text, other]
    assert max(asked) <= 6 << 12
    assert list(find(read, 4096, 6, limit=0)) == []
    note = b"VMCOREINFO\0\0" + text
    split = note.rjust(4096, b"\0"), b"SYMBOL(x)=1\n" + bytes(100)
    assert list(find(lambda at: split[at >> 12], 4096, 1)) == [text + b"SYMBOL(x)=1\n"]


def test_blocks_that_are_all_missing_are_not_searched_for_ever(monkeypatch):
    monkeypatch.setattr(lostinfo, "_MAX_ABSENT", 100)
    asked = []

    def read(address):
        asked.append(address)
        return b"" if address else bytes(4096)

    assert list(lostinfo.find_vmcoreinfo_in_blocks(read, 4096, 1 << 47)) == []
    assert len(asked) == 102


LITTLE = b"OSRELEASE=%s\nPAGESIZE=4096\n"
"""All that some hypervisors write of VMCOREINFO."""


@pytest.fixture
def incomplete(sample, truth):
    """Return the bytes of an ELF dump whose note has two lines, and the release in them."""
    data = bytearray(sample("filtered").read_bytes())
    release = truth("filtered")["kernel"]["release"].encode()
    at = data.find(b"OSRELEASE=", data.find(b"VMCOREINFO\0"))
    size = int.from_bytes(data[data.find(b"VMCOREINFO\0") - 8 :][:4], "little")
    assert bytes(data[at:]).startswith(b"OSRELEASE=" + release)
    data[at : at + size] = (LITTLE % release).ljust(size, b"\0")
    return data


def test_elf_with_an_incomplete_note(tmp_path, incomplete, truth):
    """The whole VMCOREINFO is in the guest's memory."""
    path = tmp_path / "core"
    path.write_bytes(incomplete)
    with open_core(path) as target:
        assert target.vmcoreinfo == vmcoreinfo.parse(
            truth("filtered")["kernel"]["vmcoreinfo"].encode()
        )
        assert len(target.btf_bytes()) == truth("filtered")["vmlinux_btf"]["size"]


@pytest.mark.parametrize("text", [LITTLE % b"6.1.0", b"OSRELEASE=6.1.0\n"])
@pytest.mark.parametrize("form", ["elf", "kdump"])
def test_incomplete_and_not_in_memory(tmp_path, build, form, text):
    path = tmp_path / "core"
    memory = [(at << 12, b"x" * 4096) for at in range(3)]
    if form == "elf":
        path.write_bytes(build.elf_core(memory, notes=[("VMCOREINFO", 0, text)], machine=62))
    else:
        path.write_bytes(build.kdump(memory, info=text, machine="x86_64"))
    with pytest.raises(MissingDataError, match=r"incomplete VMCOREINFO .*none in its memory; dump"):
        open_core(path)


def test_kdump_with_an_incomplete_vmcoreinfo(tmp_path, sample, truth, build):
    kernel = truth("filtered")["kernel"]
    info = LITTLE % kernel["release"].encode()
    path = tmp_path / "kdump"
    path.write_bytes(build.kdump_from_elf(sample("filtered"), info=info))
    with open_core(path) as target:
        assert target.vmcoreinfo == vmcoreinfo.parse(kernel["vmcoreinfo"].encode())
        assert target.read(target.symbol("init_task"), 8)
