"""Every table of BPF on memory damaged at random: it ends, and says what it could not read."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.notes import Note
from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots import Query
from btfdump._roots.table import Table
from btfdump.errors import BtfdumpError
from tests.support.patched import PatchedKernel
from tests.support.registered import known_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._api.kernel import Kernel

NAMES = (
    "progs",
    "links",
    "trampolines",
    "lsm-hooks",
    "bpf-iters",
    "struct-ops",
    "tcp-cc",
    "kfuncs",
)


def objects(kernel: Kernel) -> Iterator[tuple[int, int]]:
    """Yield (address, size) of what the tables read."""
    for prog in kernel.bpf.progs():
        yield prog.address, 56
        aux = kernel.value("struct bpf_prog", prog.address).aux.deref_()
        yield aux.address_, aux.size_
    for link in kernel.bpf.links():
        yield link.address, 128
    for tramp in kernel.bpf.trampolines():
        value = kernel.value("struct bpf_trampoline", tramp.address)
        yield value.address_, value.size_
        yield int(value.cur_image), 128
    for ops in kernel.bpf.struct_ops():
        yield ops.address, 512
    for control in kernel.bpf.congestion_controls():
        yield control.address, kernel.value("struct tcp_congestion_ops", 0).size_
    for target in kernel.bpf.iterators():
        yield target.address, kernel.value("struct bpf_iter_target_info", 0).size_
    for symbol in ("prog_idr", "link_idr", "map_idr", "tcp_cong_list", "btf_modules"):
        yield kernel.symbol(symbol), 24
    btf = kernel["btf_vmlinux"].deref_()
    yield btf.address_, btf.size_
    yield int(btf.kfunc_set_tab), 14 * 8
    yield int(btf.kfunc_set_tab.sets[1]), 64
    yield int(btf.dtor_kfunc_tab), 32
    idr = kernel.value("struct idr", kernel.symbol("prog_idr"))
    yield int(idr.idr_rt.xa_head) - 2, 576


@pytest.mark.parametrize("seed", range(24))
def test_tables_end_and_are_whole(opened: Callable[[str], Kernel], seed: int) -> None:
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    places = list(objects(plain))
    chance = random.Random(seed)
    for _ in range(12):
        address, size = chance.choice(places)
        value = chance.choice(
            [
                0,
                0x11,
                chance.getrandbits(64),
                0xFFFF_FFFF_FFFF_FFFF,
                chance.choice(places)[0],
                chance.choice(places)[0] + 8 * chance.randrange(8),
            ]
        )
        at = address + 8 * chance.randrange(size // 8)
        kernel.target.write(at, value.to_bytes(8, "little"))
    for name in NAMES:
        try:
            table = known_table(name).table(kernel, Query())
        except BtfdumpError:
            continue
        rows = list(table.rows)
        text = "".join(
            render_table(Table(name, table.columns, rows, table.remark), "json", Options())
        )
        document = json.loads(text)
        assert len(document["notes"]) == sum(isinstance(row, Note) for row in rows)
        assert len(rows) < 2000
