"""Memory that lies, before a kernel is opened and after; what was not touched must be true.

Two oracles: nothing but our own errors, well-formed output, an end; and the ground truth of the
sample. An object that was not touched is shown as it is, or its loss is told: by a note, a
complaint, or the exit status.
"""

from __future__ import annotations

import gc
import json
from contextlib import suppress
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from btfdump._api.kernel import Kernel
from btfdump._api.opening import open_core
from btfdump._cli import build_parser
from btfdump._cli.inspection import Inspection
from btfdump._targets.base import KernelTarget, LayeredTarget
from btfdump._targets.buffer import PatchedTarget
from btfdump.errors import BtfdumpError
from fuzz.harness import Harness, expect, expect_printable
from fuzz.lines import Script, line
from fuzz.mutation import NUMBERS
from fuzz.samples import path, truth

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from btfdump._btf import Btf
    from btfdump._targets.memory import Target

_SAMPLES = ("tagged-6.12", "stock-6.12", "s390x-6.12", "stock-7.3")
_COMMANDS = (
    "ps --threads", "task 1", "maps", "progs", "links",
    "modules", "files", "vm", "mounts", "net", "slabs", "map 1", "map 6", "map 8", "map 16",
    "log", "sys", "stack", "stack 1 --objects",
    "struct-ops", "tcp-cc", "trampolines", "lsm-hooks", "bpf-iters", "kfuncs --hook tracing",
    "task 1 --members children.comm,files.fdt.fd,mm.mm_mt,signal", "task w_*", "runqueues",
    "init_task.children[0].comm", "slab_caches --members name,object_size", "init_net --depth 1",
    "task(1).mm->mm_mt", "init_pid_ns.idr", "super_blocks --members s_id,s_inodes", "map_idr",
    "init_task.tasks --members pid", "cgrp_dfl_root", "task(1).mm --depth 2", "workqueues",
    "task(1).files->fdt->fd[1]->f_path", "init_user_ns", "net_namespace_list",
    "task --all --members pid,comm,children,thread_group,cred.uid", "task(1).nsproxy --depth 2",
)  # fmt: skip
_FORMATS = ("text", "tree", "json", "jsonl")
_LIMITS = ("--elements", "8", "--objects", "60")
_SIZE_OF_MAP = 512
"""What a table shows of a map lies in its first bytes, whatever kind it is of."""
_MOST_TEXT = 16 << 20
_FEWEST_READS = 16
"""A command that reads less takes as long: opening and printing take the time."""
_REUSED = 200
"""Inputs for which types, layouts and compiled code are kept: making them takes longest."""


