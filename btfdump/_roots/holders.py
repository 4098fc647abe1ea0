"""Which processes hold BPF objects open: programs, maps and links by file descriptor.

An object lives as long as somebody refers to it, most often the process that loaded it. Mirrors
bpf_prog_new_fd() and the like (kernel/bpf/syscall.c): a file with the right operations, whose
`private_data` is the object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from btfdump._kernel.notes import Note
from btfdump._kernel.value_at import value_at
from btfdump.errors import BtfdumpError, CorruptDataError, SymbolNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

MAX_FILES = 1 << 20
"""Most descriptors believed of one process; `fs.nr_open` is that, unless somebody raised it."""
_OPERATIONS = ("bpf_prog_fops", "bpf_map_fops", "bpf_link_fops", "bpf_link_fops_poll")


@dataclass(slots=True)
class Holders:
    """Address of a BPF object -> who holds it ("bpfload(120)"); `notes` say what is unreadable."""

    by_address: dict[int, list[str]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def of(self, address: int) -> list[str]:
        """Return the names and ids of the processes that hold the object at `address`."""
        return self.by_address.get(address, [])


def find_holders(kernel: Context) -> Holders:
    """Look through the open files of every process."""
    found = Holders()
    operations = set(_addresses(kernel))
    if not operations:
        return found
    reader = _Files(kernel, operations)
    try:
        for process in _processes(kernel):
            try:
                who = f"{process.comm.string_()}({int(process.tgid)})"
                for address in reader.objects(process):
                    found.by_address.setdefault(address, []).append(who)
            except BtfdumpError as error:
                where = f"files of the process at {process.address_:#x}"
                found.notes.append(Note(f"{where}: {error}", process.address_))
    except BtfdumpError as error:
        found.notes.append(Note(f"who holds what: {error}"))
    return found


def _addresses(kernel: Context) -> Iterator[int]:
    for name in _OPERATIONS:
        try:
            yield kernel.own_symbol(name)
        except SymbolNotFoundError:
            continue


def _processes(kernel: Context) -> Iterator[Value]:
    from btfdump._roots.task import tasks

    for task in tasks(kernel):
        if int(task.pid) == int(task.tgid):
            yield task


class _Files:
    """Reads tables of open files; `operations` are addresses of a `struct file_operations`."""

    def __init__(self, kernel: Context, operations: set[int]) -> None:
        self._kernel = kernel
        self._operations = operations
        file = value_at(kernel, "struct file", 0)
        self._f_op = file.f_op.address_
        self._private_data = file.private_data.address_
        self._objects = {0: 0}  # by file: processes share them

    def objects(self, process: Value) -> Iterator[int]:
        """Yield the address of each BPF object that a process has open, once."""
        if not process.files:
            return
        table = process.files.fdt.deref_().read_()
        count = int(table.max_fds)
        if count > MAX_FILES:
            raise CorruptDataError(f"claims {count} descriptors", table.address_)
        size = self._kernel.layouts.pointer_size
        data = self._kernel.target.read(int(table.fd), count * size)
        files = (self._pointer(data[at : at + size]) for at in range(0, len(data), size))
        yield from filter(None, dict.fromkeys(map(self._object, files)))

    def _object(self, file: int) -> int:
        """Return the address of the BPF object that a `struct file` stands for, else 0."""
        if file not in self._objects:
            is_bpf = self._read(file + self._f_op) in self._operations
            self._objects[file] = self._read(file + self._private_data) if is_bpf else 0
        return self._objects[file]

    def _read(self, address: int) -> int:
        return self._pointer(self._kernel.target.read(address, self._kernel.layouts.pointer_size))

    def _pointer(self, data: bytes) -> int:
        return int.from_bytes(data, self._kernel.layouts.byteorder)
