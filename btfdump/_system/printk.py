"""The kernel's log: the records of printk()'s ring buffer (kernel/printk/printk_ringbuffer.h).

Three rings: descriptors with a state each, beside them what is known of each message (since 5.10),
and the texts. A descriptor's number grows for ever; its place in the ring are the low bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.compiled.projection import compile_reader
from btfdump._decode.layout import StructLayout
from btfdump._kernel.notes import Note, note_of
from btfdump._kernel.variables import find_global
from btfdump.errors import BtfdumpError, CorruptDataError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

RESERVED, COMMITTED, FINALIZED, REUSABLE = range(4)
"""States of a descriptor: being written, may be added to, complete, free."""
_MOST_BITS = 31
_CHUNK = 64
"""Elements of an array that are read at once."""
_BY_CPU = 1 << 31
"""In a caller's number: it is that of a CPU, not of a task (printk_caller_id())."""
_NO_TEXT = 0x3
"""Where the text is of a message that has none (NO_LPOS)."""


class Record(NamedTuple):
    """A message: `time` is nanoseconds on the clock of the CPU that logged it (local_clock()).

    `caller` is `T1` for task 1, `C0` for CPU 0 outside of any. `text` is None if it is lost.
    `device` and `subsystem` are "" if no driver told them, as `comm` of kernels before 6.18.
    `is_complete` is false for one that its writer may still have added to.
    """

    seq: int
    time: int
    level: int
    facility: int
    caller: str
    text: str | None
    is_complete: bool
    subsystem: str = ""
    device: str = ""
    comm: str = ""


def read_log(kernel: Context) -> Iterator[Record | Note]:
    """Yield the records of the log, the oldest first, and a note for each that cannot be told.

    Raises what `Context.own_variable()` does if the log is not found, `FaultError` and
    `CorruptDataError` for what leads to it.
    """
    return _LogReader(kernel).records()


class _LogReader:
    """Reads one ring buffer."""

    def __init__(self, kernel: Context) -> None:
        self._kernel = kernel
        buffer = find_global(kernel, "prb").deref_().read_()
        descriptors, texts = buffer.desc_ring, buffer.text_data_ring
        self._bits = kernel.layouts.pointer_size * 8 - 2
        self._ids = (1 << self._bits) - 1
        self._count = 1 << _bits(descriptors.count_bits)
        self._size = 1 << _bits(texts.size_bits)
        self._data = int(texts.data)
        self._first = int(descriptors.tail_id.counter) & self._ids
        self._last = int(descriptors.head_id.counter) & self._ids
        self._failed = int(buffer.fail.counter)
        paths = ["state_var.counter", "text_blk_lpos.begin", "text_blk_lpos.next"]
        self._descriptors = _Elements(kernel, "prb_desc", int(descriptors.descs), paths)
        paths = ["seq", "ts_nsec", "text_len", "level", "facility", "caller_id"]
        optional = ["dev_info.subsystem", "dev_info.device", "comm"]
        infos = kernel.struct("printk_info")
        self._optional = [path for path in optional if path in infos]
        paths += self._optional
        self._infos = _Elements(kernel, "printk_info", int(descriptors.infos), paths)

    def records(self) -> Iterator[Record | Note]:
        """Yield the records from the oldest to the newest."""
        length = ((self._last - self._first) & self._ids) + 1
        if length > self._count:
            yield Note(
                f"log: {length:,} records are said to be in a ring of {self._count:,}; shown are "
                "what the ring has room for"
            )
            self._first, length = (self._last - self._count + 1) & self._ids, self._count
        for number in range(length):
            id_ = (self._first + number) & self._ids
            try:
                yield from self._record(id_)
            except BtfdumpError as error:
                yield note_of(error, f"log: record {number} of {length}")
        if self._failed:
            yield Note(f"log: {self._failed:,} messages were lost: there was no room for them")

    def _record(self, id_: int) -> Iterator[Record | Note]:
        index = id_ & (self._count - 1)
        state_var, begin, end = self._descriptors.at(index)
        state = state_var >> self._bits & 3
        if state_var & self._ids != id_:
            what = f"descriptor {index} is of record id {state_var & self._ids:#x}, not {id_:#x}"
            yield Note(f"log: a record is missing: {what}", self._descriptors.address(index))
            return
        if state == REUSABLE:
            return
        if state == RESERVED:
            yield Note(
                "log: a record was being written, and its text is not there yet",
                self._descriptors.address(index),
            )
            return
        seq, time, length, level, facility, caller, *more = self._infos.at(index)
        text, trouble = self._text(id_, begin, end, length)
        if self._kernel.target.is_live and self._descriptors.again(index)[0] != state_var:
            yield Note(f"log: record {seq} was overwritten while it was read")
            return
        is_complete = state == FINALIZED
        found = dict(zip((path.rpartition(".")[2] for path in self._optional), more, strict=True))
        yield Record(seq, time, level, facility, _caller(caller), text, is_complete, **found)
        if trouble:
            yield Note(f"log: record {seq}: {trouble}")

    def _text(self, id_: int, begin: int, end: int, length: int) -> tuple[str | None, str]:
        """Return the text between two logical positions, and what is wrong with it."""
        if begin & end & 1:
            return (
                ("", "") if begin == end == _NO_TEXT else (None, "there was no room for its text")
            )
        kernel = self._kernel
        word = kernel.layouts.pointer_size
        mask = self._size - 1
        start, room = begin & mask, kernel.wrap(end - begin)
        if (
            begin & ~mask != kernel.wrap(end - 1) & ~mask
        ):  # all but the id stands at the ring's beginning
            start, room = 0, end & mask
        if not word <= room <= self._size - start or begin % word:
            return None, f"its text is said to be from {begin:#x} to {end:#x}, where none can be"
        trouble = ""
        if length > room - word:
            trouble = f"{length} bytes of text are said to be in {room - word}"
            length = room - word
        try:
            data = kernel.target.read(kernel.wrap(self._data + start), word + length)
        except FaultError as error:
            return None, f"its text: {error}"
        owner = int.from_bytes(data[:word], kernel.target.platform.byteorder)
        if owner != id_:
            return None, f"its text is of another record, id {owner:#x}"
        return data[word:].decode("utf-8", "backslashreplace"), trouble


