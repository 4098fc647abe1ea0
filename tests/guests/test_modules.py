"""The library's lines on structs of modules, in a kernel that has loaded them: Debian's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.coverage import APPLIES, MISFIT, check, coverage, tally
from btfdump._annotate.overlay import library
from btfdump._api.kernel import open_core
from sample_dumps.build import kernels
from sample_dumps.build.guest import Guest
from sample_dumps.build.packages import PackageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel

pytestmark = pytest.mark.kernel

SUBJECTS = ("nf_tables", "ext4", "xfs", "btrfs", "nvme")
# What modules ask for by name when they start, and `depends` does not tell.
HELPERS = ("crc32c_generic", "blake2b_generic", "xxhash_generic")
OTHERS = ("bridge", "kvm", "hid", "loop")
APART = {"udp_tunnel_nic_shared", "nf_gre_net"}
"""Structs of vmlinux whose elements are in modules that are not loaded here."""

# Makes the nftables table `oak` with the chains `elm` and `fir`, and a rule without expressions in
# each, over netlink: include/uapi/linux/netfilter/nf_tables.h.
NFTABLES = r"""
import socket, struct

NFNL_SUBSYS_NFTABLES, BEGIN, END = 10, 16, 17
NEWTABLE, NEWCHAIN, NEWRULE, CREATE, ACK = 0, 3, 6, 0x400, 4
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
link.bind((0, 0))
count = 0

def attribute(kind, data):
    return (struct.pack("HH", 4 + len(data), kind) + data).ljust(4 + (len(data) + 3 & ~3), b"\0")

def message(kind, family, resource, body=b"", flags=0):
    global count
    count += 1
    rest = struct.pack("!BBH", family, 0, resource) + body
    return struct.pack("IHHII", 16 + len(rest), kind, 1 | flags, count, 0) + rest

def change(kind, **names):
    text = b"".join(attribute(n, name.encode() + b"\0") for n, name in names.values())
    return message(NFNL_SUBSYS_NFTABLES << 8 | kind, 2, 0, text, CREATE | ACK)

batch = message(BEGIN, 0, NFNL_SUBSYS_NFTABLES)
batch += change(NEWTABLE, table=(1, "oak"))
for chain in ("elm", "fir"):
    batch += change(NEWCHAIN, table=(1, "oak"), name=(3, chain))
for chain in ("elm", "fir"):
    batch += change(NEWRULE, table=(1, "oak"), chain=(2, chain))
batch += message(END, 0, NFNL_SUBSYS_NFTABLES)
link.send(batch)
for _ in range(5):
    answer = link.recv(65536)
    (error,) = struct.unpack_from("i", answer, 16)
    assert not error, error
"""


@pytest.fixture(scope="module")
def core(guest_tools: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Open a dump of a guest with the modules loaded, and some nftables rules in it."""
    try:
        files = kernels.debian("6.12-generic")
    except PackageError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("modules") / "vmcore"
    with Guest(files, memory_mib=768) as guest:
        loaded = kernels.module_files(files, (*HELPERS, *SUBJECTS, *OTHERS))
        for name, data in loaded:
            guest.put(f"/tmp/{name}", data)
            guest.check(["insmod", f"/tmp/{name}"])
        guest.put("/tmp/nftables.py", NFTABLES.encode())
        guest.check(["python3", "/tmp/nftables.py"])
        with guest.stopped():
            guest.dump(path, "kdump-zlib")
    with open_core(path) as kernel:
        yield kernel


def test_every_line_on_a_loaded_module_applies(core: Kernel):
    """Every line whose struct and member are here finds its element, wherever that is."""
    rows = list(check(core.btfs(), library(), core.lookup))
    missed = [row for row in rows if row.status == MISFIT and row.struct not in APART]
    assert [(row.struct, row.member, row.reason) for row in missed] == []
    assert sum(row.status == APPLIES for row in rows) > 2000


@pytest.mark.parametrize("name", ["nf_tables", "ext4", "xfs", "btrfs", "nvme_core"])
def test_containers_of_a_module_are_known(core: Kernel, name: str):
    """Two thirds of them at least; of the lines, none had effect."""
    (btf,) = [btf for btf in core.modules.btfs() if btf.name == name]
    tallies = tally(coverage(btf, core.annotations)).values()
    known, total = sum(t.known for t in tallies), sum(t.total for t in tallies)
    assert known / total > 0.65


def test_tables_chains_and_rules_are_walked(core: Kernel):
    """What the network namespace keeps for nf_tables is found as net_generic() does."""
    read = core.target.read
    number = int.from_bytes(read(core.symbol("nf_tables_net_id"), 4), "little")
    slot = int(core["init_net"].gen) + 8 * number
    address = int.from_bytes(read(slot, 8), "little")
    (table,) = core.value("struct nftables_pernet", address).tables.walk_()
    assert table.member_("name").string_() == "oak"
    chains = list(table.chains.walk_())
    assert [chain.member_("name").string_() for chain in chains] == ["elm", "fir"]
    assert [len(list(chain.rules.walk_())) for chain in chains] == [1, 1]
    document = json.loads("".join(core.dump(table, "json")))
    assert document["roots"][0]["members"]["chains"]["count"] == 2
