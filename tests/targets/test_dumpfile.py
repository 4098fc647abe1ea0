"""Files that are no vmcore, or no whole one: one line that says what was seen and what to do."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btfdump._targets import dumpfile, vmcoreinfo
from btfdump._targets.memory import UNMAPPED
from btfdump._targets.via_drgn import open_core
from btfdump.errors import FaultError, MissingDataError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


def rejected(path, match, kind=TargetError):
    with pytest.raises(kind, match=match) as error:
        open_core(path)
    text = str(error.value)
    assert "\n" not in text
    assert str(path) in text
    return text


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is empty; expected a vmcore"),
        (b"hello, world\n" * 100, "starts with b'hello, w'; expected a vmcore"),
        (b"\xfd7zXZ\0" + bytes(99), "compressed with xz; .*decompress it first: xz -dk "),
        (b"\x1f\x8b" + bytes(99), "compressed with gzip; .*gzip -dk "),
        (b"\x28\xb5\x2f\xfd" + bytes(99), "compressed with zstd; .*zstd -d "),
        (b"\x9f\xeb\x01\x00" + bytes(99), "raw BTF file; .*--btf FILE"),
        (b"\x7fELF", "damaged or truncated ELF header"),
        (b"\x7fELF\x09\x09" + bytes(99), "damaged or truncated ELF header"),
        (b"KDUMP   ", "header is truncated"),
        (b"KDUMP   " + bytes(5000), "architecture|VMCOREINFO"),
        (b"makedumpfile\0\0\0\0" + bytes(5000), "makedumpfile -R NEWFILE < "),
    ],
)
def test_content(tmp_path, content, match):
    path = tmp_path / "file"
    path.write_bytes(content)
    rejected(path, match)


def test_missing_directory_fifo(tmp_path):
    rejected(tmp_path / "nowhere", "no such file")
    rejected(tmp_path, "is a directory; expected a vmcore")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    rejected(fifo, "not a regular file")


def test_permission_error_is_told(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"x")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    rejected(path, "permission denied; expected a vmcore.*; it may take root to read it")


@pytest.mark.parametrize(
    ("e_type", "kind"), [(1, "relocatable"), (2, "executable"), (3, "shared object"), (9, "type 9")]
)
def test_elf_that_is_no_core(tmp_path, build, e_type, kind):
    path = tmp_path / "vmlinux"
    path.write_bytes(build.elf_core(e_type=e_type))
    rejected(path, f"ELF .*{kind}.*, not a core; .*--vmlinux FILE")


def test_core_of_a_process(tmp_path, build):
    path = tmp_path / "core"
    path.write_bytes(build.elf_core(notes=[("CORE", 1, bytes(336)), ("CORE", 6, bytes(320))]))
    rejected(path, "core dump of a user process")


def test_unsupported_machine(tmp_path, build):
    path = tmp_path / "core"
    path.write_bytes(build.elf_core(machine=2))
    rejected(path, "unknown architecture; expected one that drgn can read: x86_64")


def test_flattened_elf(tmp_path, build):
    core = build.elf_core()
    path = tmp_path / "flat"
    head = b"makedumpfile\0\0\0\0" + struct.pack(">qq", 1, 1)
    record = struct.pack(">qq", 0, len(core)) + core
    path.write_bytes(head.ljust(4096, b"\0") + record + struct.pack(">qq", -1, -1))
    rejected(path, "flattened ELF vmcore; .*makedumpfile -R NEWFILE < ")


@pytest.mark.parametrize("notes", [(), [("QEMU", 0, bytes(440)), ("CORE", 1, bytes(336))]])
def test_core_without_vmcoreinfo(tmp_path, build, notes):
    path = tmp_path / "core"
    path.write_bytes(build.elf_core([(0x1000, b"OSRELEASE=6.12\n" * 300)], notes=notes))
    text = rejected(path, "no VMCOREINFO note, and none in its memory", MissingDataError)
    assert "-device vmcoreinfo" in text


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("xnum", [False, True])
def test_program_headers(tmp_path, build, order, bits, xnum):
    """Also with PN_XNUM, where the number of program headers stands in section header 0."""
    path = tmp_path / "core"
    parts = [(0x1000, bytes(16)), (0x3000, bytes(32))]
    path.write_bytes(build.elf_core(parts, order=order, bits=bits, xnum=xnum, memsz=64))
    core = dumpfile.sniff(path)
    assert [(s.vaddr, s.paddr, s.filesz, s.memsz) for s in core.segments] == [
        (0x1000, 0x1000, 16, 64),
        (0x3000, 0x3000, 32, 64),
    ]
    assert core.byteorder == ("little" if order == "<" else "big")
    assert core.pointer_size == bits // 8
    assert not core.truncated


def test_a_class_that_the_header_is_not_laid_out_for(tmp_path, build):
    """It was taken for a dump of Xen, of which the number of program headers is 0."""
    for bits, said in ((64, "32-bit, and it is laid out as 64"), (32, "64-bit, and .* as 32")):
        data = bytearray(build.elf_core(bits=bits))
        data[4] ^= 3
        path = tmp_path / "core"
        path.write_bytes(data)
        rejected(path, f"damaged ELF header: by its class it is {said}-bit; .*copy the dump again")


@pytest.mark.parametrize("field", ["filesz", "memsz"])
@pytest.mark.parametrize("size", [(1 << 56) + 1, 1 << 63, (1 << 64) - 1])
def test_a_segment_of_more_memory_than_there_is(tmp_path, build, field, size):
    data = bytearray(build.elf_core([(0, bytes(64))]))
    struct.pack_into("<Q", data, 64 + 56 + (32 if field == "filesz" else 40), size)
    path = tmp_path / "core"
    path.write_bytes(data)
    rejected(path, f"damaged ELF program header: a segment of {size:#x} bytes, more memory than")


def test_truncated_program_headers(tmp_path, build):
    path = tmp_path / "core"
    path.write_bytes(build.elf_core()[:100])
    rejected(path, "is truncated")


# Dumps derived from the samples


def test_s390x_kdump(tmp_path, sample, truth, build, monkeypatch):
    """libkdumpfile cannot translate here; drgn's own page table walk is switched on."""
    monkeypatch.delenv("DRGN_PREFER_PGTABLE_READER", raising=False)
    info = truth("s390x")["kernel"]["vmcoreinfo"].encode()
    data = build.kdump_from_elf(sample("s390x"), machine="s390x", info=info, order=">")
    path = tmp_path / "kdump"
    path.write_bytes(data)
    with open_core(path) as target:
        assert target.platform.byteorder == "big"
        assert build.sha256(target.btf_bytes()) == truth("s390x")["vmlinux_btf"]["sha256"]
        with pytest.raises(FaultError):
            target.read(target.symbol("init_task") + (1 << 60), 8)
    assert "DRGN_PREFER_PGTABLE_READER" not in os.environ


