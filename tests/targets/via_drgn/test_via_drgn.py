"""Every sample dump against what is known of its guest."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms

from btfdump._targets.kallsyms import Kallsyms
from btfdump._targets.memory import FILTERED, Platform
from btfdump._targets.via_drgn import MAX_READ, open_core
from btfdump.errors import FaultError, SymbolNotFoundError
from tests.support.readable import readable

X86 = Platform("little", 8, "x86_64")
EXPECTED = {
    "tagged": (X86, "vmcore (kdump-compressed)"),
    "stock": (X86, "vmcore (kdump-compressed)"),
    "s390x": (Platform("big", 8, "s390x"), "vmcore (ELF)"),
    "zstd": (X86, "vmcore (kdump-compressed)"),
    "filtered": (X86, "vmcore (ELF)"),
    "flattened": (X86, "vmcore (kdump-compressed, flattened)"),
    "garden": (X86, "vmcore (kdump-compressed)"),
}


def test_identity(target, name, truth):
    assert (target.platform, target.description) == EXPECTED[name]
    assert target.release == truth(name)["kernel"]["release"]
    assert target.page_size == 4096
    assert target.vmcoreinfo["OSRELEASE"] == target.release


def test_btf_is_the_kernels(target, name, truth, build):
    blob = target.btf_bytes()
    assert build.sha256(blob) == truth(name)["vmlinux_btf"]["sha256"]


def test_symbols(target, name, truth):
    known = {
        symbol: int(entry["address"], 16)
        for symbol, entry in truth(name)["symbols"].items()
        if entry and symbol != "_end"  # the ground truth has its link-time address
    }
    assert len(known) > 25
    assert {symbol: target.symbol(symbol) for symbol in known} == known
    with pytest.raises(SymbolNotFoundError, match="no symbol 'no_such_symbol'"):
        target.symbol("no_such_symbol")


def test_symbolize(target):
    init_task = target.symbol("init_task")
    assert target.symbolize(init_task) == "init_task"
    assert target.symbolize(init_task + 0x10) == "init_task+0x10"
    assert target.symbolize(target.symbol("super_blocks")) == "super_blocks"
    assert target.symbolize(target.symbol("_stext")) is not None
    end = target.symbol("_end")
    for outside in (0, 1, 0x10, 0x1000, 0x30000, -1, end, end + 0x12345678, 1 << 64, 1 << 70):
        assert target.symbolize(outside) is None


def test_per_cpu_offsets(target, name, truth):
    expected = [int(value, 16) for value in truth(name)["kernel"]["per_cpu_offset"]]
    assert list(target.per_cpu_offsets) == expected


@pytest.mark.parametrize(
    "address", [-1, 1 << 64, (1 << 64) - 4, 1 << 70, -(1 << 63), -(1 << 70), 0xFFFF << 48]
)
@pytest.mark.parametrize("size", [1, 8, 1 << 20, MAX_READ, MAX_READ + 1, 1 << 40, 1 << 70, -1])
def test_no_int_raises_anything_but_fault(target, address, size):
    if address == (1 << 64) - 4 and size == 1:
        size = 5
    with pytest.raises(FaultError):
        target.read(address, size)
    assert target.read(address, 0) == b""


def test_closed(name, sample):
    target = open_core(sample(name))
    init_task = target.symbol("init_task")
    target.close()
    with pytest.raises(FaultError, match="closed"):
        target.read(init_task, 8)
    target.close()


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_kallsyms_agree_with_drgns(name, sample, target):
    prog = target._prog
    prog.register_symbol_finder("oracle", load_vmlinux_kallsyms(prog), enable_index=0)
    theirs = prog.symbols()
    ours = Kallsyms(target.read, target.vmcoreinfo, target.platform)
    assert len(ours) == len(theirs)
    # Both in address order, so the names of one address may only be permuted.
    assert sorted(ours.names()) == sorted(symbol.name for symbol in theirs)
    by_name: dict[str, set[int]] = {}
    for symbol in theirs:
        by_name.setdefault(symbol.name, set()).add(symbol.address)
    for wanted in random.Random(1).sample(sorted(by_name), 500):
        assert {found.address for found in ours.find_all(wanted)} == by_name[wanted]
        assert ours.find(wanted + "_not") is None or wanted + "_not" in by_name
    assert ours._by_name is None  # names were found by compressing, not by expanding them all


def test_filtered_pages_fault(sample):
    """Kernel text was filtered out of these dumps; unmapped addresses say something else."""
    for name in ("tagged", "stock"):
        with open_core(sample(name)) as target:
            text = target.symbol("_stext")
            with pytest.raises(FaultError, match=FILTERED) as fault:
                target.read(text, 8)
            assert fault.value.address == text


def test_fault_names_the_first_bad_page(sample):
    with open_core(sample("tagged")) as target:
        start = target.symbol("_etext") & ~0xFFF
        at = next(
            page
            for page in range(start, target.symbol("_end"), 4096)
            if readable(target, page) and not readable(target, page + 4096)
        )
        with pytest.raises(FaultError) as fault:
            target.read(at + 8, 3 * 4096)
        assert fault.value.address == at + 4096
        assert fault.value.size == 2 * 4096 + 8


def test_objects_are_the_same_in_every_format(sample, truth):
    task = int(truth("tagged")["kernel"]["init_task"], 16)
    blobs = set()
    for name in ("tagged", "zstd", "filtered", "flattened"):
        with open_core(sample(name)) as target:
            blobs.add(target.read(task, 7040))
    assert len(blobs) == 1


def test_opening_says_nothing_on_stderr(sample, capfd):
    for name in ("tagged", "flattened"):
        open_core(sample(name)).close()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_imports_are_lazy():
    code = (
        "import sys, btfdump._targets, btfdump._targets.buffer, btfdump._targets.kallsyms\n"
        "assert not {'drgn', '_drgn', 'elftools'} & set(sys.modules)\n"
        "import btfdump._targets.via_drgn\n"
        "assert 'elftools' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_drgn_plugins_still_work_afterwards(sample):
    from _drgn_util import plugins

    open_core(sample("tagged")).close()
    assert "drgn_prog_set" not in plugins._hooks or plugins._plugins is not None
