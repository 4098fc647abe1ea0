"""Plan -> Python source: code that reads what a plan lists and hands it to a sink.

How each thing is read is decided here, once for every sink: adjacent scalars are tested for zero
and unpacked together, bit fields that share bytes are taken from one number, and arrays of structs
are walked in a loop. A sink decides what becomes of a scalar, a string, an array or a struct: a
field, a line of text, a piece of JSON.

In the generated function `d` holds the object's bytes, `v0`, `v1`, ... what was just unpacked, `w`
a word of bit fields, and for the Nth array `bN` the offset of an element and `iN` its index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

from btfdump._decode.compiled.plan import is_text
from btfdump._decode.compiled.source import CODES, Spot, is_unpackable, pattern
from btfdump._decode.fields import nonzero, reach, with_zeros_counted
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import ScalarLayout
from btfdump.errors import UnusableBtfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from btfdump._decode.compiled.plan import Plan, PlanStep
    from btfdump._decode.compiled.source import Source

MAX_BLOCK = 16
"""The most scalars that are tested for zero and unpacked together."""
MAX_LOOPS = 16
"""The deepest nesting of arrays: Python's compiler accepts 20 nested loops."""
_LONG = 1024
"""Elements from which an array is searched for what is not zero, rather than looked through."""


class Into(NamedTuple):
    """Where output goes: the list in the variable `out`.

    Offsets are relative to the variable `base`, or to the start of the object if it is "".
    `element` is the variable with the index of an array element, "" outside of arrays.
    """

    out: str
    base: str = ""
    element: str = ""

    def at(self, offset: int) -> str:
        """Return an expression for a byte offset in `d`."""
        return f"{self.base}+{offset}" if self.base and offset else self.base or str(offset)

    def bytes_(self, start: int, end: int) -> str:
        """Return an expression for the bytes from offset `start` up to `end`."""
        return f"d[{self.at(start)}:{self.at(end)}]"


class Read(NamedTuple):
    """A step whose scalars, itself or those inside it, have each been unpacked into a variable."""

    step: PlanStep
    leaves: Sequence[PlanStep]
    names: Sequence[str]

    @property
    def condition(self) -> str:
        """An expression that is true if any of the scalars is not zero."""
        return " or ".join(self.names)


class Sink(ABC):
    """Decides what becomes of each thing read; its `emitter` writes the code that reads."""

    max_gap = 8
    """The most bytes between two scalars of a block: padding, or members that it skips."""

    def __init__(self, source: Source, plan: Plan) -> None:
        self.source = source
        self.emit = source.emit
        self.emitter = Emitter(source, self, plan)

    @abstractmethod
    def scalar(self, step: PlanStep, value: str, into: Into) -> None:
        """Write code for a scalar or bit field whose value is in the variable `value`."""

    @abstractmethod
    def string(self, step: PlanStep, into: Into) -> None:
        """Write code for an array that is shown as characters."""

    @abstractmethod
    def scalars(self, step: PlanStep, element: ScalarLayout, into: Into) -> None:
        """Write code for an array of scalars."""

    @abstractmethod
    def array(self, step: PlanStep, into: Into) -> None:
        """Write code for an array of structs or of arrays."""

    @abstractmethod
    def struct(self, step: PlanStep, into: Into) -> None:
        """Write code for a struct or union."""

    def compound(self, step: PlanStep, into: Into) -> None:
        """Write code for a struct, union or array."""
        layout = step.layout
        if isinstance(layout, StructLayout):
            self.struct(step, into)
        elif is_text(step):
            self.string(step, into)
        elif isinstance(layout, ArrayLayout) and isinstance(layout.element, ScalarLayout):
            self.scalars(step, layout.element, into)
        else:
            self.array(step, into)

    def leaves(self, step: PlanStep) -> Sequence[PlanStep]:
        """Return the scalars of a member that are to be unpacked together with its neighbours.

        They are in ascending order, do not overlap, and can each be read by struct.unpack(). An
        empty result means that the member is read on its own.
        """
        return (step,) if step.is_plain else ()

    def block(self, found: Sequence[Read], into: Into) -> None:
        """Write code for members that were unpacked together, skipping those that are zero."""
        for read in found:
            wanted = read.step.is_wanted
            with nullcontext() if wanted else self.source.indented(f"if {read.condition}:"):
                self.scalar(read.step, read.names[0], into)

    def kept(self, size: int, bytes_: str) -> AbstractContextManager[None]:
        """Write a block for `size` bytes, the expression `bytes_`, that are shown even if zero."""
        del size, bytes_
        return nullcontext()