def test_kdump_with_blank_utsname(tmp_path, sample, truth, build):
    """The architecture comes from VMCOREINFO; without that too it is said to be missing."""
    info = truth("filtered")["kernel"]["vmcoreinfo"].encode()
    path = tmp_path / "kdump"
    path.write_bytes(build.kdump_from_elf(sample("filtered"), info=info))
    with open_core(path) as target:
        assert target.platform.machine == "x86_64"
        assert len(target.btf_bytes()) == truth("filtered")["vmlinux_btf"]["size"]
    path.write_bytes(build.kdump_from_elf(sample("filtered")))
    with open_core(path) as target:  # found in its memory
        assert target.platform.machine == "x86_64"
        assert target.vmcoreinfo == vmcoreinfo.parse(info)
        assert build.sha256(target.btf_bytes()) == truth("filtered")["vmlinux_btf"]["sha256"]
    path.write_bytes(build.kdump([(at << 12, b"x" * 4096) for at in range(3)]))
    rejected(path, "no VMCOREINFO in the dump, and none in its memory", MissingDataError)


def test_kdump_cut_short_is_refused(tmp_path, sample):
    """libkdumpfile would die of SIGBUS at the first page behind the end of the file."""
    data = sample("tagged").read_bytes()
    path = tmp_path / "cut"
    for keep in (1 << 20, len(data) - 1):
        path.write_bytes(data[:keep])
        assert dumpfile.sniff(path).truncated
        rejected(path, f"is truncated: its pages end at byte {len(data)}.*truncate -s {len(data)} ")
    for keep in (9000, 30000):  # what tells the size is cut off itself
        path.write_bytes(data[:keep])
        assert "truncate" not in rejected(path, "is cut inside its headers.*copy it again")
    path.write_bytes(data)
    core = dumpfile.sniff(path)
    assert (core.truncated, core.whole_size) == (False, len(data))
    path.write_bytes(data[: len(data) // 2].ljust(len(data), b"\0"))
    with open_core(path) as target, pytest.raises((MissingDataError, FaultError)):
        target.btf_bytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 6])