class _Elements:
    """The elements of an array of structs, some members of each; read in pieces if possible."""

    def __init__(self, kernel: Context, struct: str, address: int, paths: Sequence[str]) -> None:
        layout = kernel.layouts.of(kernel.own_type(f"struct {struct}"))
        if not isinstance(layout, StructLayout):
            raise CorruptDataError(f"struct {struct} is no struct", None)
        self._kernel = kernel
        self._start = address
        self._size = layout.size
        self._read = compile_reader(kernel.layouts, layout, paths)
        self._chunk = -1
        self._known = b""

    def address(self, index: int) -> int:
        """Return the virtual address of an element."""
        return self._kernel.wrap(self._start + index * self._size)

    def at(self, index: int) -> tuple[Any, ...]:
        """Return the members of an element; raises `FaultError`."""
        chunk, inside = divmod(index, _CHUNK)
        if chunk != self._chunk:
            try:
                self._known = self._kernel.target.read(
                    self.address(chunk * _CHUNK), _CHUNK * self._size
                )
            except FaultError:  # one of its pages is missing, or the ring is shorter
                return self.again(index)
            self._chunk = chunk
        return self._read(self._known[inside * self._size : (inside + 1) * self._size])

    def again(self, index: int) -> tuple[Any, ...]:
        """Return the members of an element, read now; raises `FaultError`."""
        return self._read(self._kernel.target.read(self.address(index), self._size))


def _bits(value: Value) -> int:
    """Return the binary logarithm of a ring's size; raises `CorruptDataError`."""
    bits = int(value)
    if not 0 < bits <= _MOST_BITS:
        raise CorruptDataError(
            f"log: a ring is said to have 2**{bits} elements; expected at most 2**{_MOST_BITS}",
            value.address_,
        )
    return bits


def _caller(number: int) -> str:
    return f"C{number & ~_BY_CPU}" if number & _BY_CPU else f"T{number}"