class Emitter:
    """Writes the code that reads the steps of a plan."""

    def __init__(self, source: Source, sink: Sink, plan: Plan) -> None:
        self.source = source
        self.layouts = source.layouts
        self.sink = sink
        self.limit = plan.elements
        self.zero = plan.zero
        self.emit = source.emit
        self._tested = ("", 0, 0)  # (base, start, size) known not to be zero at this point
        self._loops = 0

    def members(self, steps: Sequence[PlanStep], into: Into) -> None:
        """Write code that reads members in their order."""
        block: list[tuple[PlanStep, Sequence[PlanStep]]] = []
        word: list[PlanStep] = []
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

    def _alone(self, step: PlanStep, into: Into) -> None:
        """Write code that reads one member on its own, if it may be shown."""
        if not step.is_wanted and not step.tested:
            return
        with self._piece(into, step.offset, step.tested, is_wanted=step.is_wanted):
            if isinstance(step.layout, ScalarLayout):
                self.emit(f"v0 = {self.read(step.layout, into.at(step.offset))}")
                self.sink.scalar(step, "v0", into)
            else:
                self.sink.compound(step, into)

    def read(self, layout: ScalarLayout, where: str) -> str:
        """Return an expression for the scalar at the offset `where`, itself an expression."""
        if is_unpackable(layout):
            code = CODES[layout.size, layout.is_signed]
            return f"{self.source.unpacker(code)}(d, {where})[0]"
        return f"{self.source.constant('R', layout.decode)}(d, {where})"

    def read_many(self, step: PlanStep, element: ScalarLayout, into: Into) -> tuple[str, str]:
        """Return expressions for the list of an array's scalars, and for the number left out."""
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        count = layout.shown(self.limit)
        where = into.at(step.offset)
        if is_unpackable(element):
            codes = f"{count}{CODES[element.size, element.is_signed]}"
            values = f"list({self.source.unpacker(codes)}(d, {where}))"
        else:
            decode = self.source.constant("R", element.decode)
            values = f"[{decode}(d, {where} + i * {element.size}) for i in range({count})]"
        if count == layout.length or not count:
            return values, str(layout.length - count)
        number = self.source.variable("n")
        far = self.source.constant("W", reach)
        kind = self.source.constant("T", layout)
        size = count * element.size  # most arrays begin with something else than zeros
        is_late = f"d[{where}:{where} + {size}] == {self.source.zeros(size)}"
        self.emit(f"{number} = {far}(d, {where}, {kind}, {self.limit}) if {is_late} else {count}")
        many = self.source.constant("R", element.decode_many)
        values = f"({values} if {number} == {count} else {many}(d, {where}, {number}))"
        counted = self.source.constant("Q", with_zeros_counted)
        values = f"{counted}({values}, d, {where}, {kind})"
        return values, f"{layout.length} - {number}"

    @contextmanager
    def elements(self, step: PlanStep, into: Into) -> Iterator[tuple[Into, str]]:
        """Write a loop over those elements of an array that are shown.

        Yields where each element's output goes, and an expression for the number of elements not
        looked at. Raises `BtfFormatError` if arrays nest too deeply.
        """
        layout = step.layout
        assert isinstance(layout, ArrayLayout)
        self._loops += 1
        if self._loops > MAX_LOOPS:
            raise UnusableBtfError(0, f"{layout.type} is nested too deep to be compiled")
        size, shown = layout.element.size, layout.shown(self.limit)
        where, index = self.source.variable("b"), self.source.variable("i")
        elided, count = "0", ""
        if layout.length > shown and size:
            elided, count = self.source.variable("m"), self.source.variable("c")
            self.emit(f"{elided} = {count} = 0")
        is_long = layout.length > _LONG and size > 0 and not self.zero
        indexes = f"range({layout.length if size else 0})"
        if is_long:  # its zeros are passed over at the speed of C
            find = self.source.constant("G", nonzero)
            indexes = f"{find}(d, {into.at(step.offset)}, {layout.length}, {size})"
        with self.source.indented(f"for {index} in {indexes}:"):
            self.emit(f"{where} = {into.at(step.offset)} + {index} * {size}")
            if not self.zero and not is_long and layout.length:  # without any, elements may be huge
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
        """Write a block that is skipped if these bytes are all zero, unless it is wanted.

        A block that covers the same bytes as the one around it needs no test of its own.
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

    def _block(self, block: Sequence[tuple[PlanStep, Sequence[PlanStep]]], into: Into) -> None:
        """Write code for members whose scalars are read by one struct.unpack()."""
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

    def _word(self, word: Sequence[PlanStep], into: Into) -> None:
        """Write code for bit fields that share bytes, which are read once."""
        span = into.bytes_(word[0].offset, max(map(end_of, word)))
        self.emit(f"w = F({span}, '{self.layouts.byteorder}')")
        wanted = any(step.is_wanted for step in word)
        with nullcontext() if wanted else self.source.indented("if w:"):
            found = []
            for i, step in enumerate(word):
                self.emit(f"v{i} = {self._bits(word, step)}")
                found.append(Read(step, (step,), (f"v{i}",)))
            self.sink.block(found, into)

    def _bits(self, word: Sequence[PlanStep], step: PlanStep) -> str:
        """Return an expression that extracts a bit field from `w`; see Scalars.bits()."""
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


def end_of(step: PlanStep) -> int:
    """Return the offset just past the last byte that a step occupies."""
    if step.is_bits and step.member is not None:
        return (step.bit_offset + step.member.bit_size + 7) // 8
    return step.offset + step.layout.size


def _spot(step: PlanStep, name: str) -> Spot:
    layout = step.layout
    assert isinstance(layout, ScalarLayout)
    return Spot(step.offset, layout.size, CODES[layout.size, layout.is_signed], name)


def _fits_block(
    block: Sequence[tuple[PlanStep, Sequence[PlanStep]]], added: Sequence[PlanStep], max_gap: int
) -> bool:
    """Whether scalars may be unpacked together with those of the block so far."""
    gap = added[0].offset - end_of(block[-1][1][-1])
    count = sum(len(leaves) for _, leaves in block) + len(added)
    return count <= MAX_BLOCK and 0 <= gap <= max_gap


def _fits_word(word: Sequence[PlanStep], added: PlanStep) -> bool:
    """Whether a bit field lies within eight bytes of the start of the first one."""
    return word[0].offset <= added.offset < end_of(added) <= word[0].offset + 8