def test_a_piece_of_a_split_dump(tmp_path, build, order, version):
    data = bytearray(build.kdump([(0, bytes(8192))], machine="x86_64", order=order))
    struct.pack_into(f"{order}i", data, 8, version)
    struct.pack_into(f"{order}i", data, 4096 + 12, 1)
    struct.pack_into(f"{order}QQ", data, 4096 + (80 if version == 6 else 16), 0x100, 0x300)
    path = tmp_path / "dump.1"
    path.write_bytes(data)
    rejected(path, "piece of a dump.* pages 0x100 to 0x300; .*makedumpfile --reassemble ")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [2, 6])
def test_a_piece_of_a_split_dump_of_a_32_bit_machine(tmp_path, order, version):
    data = bytearray(8192 + 4096)
    data[:8] = b"KDUMP   "
    struct.pack_into(f"{order}i", data, 8, version)
    data[12 + 4 * 65 : 12 + 4 * 65 + 6] = b"armv7l" if order == "<" else b"i686\0\0"
    struct.pack_into(f"{order}iiI", data, 416, 4096, 1, 2)
    path = tmp_path / "dump.1"
    path.write_bytes(data)
    assert dumpfile.sniff(path).pointer_size == 4
    struct.pack_into(f"{order}IiiII", data, 4096, 0, 31, 1, 0x100, 0x300)
    path.write_bytes(data)
    rejected(path, "is a piece of a dump that was split; .*makedumpfile --reassemble ")


def test_a_dump_that_is_marked_as_incomplete(tmp_path, sample):
    """What makedumpfile leaves when the disk is full: zeros, and pages that are missing."""
    data = bytearray(sample("tagged").read_bytes())
    (status,) = struct.unpack_from("<I", data, 424)
    struct.pack_into("<I", data, 424, status | 8)
    path = tmp_path / "incomplete"
    path.write_bytes(data)
    with open_core(path) as target:
        assert target.description == "vmcore (kdump-compressed, marked as incomplete)"
        (problem,) = target.problems
        assert problem.startswith(f"{path}: is marked as incomplete: ")
        with pytest.raises(FaultError, match=r"filtered.*, or lost: the dump is incomplete"):
            target.read(target.symbol("_stext"), 8)


@pytest.mark.parametrize(
    ("flags", "machine", "is_incomplete"), [(1, 62, 1), (0, 62, 0), (1, 243, 0)]
)
def test_an_elf_core_that_is_marked_as_incomplete(tmp_path, build, flags, machine, is_incomplete):
    """The flag is makedumpfile's; architectures that keep others there are not asked."""
    data = bytearray(build.elf_core(machine=machine))
    struct.pack_into("<I", data, 48, flags)
    path = tmp_path / "core"
    path.write_bytes(data)
    assert dumpfile.sniff(path).is_incomplete == is_incomplete


