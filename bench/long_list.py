"""A list of up to a million elements: btfdump's projection against drgn's list helpers.

::

    python -m bench.long_list [--lengths N,...] [--runs N]

The lists lie in a synthetic ELF core file, elements of 64 bytes in scattered order. Both sides read
through the same drgn `Program`, walk the list and take two members of each element. Memory is the
growth of the peak in a process of its own for each figure.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
from array import array
from itertools import chain, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from drgn import Architecture as DrgnArchitecture
from drgn import FaultError as DrgnFaultError
from drgn import Object, Platform, PlatformFlags, Program
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry

from bench.drgn_types import BtfTypes
from bench.harness import Row, Times, alternate, table
from btfdump._api.kernel import Kernel
from btfdump._btf import Btf, BtfBuilder
from btfdump._targets import memory
from btfdump._targets.base import BaseTarget
from btfdump.errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HEADS = 0xFFFF_8880_0000_0000
ITEMS = HEADS + 0x1000_0000
SIZE = 64
HLIST, LIST = 8, 24
"""Where `struct hlist_node` and `struct list_head` lie in `struct item`."""
READ_ERRORS = (DrgnFaultError, OverflowError, ValueError)
LENGTHS = (10_000, 100_000, 1_000_000)


def types() -> Btf:
    """Return the types: what a kernel would have, with the decl tags that name the elements."""
    b = BtfBuilder()
    u64 = b.int_("u64", 8)
    u32 = b.int_("u32", 4)
    b.int_("long unsigned int", 8)
    node = b.struct("hlist_node", 16)
    b.set_members(node, [("next", b.ptr(node), 0), ("pprev", b.ptr(b.ptr(node)), 64)])
    first = b.struct("hlist_head", 8, [("first", b.ptr(node), 0)])
    head = b.struct("list_head", 16)
    b.set_members(head, [("next", b.ptr(head), 0), ("prev", b.ptr(head), 64)])
    rest = b.array(u32, 4)
    members = [("id", u64, 0), ("node", node, HLIST * 8), ("list", head, LIST * 8)]
    members += [("a", u32, 320), ("b", u32, 352), ("rest", rest, 384)]
    b.struct("item", SIZE, members)
    holder = b.struct("holder", 24, [("hash", first, 0), ("all", head, 64)])
    b.decl_tag("contains:item:node", holder, 0)
    b.decl_tag("contains:item:list", holder, 1)
    return b.parse("synthetic")


def write_core(path: Path, length: int) -> None:
    """Write a core file with one `struct holder` at HEADS and `length` items at ITEMS."""
    order = list(range(length))
    random.Random(1).shuffle(order)
    words = array("Q", bytes(length * SIZE))
    step = SIZE // 8
    for number, slot in enumerate(order):
        words[slot * step] = number
        words[slot * step + 5] = number & 0xFFFF | (number % 7) << 32
    addresses = [ITEMS + slot * SIZE for slot in order]
    for offset, head, last in ((HLIST, HEADS, 0), (LIST, HEADS + 8, HEADS + 8)):
        links = [head, *(at + offset for at in addresses)]
        at = offset // 8
        for slot, (back, _), following in zip(
            order, pairwise(links), chain(links[2:], [last]), strict=False
        ):
            words[slot * step + at] = following
            words[slot * step + at + 1] = back
    heads = struct.pack(
        "<QQQ", addresses[0] + HLIST, addresses[0] + LIST, addresses[-1] + LIST
    ).ljust(0x1000, b"\0")
    segments: list[tuple[int, bytes | memoryview]] = [
        (HEADS, heads),
        (ITEMS, memoryview(words).cast("B")),
    ]
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, 4, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    with path.open("wb") as file:
        file.write(header)
        at = 0x1000
        for address, data in segments:
            sizes = (at, address, address, len(data), len(data), 0x1000)
            file.write(struct.pack("<IIQQQQQQ", 1, 6, *sizes))
            at += len(data)
        file.write(bytes(0x1000 - file.tell()))
        for _, data in segments:
            file.write(data)


class ProgramTarget(BaseTarget):
    """The memory of a drgn `Program`, and nothing else."""

    description = "synthetic core"

    def __init__(self, prog: Program) -> None:
        self._read: Callable[[int, int], bytes] = prog.read
        self.platform = memory.Platform("little", 8, "x86_64")

    def read(self, address: int, size: int) -> bytes:
        try:
            return self._read(address, size)
        except READ_ERRORS as error:
            raise FaultError(address, size, str(error)) from None

    def unchecked_read(self) -> memory.UncheckedRead:
        """Offer what `btfdump._targets.via_drgn.DrgnTarget` offers for every vmcore."""
        return self._read, READ_ERRORS


def sides(core: Path) -> dict[str, Callable[[], tuple[int, int]]]:
    """Open a core file; return walks by name: each returns (elements, a sum over members)."""
    flags = PlatformFlags.IS_64_BIT | PlatformFlags.IS_LITTLE_ENDIAN
    prog = Program(Platform(DrgnArchitecture.X86_64, flags))
    prog.set_core_dump(core)
    btf = types()
    BtfTypes(prog, btf).register()
    holder = Kernel(ProgramTarget(prog), btf).value("struct holder", HEADS)
    theirs = Object(prog, "struct holder", address=HEADS)

    def ours(member: str) -> tuple[int, int]:
        count = total = 0
        for number, a in getattr(holder, member).project_("id", "a"):
            count += 1
            total += number ^ a
        return count, total

    def drgns(entries: Callable[..., object], member: str, link: str) -> tuple[int, int]:
        count = total = 0
        head = theirs.member_(member).address_of_()
        for entry in entries("struct item", head, link):  # type: ignore[attr-defined]
            count += 1
            total += entry.id.value_() ^ entry.a.value_()
        return count, total

    return {
        "hlist": lambda: ours("hash"),
        "hlist drgn": lambda: drgns(hlist_for_each_entry, "hash", "node"),
        "list": lambda: ours("all"),
        "list drgn": lambda: drgns(list_for_each_entry, "all", "list"),
    }


def peak() -> int:
    """Return the most memory this process has had resident, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def growth(core: Path, side: str) -> int:
    """Return by how many KiB one walk raises the peak, in a process that does nothing else."""
    command = [sys.executable, "-m", "bench.long_list", "--walk", str(core), side]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)
    return int(json.loads(done.stdout))


