"""Plan -> Python source: reads what a plan lists out of an object's bytes, for a sink to put out.

What is read how is decided here, once for every sink: neighbours are tested for zero and unpacked
together, bit fields that share bytes are taken from one number, arrays of structs are walked in a
loop. A sink says what becomes of a scalar, a string, an array or a struct: a field, a line of text,
a piece of JSON.

In the generated function `d` are the object's bytes, `v0`, `v1`, ... what was just unpacked, `w` a
word of bit fields, and of the Nth array `bN` the offset of an element and `iN` its index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.compiled.plan import is_text
from btfdump._decode.compiled.source import CODES, Spot, is_unpackable, pattern
from btfdump._decode.layout import ArrayLayout, ScalarLayout, StructLayout
from btfdump.errors import BtfFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from btfdump._decode.compiled.plan import Plan, Step
    from btfdump._decode.compiled.source import Source

MAX_BLOCK = 16
"""Scalars that are tested for zero and unpacked together."""
MAX_LOOPS = 16
"""Arrays inside each other: Python's compiler takes 20 loops."""


class Into(NamedTuple):
    """Where something is put: the list `out`.

    Offsets count from `base`, the name of a variable, or "" where the object starts; `element` is
    the variable with the index of an array's element, "" for what is none.
    """

    out: str
    base: str = ""
    element: str = ""

    def at(self, offset: int) -> str:
        """Return an expression for an offset into the bytes."""
        return f"{self.base}+{offset}" if self.base and offset else self.base or str(offset)

    def bytes_(self, start: int, end: int) -> str:
        """Return an expression for a slice of the bytes."""
        return f"d[{self.at(start)}:{self.at(end)}]"


class Read(NamedTuple):
    """A step whose scalars have been unpacked: itself, or those in it, each into a variable."""

    step: Step
    leaves: Sequence[Step]
    names: Sequence[str]

    @property
    def condition(self) -> str:
        """An expression that is true if any of them is not zero."""
        return " or ".join(self.names)