@pytest.mark.parametrize("field", ["p_vaddr", "p_paddr"])
@pytest.mark.parametrize("bits", [32, 64])
def test_a_segment_that_passes_the_end_of_addresses(tmp_path, build, bits, field):
    """drgn is never asked to map it; a physical address that is not known is no damage."""
    data = bytearray(build.elf_core([(0x1000, bytes(64))], bits=bits))
    load = (64 + 56 if bits == 64 else 52 + 32) + (16 if bits == 64 else 8)
    at = load + (bits // 8 if field == "p_paddr" else 0)
    word = "<Q" if bits == 64 else "<I"
    struct.pack_into(word, data, at, (1 << bits) - 63)
    path = tmp_path / "core"
    path.write_bytes(data)
    rejected(path, f"damaged ELF program header: {field} 0xff.* pass the end of {bits}-bit addr")
    struct.pack_into(word, data, at, (1 << bits) - 64)
    path.write_bytes(data)
    assert dumpfile.sniff(path).segments
    if field == "p_paddr":
        struct.pack_into(word, data, at, (1 << bits) - 1)
        path.write_bytes(data)
        assert dumpfile.sniff(path).segments


def test_xen(tmp_path, build):
    path = tmp_path / "core"
    path.write_bytes(build.elf_core(notes=[("CORE", 1, bytes(8)), ("Xen", 0x1000002, bytes(8))]))
    rejected(path, "is of a Xen host or guest; .*crash")
    data = bytearray(build.elf_core())
    struct.pack_into("<H", data, 56, 0)
    path.write_bytes(data)
    rejected(path, "ELF core without program headers, as 'xl dump-core' writes")


@pytest.mark.parametrize("order", ["<", ">"])
def test_kdump_blocks(tmp_path, build, order):
    path = tmp_path / "kdump"
    pages = [(at << 16, b"x" * 65536) for at in (1, 5)]
    path.write_bytes(build.kdump(pages, block=65536, order=order))
    core = dumpfile.sniff(path)
    assert (core.block_size, core.block_count, core.truncated) == (65536, 6, False)
    assert core.byteorder == ("little" if order == "<" else "big")


def test_kdump_of_more_blocks_than_its_bitmaps_have_bits(tmp_path, build):
    """2^47 of them were searched for a VMCOREINFO, one after the other."""
    data = bytearray(build.kdump([(0, bytes(8192))], machine="x86_64"))
    path = tmp_path / "kdump"
    path.write_bytes(data)
    known = dumpfile.sniff(path)
    assert known.block_count == 2
    struct.pack_into("<i", data, 8, 6)  # the version that has this number in the sub-header
    struct.pack_into("<Q", data, known.block_size + 96, 1 << 47)
    path.write_bytes(data)
    assert dumpfile.sniff(path).block_count == 0


@pytest.mark.parametrize(("at", "value"), [(428, 4097), (432, 0), (436, 0), (436, 1)])
def test_kdump_with_senseless_header(tmp_path, build, at, value):
    """Its blocks are not searched: libkdumpfile would look for them anywhere."""
    data = bytearray(build.kdump([(0, bytes(8192))], machine="x86_64"))
    struct.pack_into("<I", data, at, value)
    path = tmp_path / "kdump"
    path.write_bytes(data)
    assert dumpfile.sniff(path).block_count == 0
    rejected(path, "no VMCOREINFO in the dump|drgn cannot open it")


@pytest.mark.parametrize("block", [4096, 65536])
def test_kdump_in_large_blocks(tmp_path, sample, truth, build, block):
    """QEMU writes blocks of 64 KiB for every AArch64 guest; libkdumpfile takes them for pages."""
    info = truth("filtered")["kernel"]["vmcoreinfo"].encode()
    path = tmp_path / "kdump"
    path.write_bytes(build.kdump_from_elf(sample("filtered"), info=info, block=block))
    with open_core(path) as target:
        assert target.page_size == 4096
        assert build.sha256(target.btf_bytes()) == truth("filtered")["vmlinux_btf"]["sha256"]
        assert target.read(target.symbol("init_task"), 8)
        for address in (0, 0x1000, 1 << 47, target.symbol("_end") + (1 << 28)):
            with pytest.raises(FaultError, match=UNMAPPED):
                target.read(address, 8)


def test_vmcoreinfo_that_does_not_fit_its_blocks(tmp_path, build):
    info = b"OSRELEASE=6.1.0\nPAGESIZE=4096\nSYMBOL(_stext)=ffffffff81000000\n"
    info += b"SYMBOL(init_uts_ns)=ffffffff82000000\nOFFSET(uts_namespace.name)=0\n"
    info += b"SYMBOL(swapper_pg_dir)=ffffffff82100000\nNUMBER(phys_base)=0\n"
    path = tmp_path / "kdump"
    path.write_bytes(build.kdump([(0, bytes(65536))], block=65536, info=info, machine="x86_64"))
    rejected(path, "VMCOREINFO does not fit its memory.*ELF format")


@pytest.mark.parametrize(("name", "keep"), [("filtered", 0.3), ("s390x", 0.3), ("s390x", 0.9615)])
def test_an_elf_dump_that_is_cut_is_said_to_be(tmp_path, sample, name, keep):
    """Nothing else is blamed for what was behind its end."""
    data = sample(name).read_bytes()
    path = tmp_path / "cut"
    there = int(len(data) * keep)
    path.write_bytes(data[:there])
    with open_core(path) as target:
        said = f"{path}: is truncated: it has {there} bytes of {len(data)}"
        assert target.problems == (f"{said}; what is behind its end is missing: copy it again",)
        with pytest.raises(MissingDataError) as caught:
            target.btf_bytes()
    text = str(caught.value)
    assert text.startswith(f"{said}; the kernel's ")
    assert "; copy it again, or give the " in text


def test_a_cut_that_takes_nothing_that_is_needed(tmp_path, sample):
    data = sample("s390x").read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[:-4096])
    with open_core(path) as target:
        assert target.btf_bytes()
        assert len(target.problems) == 1
    path.write_bytes(data)
    with open_core(path) as target:
        assert target.problems == ()


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("name", ["tagged", "filtered", "s390x", "flattened"])
def test_truncated_dump(tmp_path, sample, name, keep):
    """Opens if the headers are there; what is cut off faults or is missing, in our own words."""
    data = sample(name).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[: int(len(data) * keep)])
    try:
        target = open_core(path)
    except TargetError as error:
        said = str(error)
    else:
        said = use_truncated(target, name)
    assert "\n" not in said