class _Reads(LayeredTarget):
    """Another target; remembers what was read of it."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.log: dict[tuple[int, int], None] = {}

    def read(self, address: int, size: int) -> bytes:
        """Read, and note what."""
        data = super().read(address, size)
        if size:
            self.log[address, size] = None
        return data


class _Opening(KernelTarget):
    """Patched memory whose symbols, CPUs and BTF are found in it anew, as when it is opened."""

    def __init__(self, target: KernelTarget, patched: Target) -> None:
        self._patched = patched
        self.description = target.description
        super().__init__(target.platform, target.vmcoreinfo)

    def read(self, address: int, size: int) -> bytes:
        """Read through the patches."""
        return self._patched.read(address, size)


class _Sample:
    """A dump that is open, and what commands read of it."""

    def __init__(self, name: str) -> None:
        kernel = open_core(path(name), cache=True)
        assert isinstance(kernel.target, KernelTarget)
        self.name = name
        self.target: KernelTarget = kernel.target
        self.btf: Btf = kernel.btf
        self.reads: dict[str, list[tuple[int, int]]] = {}
        for command in _COMMANDS:
            reads = _Reads(self.target)
            try:
                _look(Kernel(reads, self.btf), command, "jsonl")
            except BtfdumpError:  # what this kernel does not have
                continue
            if reads.log:
                self.reads[command] = list(reads.log)
        self._weights = list(
            accumulate(1 / max(len(r), _FEWEST_READS) for r in self.reads.values())
        )

    def command(self, rng: Random) -> str:
        """Return one of the commands, seldom a slow one: each is given about as much time."""
        if rng.random() < 0.03:
            return rng.choice(list(self.reads))
        return rng.choices(list(self.reads), cum_weights=self._weights)[0]

    @cached_property
    def opening(self) -> list[tuple[int, int]]:
        """What is read to open the kernel: symbols, CPUs, BTF."""
        reads = _Reads(self.target)
        target = _Opening(self.target, reads)
        _look(Kernel(target, _types(target)), "task", "text")
        return list(reads.log)

    @cached_property
    def objects(self) -> dict[str, dict[int, tuple[int, str]]]:
        """By table, address -> (id, name) of what is true."""
        known = truth(self.name)
        return {
            "task": {int(t["addr"], 16): (t["pid"], t["comm"]) for t in known["tasks"]},
            "maps": {int(m["addr"], 16): (m["id"], m["name"]) for m in known["maps"]},
        }


class MemoryHarness(Harness):
    """An input names a sample and a command, and what is written or unmapped, and when."""

    name: ClassVar[str] = "memory"
    is_lines: ClassVar[bool] = True
    per_process: ClassVar[int] = 500

    def prepare(self) -> None:
        """Open the samples and see what every command reads."""
        self._samples = {name: _Sample(name) for name in _SAMPLES}
        self._kernels: dict[str, Kernel] = {}
        self._tried = 0
        gc.freeze()

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return damage to what some command reads."""
        sample = self._samples[rng.choice(_SAMPLES)]
        command = sample.command(rng)
        lines = [line("dump", sample.name), line("run", *command.split(), rng.choice(_FORMATS))]
        reads = sample.reads[command]
        if rng.random() < 0.005:
            lines.append(line("before"))
            reads = sample.opening
        lines += _damage(rng, reads, sample.target.platform.byteorder == "big")
        return "".join(lines).encode()

    def run(self, data: bytes) -> str:
        """Run the command on the damaged memory and judge what it prints."""
        script = Script.parse(data)
        sample = self._samples[script.one("dump", [_SAMPLES[0]])[0]]
        *command, format_ = script.one("run", ["ps", "--threads", "jsonl"])
        patched = PatchedTarget(sample.target)
        for address, written in script.all("write"):
            _apply(patched.write, int(address, 16), bytes.fromhex(written))
        for address, size in script.all("unmap"):
            _apply(patched.unmap, int(address, 16), int(size))
        try:
            kernel = self._open(sample, patched, is_before=bool(script.all("before")))
            seen = _look(kernel, " ".join(command), format_)
        except BtfdumpError as error:
            expect(len(str(error)) < _MOST_TEXT, "an error without end")
            return "refused"
        _check_form(seen, format_)
        if format_ == "jsonl" and command in (_TASKS, ["maps"]):
            touched = [(int(a, 16), len(w) // 2) for a, w in script.all("write")]
            touched += [(int(a, 16), int(n)) for a, n in script.all("unmap")]
            what, length = "maps", _SIZE_OF_MAP
            if command == _TASKS:
                what, length = "task", kernel.btf.sizeof(kernel.type("struct task_struct"))
            check_truth(sample.objects[what], what, seen, touched, length)
        return "troubled" if seen.troubles else "shown"

    def _open(self, sample: _Sample, patched: PatchedTarget, *, is_before: bool) -> Kernel:
        if is_before:
            target = _Opening(sample.target, patched)
            return Kernel(target, _types(target))
        self._tried += 1
        if self._tried % _REUSED == 1:
            self._kernels.clear()
        kernel = self._kernels.get(sample.name)
        if kernel is None:
            kernel = self._kernels[sample.name] = Kernel(patched, sample.btf)
        kernel.target = patched
        kernel.forget()
        kernel.__dict__.pop("slabs", None)
        return kernel


_TASKS = ["ps", "--threads"]
"""The command whose rows are compared with all tasks that are known."""


class Seen(NamedTuple):
    """What a command printed, and of what it complained."""

    text: str
    troubles: int


def _types(target: KernelTarget) -> Btf:
    from btfdump._btf import Btf

    return Btf.from_bytes(target.btf_bytes(), name="vmlinux", check=False)


def _look(kernel: Kernel, command: str, format_: str) -> Seen:
    """Do what `inspect` does, without the file."""
    words = ["inspect", "CORE", *command.split(), *_LIMITS, "--format", format_]
    complaints: list[str] = []
    job = Inspection(kernel, _PARSER.parse_args(words), complaints.append)
    size, pieces = 0, []
    for piece in job.pieces(format_):
        size += len(piece)
        pieces.append(piece)
        expect(size < _MOST_TEXT, "output without end", command)
    troubles = len(complaints) + job.notes + job.failed + job.misused
    return Seen("".join(pieces), troubles)


_PARSER = build_parser("inspect")


def _check_form(seen: Seen, format_: str) -> None:
    expect_printable(seen.text.replace("\t", ""), format_)  # the log has them, as dmesg does
    if format_ == "json":
        json.loads(seen.text)
    elif format_ == "jsonl":
        for text in seen.text.splitlines():
            json.loads(text)


def check_truth(
    known: Mapping[int, tuple[int, str]],
    table: str,
    seen: Seen,
    touched: Sequence[tuple[int, int]],
    size: int,
) -> None:
    """Compare what was not touched with the ground truth; what is missing must be told.

    `known` has the id and the name of each object of `size` bytes by its address, `touched` the
    address and the size of what was changed.
    """
    found: dict[int, tuple[Any, Any]] = {}
    for row in map(json.loads, seen.text.splitlines()):
        if table == "task":
            if "task" in row:
                found[int(row["task"], 16)] = row["pid"], row["comm"]
        elif "id" in row:
            found[int(row["address"], 16)] = row["id"], row.get("name")
    for address, expected in known.items():
        if any(at < address + size and address < at + length for at, length in touched):
            continue
        if address in found:
            expect(found[address] == expected, f"{table}: untouched, and wrong", found[address])
        else:
            expect(seen.troubles, f"{table}: lost without a word", hex(address))


def _apply(change: Any, *arguments: Any) -> None:
    with suppress(ValueError):  # outside of the address space
        change(*arguments)


def _damage(rng: Random, reads: Sequence[tuple[int, int]], is_big: bool) -> Iterable[str]:
    """Yield lines that change what is read."""
    order: Literal["little", "big"] = "big" if is_big else "little"
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 10, 40))):
        start, size = rng.choice(reads)
        at = start + rng.randrange(size)
        kind = rng.randrange(10)
        if kind >= 9:
            yield line("unmap", hex(at), rng.choice((1, 8, 64, 4096)))
            continue
        if kind <= 3:  # a pointer to something else, or to itself
            at -= at % 8
            to = rng.choice(reads)[0] if kind else at
            value = to + rng.choice((0, 0, 0, 8, 16, -8, -16, 64, 1, 2))
            data = (value & (1 << 64) - 1).to_bytes(8, order)
        elif kind <= 6:
            width = rng.choice((8, 8, 4, 2, 1))
            at -= at % width
            data = (rng.choice(NUMBERS) & (1 << width * 8) - 1).to_bytes(width, order)
        else:
            data = rng.randbytes(rng.choice((1, 1, rng.randrange(1, 64))))
        yield line("write", hex(at), data.hex())
