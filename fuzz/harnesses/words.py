"""Hostile command lines: understood or not, one line says so, and never with a traceback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from btfdump._api import opening as api
from btfdump._api.kernel import Kernel
from btfdump._targets.base import LayeredTarget
from fuzz.harness import Harness, command, expect, expect_printable
from fuzz.mutation import HOSTILE, NUMBERS
from fuzz.samples import path, room
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

_CORE = "CORE"
_FILES: dict[str, str | Path] = {
    "CORE": path("tagged-6.12"), "BTF": "btf", "TOML": "toml", "JSON": "json", "EMPTY": "empty",
    "FOLDER": ".", "MISSING": "missing", "NULL": "/dev/null",
}  # fmt: skip
_COMMANDS = (
    "inspect",
    "diff",
    "annotations",
    "tags",
    "functions",
    "kfuncs",
    "source",
    "completion",
)
_SUBCOMMANDS = ("check", "harvest", "encode", "patch", "bash", "zsh")
_OPTIONS = (
    "--depth", "--follow", "--members", "--no-infer", "--zero", "--elements", "--objects",
    "--string", "--hook", "--flag", "--format", "--strict", "--color", "--compact", "--noname",
    "--ptr-raw", "--btf", "--vmlinux", "--overlay", "--no-cache", "--all", "--base", "--tagged",
    "--addresses", "--under", "--help", "--version", "--diff", "--", "-", "--x", "-h", "--depth=3",
    "--format=json", "--elements=4", "--members=comm,pid", "--objects=9",
)  # fmt: skip
_VALUES = (
    "text", "json", "jsonl", "tree", "snprintf", "always", "never", "auto", "comm,pid", "children",
    "show", "hide", "tracing", "0", "1", "-1", "9", "1e3", "0x10", "mm.mm_mt", "*", ",", "a,,b",
)  # fmt: skip
_ROOTS = (
    "task", "1", "init", "w_*", "maps", "map", "progs", "links", "kfuncs", "modules", "struct-ops",
    "init_task", "init_task.comm", "task(1).mm", "task(1)->files.fdt[0]", "runqueues[0]",
    "runqueues[99999]", "struct task_struct", "0xffffffff97c0b480", "struct", "union", "init_net",
    "struct list_head", "modules+0x8", "char[16]", "int", "u64", "task(", "task()", "map(1)",
    "init_task.tasks[1]", "init_task.tasks[-1]", "init_task.nothing", "enum", "void", "jiffies_64",
    "((struct cred *)task(1).mm)->uid", "*&init_task.pid", "&init_net", "runqueues[1 - 1].cpu + 1",
    "container_of(init_task.tasks.next, struct task_struct, tasks)->comm", "PIDTYPE_TGID", "1 + 2",
    "task(1).children[pid == 86]", 'vmlinux:modules[name ~ "d"].name', "map(h_plain)[key > 3]",
    "(u8)vfs_read", "-init_task.pid", "init_task.pid_links[!next]", "*(long *)0x10", "(int)1",
    "p", "rd", "vtop", "sym", "list", "kmem", "struct cred", "vfs_*", "task(1).children",
    "ffff9caa829c5900", "0xffff9caa829c5900.children[pid == 86]", "ffff9caa829c5900[",
    "pid_t", "struct file *", "slab_caches", "init_task@1", "tcp:x", "struct console@13447",
)  # fmt: skip
_STATUSES = (0, 1, 2)


class WordsHarness(Harness):
    """An input has one JSON string in each line: the words. `CORE`, `BTF`, ... stand for files."""

    name: ClassVar[str] = "words"
    is_lines: ClassVar[bool] = True
    per_process: ClassVar[int] = 200

    def prepare(self) -> None:
        """Open the sample, which most command lines then share."""
        kernel = api.open_core(path("tagged-6.12"))
        open_core = api.open_core
        core = str(_FILES[_CORE])

        def open_shared(file: Any, **options: Any) -> Kernel:
            if str(file) != core or any(options.get(k) for k in ("btf", "vmlinux", "overlays")):
                return open_core(file, **options)
            return Kernel(_Kept(kernel.target), kernel.btf)

        self._open_core: Any = open_shared
        (room() / "btf").write_bytes(World().btf().data)
        (room() / "toml").write_text('[struct.task_struct]\nchildren = "task_struct:sibling"\n')
        (room() / "json").write_text('{"roots": [{"type": "struct a", "address": "0x10"}]}')
        (room() / "empty").write_bytes(b"")

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return words in about the order in which they make sense."""
        name = rng.choice((*_COMMANDS, *("inspect",) * 4)) if rng.random() < 0.97 else "x"
        words = [name]
        if name == "annotations" or rng.random() < 0.02:
            words.append(rng.choice(_SUBCOMMANDS))
        words += [rng.choice((_CORE, _CORE, *_FILES)) for _ in range(1 + (name == "diff"))]
        for _ in range(rng.choice((0, 1, 1, 2, 3, 6))):
            pool = rng.choice((_ROOTS, _ROOTS, _OPTIONS, _OPTIONS, _VALUES, HOSTILE))
            word = str(rng.choice(pool))
            if rng.random() < 0.1:
                at = rng.randrange(len(word) + 1)
                extra = rng.choice((*HOSTILE, *map(str, NUMBERS), *map(hex, NUMBERS)))
                word = word[:at] + extra + word[at:]
            words.append(word)
            if pool is _OPTIONS and rng.random() < 0.8:
                words.append(str(rng.choice((*_VALUES, *_FILES, rng.choice(NUMBERS)))))
        words = [word.replace("\0", "") for word in words]
        if rng.random() < 0.1:
            rng.shuffle(words)
        return "".join(json.dumps(word) + "\n" for word in words).encode()

    def run(self, data: bytes) -> str:
        """Run the command line in this process, which is one that may be lost."""
        api.open_core = self._open_core
        words = []
        for text in data.decode("utf-8", "replace").splitlines():
            try:
                word = json.loads(text)
            except ValueError:
                continue
            words.append(word if isinstance(word, str) else text)
        if {"live", "qemu"} & set(words) or any(w.startswith(("-o", "--out")) for w in words):
            return "not tried"  # the machine's own kernel, and files, are no business of a fuzzer's
        words = [str(room() / _FILES[w]) if w in _FILES else w for w in words]
        status, out, errors = command([*words, *(("--objects", "50") if "task" in words else ())])
        expect(status in _STATUSES, "exit status", status)
        expect("Traceback" not in errors, "a traceback", errors)
        expect_printable(errors, "stderr")
        if "always" not in words:
            expect_printable(out, "stdout")
        expect(status == 0 or errors or out, "failed without a word", words)
        return ("done", "failed", "misused")[status]


class _Kept(LayeredTarget):
    """A target that stays open when a command closes it."""

    def close(self) -> None:
        """Leave it open."""