class Sink(ABC):
    """Says how what is read is put out; `self.emitter` reads it."""

    max_gap = 8
    """Bytes of padding, or of members that others cover, between two scalars of a block."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self.source = source
        self.emit = source.emit
        self.emitter = Emitter(source, self, plan)

    @abstractmethod
    def scalar(self, step: Step, value: str, into: Into) -> None:
        """Put out a scalar or a bit field, whose value is in the variable `value`."""

    @abstractmethod
    def string(self, step: Step, into: Into) -> None:
        """Put out an array that is shown as characters."""

    @abstractmethod
    def scalars(self, step: Step, element: ScalarLayout, into: Into) -> None:
        """Put out an array of scalars."""

    @abstractmethod
    def array(self, step: Step, into: Into) -> None:
        """Put out an array of structs or of arrays."""

    @abstractmethod
    def struct(self, step: Step, into: Into) -> None:
        """Put out a struct."""

    def compound(self, step: Step, into: Into) -> None:
        """Put out a struct or an array."""
        layout = step.layout
        if isinstance(layout, StructLayout):
            self.struct(step, into)
        elif is_text(step):
            self.string(step, into)
        elif isinstance(layout, ArrayLayout) and isinstance(layout.element, ScalarLayout):
            self.scalars(step, layout.element, into)
        else:
            self.array(step, into)

    def leaves(self, step: Step) -> Sequence[Step]:
        """Return the scalars that make up a member, if they are to be read with its neighbours.

        They ascend and do not overlap, and struct.unpack() reads each.
        """
        return (step,) if step.is_plain else ()

    def block(self, found: Sequence[Read], into: Into) -> None:
        """Put out members that were unpacked together, those that are zero left out."""
        for read in found:
            wanted = read.step.is_wanted
            with nullcontext() if wanted else self.source.indented(f"if {read.condition}:"):
                self.scalar(read.step, read.names[0], into)

    def kept(self, size: int, bytes_: str) -> AbstractContextManager[None]:
        """Write a block for what is shown though all these bytes may be zero."""
        del size, bytes_
        return nullcontext()


class Emitter:
    """Writes what a function does for the steps of a plan."""

    def __init__(self, source: Source, sink: Sink, plan: Plan) -> None:
        self.source = source
        self.layouts = source.layouts
        self.sink = sink
        self.limit = plan.elements
        self.zero = plan.zero
        self.emit = source.emit
        self._tested = ("", 0, 0)  # what is known not to be zero where the code is now
        self._loops = 0

    def members(self, steps: Sequence[Step], into: Into) -> None:
        """Read members, in their order."""
        block: list[tuple[Step, Sequence[Step]]] = []
        word: list[Step] = []
        for step in steps:
            leaves = () if step.is_bits else self.sink.leaves(step)
            if block and not (leaves and _fits_block(block, leaves, self.sink.max_gap)):
                self._block(block, into)
                block = []
            if word and not (step.is_bits and _fits_word(word, step)):
                self._word(word, into)
                word = []
            if leaves:
                block.append((step, leaves))
            elif step.is_bits:
                word.append(step)
            else:
                self._alone(step, into)
        if block:
            self._block(block, into)
        if word:
            self._word(word, into)

    def _alone(self, step: Step, into: Into) -> None:
        """Read a member by itself, if it is to be shown."""
        if not step.is_wanted and not step.tested:
            return
        with self._piece(into, step.offset, step.tested, is_wanted=step.is_wanted):
            if isinstance(step.layout, ScalarLayout):
                self.emit(f"v0 = {self.read(step.layout, into.at(step.offset))}")
                self.sink.scalar(step, "v0", into)
            else:
                self.sink.compound(step, into)

    def read(self, layout: ScalarLayout, where: str) -> str:
        """Return an expression for a scalar at an offset."""
        if is_unpackable(layout):
            code = CODES[layout.size, layout.is_signed]
            return f"{self.source.unpacker(code)}(d, {where})[0]"
        return f"{self.source.constant('R', layout.decode)}(d, {where})"

    def read_many(self, step: Step, element: ScalarLayout, into: Into) -> tuple[str, int]:
        """Return an expression for the list of an array's scalars, and how many it leaves out."""
        assert isinstance(step.layout, ArrayLayout)
        count, where = min(step.layout.length, self.limit), into.at(step.offset)
        elided = step.layout.length - count
        if is_unpackable(element):
            codes = f"{count}{CODES[element.size, element.is_signed]}"
            return f"list({self.source.unpacker(codes)}(d, {where}))", elided
        decode = self.source.constant("R", element.decode)
        return f"[{decode}(d, {where} + i * {element.size}) for i in range({count})]", elided

    @contextmanager
    def elements(self, step: Step, into: Into) -> Iterator[tuple[Into, str]]:
        """Write a loop over the elements of an array that are shown.

        Gives where each is put, and an expression for how many were not looked at.
        """
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        self._loops += 1
        if self._loops > MAX_LOOPS:
            raise BtfFormatError(0, f"{layout.type} is nested too deep to be compiled")
        size, shown = layout.element.size, min(layout.length, self.limit)
        where, index = self.source.variable("b"), self.source.variable("i")
        elided, count = "0", ""
        if layout.length > shown and size:
            elided, count = self.source.variable("m"), self.source.variable("c")
            self.emit(f"{elided} = {count} = 0")
        with self.source.indented(f"for {index} in range({layout.length if size else 0}):"):
            self.emit(f"{where} = {into.at(step.offset)} + {index} * {size}")
            if not self.zero:
                self.emit(f"if d[{where}:{where}+{size}] == {self.source.zeros(size)}: continue")
            if count:
                with self.source.indented(f"if {count} >= {shown}:"):
                    self.emit(f"{elided} = {layout.length} - {index}")
                    self.emit("break")
                self.emit(f"{count} += 1")
            around = self._tested
            if not self.zero:
                self._tested = (where, 0, size)
            yield Into(into.out, where, index), elided
            self._tested = around
        self._loops -= 1

    @contextmanager
    def _piece(self, into: Into, start: int, size: int, *, is_wanted: bool) -> Iterator[None]:
        """Write what is left out, unless it is wanted, if these bytes are zero.

        A piece that is all there is of the one around it needs no test of its own.
        """
        around, known = self._tested, (into.base, start, size)
        bytes_ = into.bytes_(start, start + size)
        if around == known:
            yield
            return
        if not is_wanted or self.zero:
            self._tested = known
        header = f"if {bytes_} != {self.source.zeros(size)}:"
        with self.sink.kept(size, bytes_) if is_wanted else self.source.indented(header):
            yield
        self._tested = around

    def _block(self, block: Sequence[tuple[Step, Sequence[Step]]], into: Into) -> None:
        """Read members whose scalars one struct.unpack() reads."""
        run: list[Spot] = []
        found: list[Read] = []
        for step, leaves in block:
            names = [f"v{i}" for i in range(len(run), len(run) + len(leaves))]
            run += map(_spot, leaves, names)
            found.append(Read(step, leaves, names))
        start, end = run[0].offset, run[-1].offset + run[-1].size
        wanted = any(step.is_wanted for step, _ in block)
        piece = self._piece(into, start, end - start, is_wanted=wanted)
        with piece if len(run) > 1 else nullcontext():
            unpack = self.source.unpacker(pattern(run, start))
            self.emit(f"{', '.join(spot.name for spot in run)}, = {unpack}(d, {into.at(start)})")
            self.sink.block(found, into)

    def _word(self, word: Sequence[Step], into: Into) -> None:
        """Read bit fields whose bytes are read once."""
        span = into.bytes_(word[0].offset, max(map(end_of, word)))
        self.emit(f"w = F({span}, '{self.layouts.byteorder}')")
        wanted = any(step.is_wanted for step in word)
        with nullcontext() if wanted else self.source.indented("if w:"):
            found = []
            for i, step in enumerate(word):
                self.emit(f"v{i} = {self._bits(word, step)}")
                found.append(Read(step, (step,), (f"v{i}",)))
            self.sink.block(found, into)

    def _bits(self, word: Sequence[Step], step: Step) -> str:
        """Return an expression for a bit field out of `w`; see Layouts.bits()."""
        assert step.member is not None
        size = step.member.bit_size
        low = step.bit_offset - word[0].offset * 8
        if self.layouts.byteorder == "big":
            low = max(map(end_of, word)) * 8 - (step.bit_offset + size)
        value = f"w >> {low}" if low else "w"
        value = f"{value} & {(1 << size) - 1:#x}"
        if not (isinstance(step.layout, ScalarLayout) and step.layout.is_signed):
            return value
        sign = 1 << (size - 1)
        return f"(({value}) ^ {sign:#x}) - {sign:#x}"


def end_of(step: Step) -> int:
    """Return the offset behind the last byte that has something of a step."""
    if step.is_bits and step.member is not None:
        return (step.bit_offset + step.member.bit_size + 7) // 8
    return step.offset + step.layout.size


def _spot(step: Step, name: str) -> Spot:
    layout = step.layout
    assert isinstance(layout, ScalarLayout)
    return Spot(step.offset, layout.size, CODES[layout.size, layout.is_signed], name)


def _fits_block(
    block: Sequence[tuple[Step, Sequence[Step]]], added: Sequence[Step], max_gap: int
) -> bool:
    """Whether these scalars may be unpacked with those of a block so far."""
    gap = added[0].offset - end_of(block[-1][1][-1])
    count = sum(len(leaves) for _, leaves in block) + len(added)
    return count <= MAX_BLOCK and 0 <= gap <= max_gap


def _fits_word(word: Sequence[Step], added: Step) -> bool:
    """Whether a bit field lies in the eight bytes from the first one on."""
    return word[0].offset <= added.offset < end_of(added) <= word[0].offset + 8