def walk_alone(core: Path, side: str) -> int:
    walk = sides(core)[side]
    before = peak()
    walk()
    return peak() - before


def compare(lengths: Sequence[int], runs: int) -> None:
    rows = []
    measured: dict[tuple[str, int], Times] = {}
    memory: dict[tuple[str, int], int] = {}
    with tempfile.TemporaryDirectory() as name:
        core = Path(name) / "core"
        for length in lengths:
            write_core(core, length)
            walks = sides(core)
            sums = {walk() for walk in walks.values()} if length == min(lengths) else set()
            if len(sums) > 1 or any(count != length for count, _ in sums):
                raise SystemExit(f"the walks do not agree: {sums}")
            turns = runs if length < 1_000_000 else max(1, runs // 2)
            warm = 1 if length < 1_000_000 else 0
            for side, times in alternate(walks, turns, warm).items():
                measured[side, length] = times.over(length)
                if "drgn" not in side or length == lengths[-1]:
                    memory[side, length] = growth(core, side)
            for side in ("hlist", "list"):
                ours, theirs = measured[side, length], measured[f"{side} drgn", length]
                title = f"{side}_head of {length}, per element"
                rows.append(Row(title, ours, f"drgn {side}_for_each_entry", theirs, 3))
    table("synthetic core file: walk a list, take two members of each element", rows)
    for side in ("hlist", "list"):
        first, last = measured[side, lengths[0]], measured[side, lengths[-1]]
        spread = median(last.wall) / median(first.wall)
        grown = ", ".join(f"{n}: {memory[side, n]} KiB" for n in lengths)
        print(
            f"  {side}_head: an element of the longest takes {spread:.2f} times one of the shortest"
            f" (CPU: {median(last.cpu) / median(first.cpu):.2f}; 1 is linear)\n"
            f"    peak memory grows by  {grown}  (drgn: {memory[f'{side} drgn', lengths[-1]]} KiB)"
        )


def main(argv: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(
        prog="python -m bench.long_list", description=(__doc__ or "").partition("\n")[0]
    )
    made.add_argument("core", metavar="CORE", nargs="*", help="not used: the lists are synthetic")
    made.add_argument("--lengths", default=",".join(map(str, LENGTHS)), metavar="N,...")
    made.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each side (5)")
    made.add_argument("--walk", nargs=2, metavar=("CORE", "SIDE"), help=argparse.SUPPRESS)
    args = made.parse_args(argv)
    if args.walk:
        print(json.dumps(walk_alone(Path(args.walk[0]), args.walk[1])))
        return
    compare(sorted(int(n) for n in args.lengths.split(",")), args.runs)


if __name__ == "__main__":
    main()