def use_truncated(target, name):
    if name in ("filtered", "s390x"):
        assert "truncated" in target.description
    try:
        target.btf_bytes()
        target.read(target.symbol("init_task"), 4096)
        assert target.per_cpu_offsets
    except (MissingDataError, FaultError) as error:
        return str(error)
    return ""


OPENER = """
import sys
from btfdump import FaultError, TargetError
from btfdump._targets.via_drgn import open_core
for path in sys.stdin:
    try:
        with open_core(path.rstrip()) as target:
            target.symbolize(0xFFFFFFFF81000000)
            target.btf_bytes()
    except (TargetError, FaultError):
        print("refused", flush=True)
    except BaseException as error:
        print(repr(error), flush=True)
    else:
        print("opened", flush=True)
"""


class Opener:
    """Opens files in a process of its own: libkdumpfile dies of some headers (SECURITY.md)."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def open(self, path: Path) -> str:
        """Return what came of it: "opened", "refused", "SIGBUS", or what was raised."""
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-c", OPENER], stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            print(path, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        return answer or signal.Signals(-self.close()).name

    def close(self) -> int:
        """End the process, if there is one; return its exit status."""
        if self.process is None:
            return 0
        with suppress(BrokenPipeError):
            self.process.communicate()
        status, self.process = self.process.returncode, None
        return status


@pytest.fixture(scope="module")
def opener() -> Iterator[Opener]:
    opener = Opener()
    yield opener
    opener.close()


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 0x2400), st.binary(min_size=1, max_size=8)), max_size=8))
@pytest.mark.parametrize("name", ["tagged", "filtered"])
def test_mutated_headers_raise_only_our_errors(tmp_path_factory, sample, opener, name, edits):
    whole = sample(name).read_bytes()
    data = bytearray(whole[: 1 << 20].ljust(len(whole) if name == "tagged" else 1 << 20, b"\0"))
    for at, patch in edits:
        data[at : at + len(patch)] = patch
    path = tmp_path_factory.mktemp("mutated") / "core"
    path.write_bytes(data)
    assert opener.open(path) in ("opened", "refused", "SIGBUS")


def test_what_opens_mutated_headers_outlives_its_process(opener, sample):
    assert opener.open(sample("tagged")) == "opened"
    opener.process.kill()
    assert opener.open(sample("tagged")) == "SIGKILL"
    assert opener.open(sample("tagged")) == "opened"


@pytest.mark.parametrize(("name", "size"), [("s390x", 336), ("filtered", 336)])
def test_registers_of_cpus_in_notes(sample, name, size):
    core = dumpfile.sniff(sample(name))
    assert [len(status) for status in core.cpu_statuses] == [size] * 2
    assert len(set(core.cpu_statuses)) == 2
