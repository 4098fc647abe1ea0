"""Global variables whose type the table of other kernels' DWARF knows: which type holds here.

A name may have had several types over time. Only the kernels nearest to this one count: those of
its series and machine, or else those of the series before and after it. A type must exist in the
BTF of this kernel and fit into the space up to the next symbol, which also gives the length of an
array. If several types remain, none is chosen: a wrong type is worse than none.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from btfdump._annotate.global_types import global_types
from btfdump._btf import types
from btfdump._btf.wire import Kind
from btfdump._kernel.spelled import find_spelled, parse, spelling
from btfdump._targets.memory import symbol_room
from btfdump._targets.symbols import padding_before
from btfdump.errors import AmbiguousTypeError, BtfdumpError, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from btfdump._annotate.global_types import Choice, GlobalTypes, SourceKernel
    from btfdump._btf.reader import Btf
    from btfdump._decode.layout import Layouts
    from btfdump._kernel.spelled import Spelled
    from btfdump._kernel.type_names import TypeNames
    from btfdump._targets.memory import Target


class Tabulated(NamedTuple):
    """The type of a variable, and the series of the kernels that say so: "6.12", "6.1, 6.12".

    The length of an array is that of the room up to the next symbol if `is_by_room`. An array of
    arrays `is_flat`: it has the elements of them all.
    """

    type: types.Type
    series: str
    is_by_room: bool = False
    is_flat: bool = False


class _Fit(NamedTuple):
    type: types.Type
    choice: Choice
    is_tight: bool
    dimensions: int = 0


class TabulatedTypes:
    """The types of one kernel's variables by the table, each checked against this kernel.

    `names` finds the types of the kernel, `btf` is that of vmlinux, and `layouts` knows how large
    they are. `table` is the one that ships, unless one is given.
    """

    def __init__(
        self,
        target: Target,
        names: TypeNames,
        btf: Btf,
        layouts: Layouts,
        table: GlobalTypes | None = None,
    ) -> None:
        self._target = target
        self._names = names
        self._btf = btf
        self._layouts = layouts
        self._table = global_types() if table is None else table
        self._near: dict[frozenset[int], frozenset[int]] = {}
        self._resolved: dict[Spelled, types.Type | str] = {}
        self._several: dict[Spelled, list[types.Type]] = {}
        self._arrays: dict[int, list[types.Array]] | None = None
        self._elements: dict[int, frozenset[str]] = {}

    def find(self, name: str, address: int) -> Tabulated | str:
        """Return the type of the vmlinux variable `name` at a virtual address, or why it has none.

        Returns "" if the table does not have the name.
        """
        choices = self._table.find(name)
        if not choices:
            return ""
        near = self._nearest(choices)
        room, is_size = symbol_room(self._target, address)
        fits: list[_Fit] = []
        reasons: list[str] = []
        for choice in choices:
            if near.isdisjoint(choice.sources):
                continue
            fit = self._fit(choice, address, room, is_size)
            if isinstance(fit, str):
                reasons.append(f"{choice.spelling} ({self._series(choice.sources)}): {fit}")
            else:
                fits.append(fit)
        if len(fits) > 1:
            fits = _different(fits)
        if len(fits) > 1:
            fits = [fit for fit in fits if fit.is_tight] or fits
        if len(fits) == 1:
            (fit,) = fits
            series = self._series(near.intersection(fit.choice.sources))
            is_by_room = fit.dimensions > 0 and not is_size
            return Tabulated(fit.type, series, is_by_room, fit.dimensions > 1)
        if fits:
            told = ", ".join(
                f"{fit.type} ({self._series(near.intersection(fit.choice.sources))})"
                for fit in fits
            )
            return f"kernels near this one have it as different types: {told}"
        return "; ".join(reasons)

    def _series(self, numbers: Iterable[int]) -> str:
        """Name sources by their series; by their machines where this is none of them."""
        sources = [self._table.sources[number] for number in sorted(numbers)]
        machine = self._target.platform.machine
        own = [source for source in sources if source.machine == machine]
        told = {s.series if own else f"{s.series} {s.machine}": s for s in own or sources}
        return ", ".join(sorted(told, key=lambda text: _version(told[text].series)))

    def _nearest(self, choices: Sequence[Choice]) -> frozenset[int]:
        """Return the sources whose word counts, of those that have a variable."""
        having = frozenset(number for choice in choices for number in choice.sources)
        if having not in self._near:
            machine = self._target.platform.machine
            sources = [(number, self._table.sources[number]) for number in sorted(having)]
            self._near[having] = nearest(sources, self._target.release, machine)
        return self._near[having]

    def _fit(self, choice: Choice, address: int, room: int, is_size: bool) -> _Fit | str:
        """Return the type if it exists and has room, or what is against it."""
        spelled = parse(choice.spelling)
        # What lies behind a variable is padding if the next one is aligned to more than that.
        padding = 1 if is_size else padding_before(address + room)
        element = self._resolve(spelled.element)
        if not isinstance(element, str):
            return self._placed(element, spelled.dimensions, choice, room, padding)
        fits = [
            self._placed(type_, spelled.dimensions, choice, room, padding)
            for type_ in self._several.get(spelled.element, ())
        ]
        tight = [fit for fit in fits if not isinstance(fit, str) and fit.is_tight]
        return tight[0] if len(tight) == 1 else element

    def _placed(
        self, element: types.Type, dimensions: int, choice: Choice, room: int, padding: int
    ) -> _Fit | str:
        """Return a type, or the array of it that fits, or what is against it."""
        try:
            size = self._layouts.of(element).size
        except BtfdumpError as error:
            return str(error)
        if not dimensions:
            if room and size > room:
                return f"it has {size} bytes, and the symbol {room}"
            return _Fit(element, choice, not room or room - size < padding)
        if not room:
            return "how long the array is is not known: no symbol follows"
        if not size:
            return "its elements have no size"
        longest = room // size
        if not longest:
            return f"an element has {size} bytes, and the symbol {room}"
        shortest = max((room - padding) // size + 1, 1)
        length = self._length(element, range(shortest, longest + 1)) or longest
        from btfdump._btf.derived import derive

        return _Fit(derive(element, 0, (length,)), choice, shortest <= longest, dimensions)

    def may_be_shorter(self, array: types.Array) -> bool:
        """Whether an array that fills its room may be shorter, by the lengths that the BTF has.

        The BTF describes the type of every variable, so its length is among those of the arrays of
        this element that are no longer than the room.
        """
        known = self._lengths.get(spelling(array.element), set())
        return any(length < array.length for length in known) or array.length not in known

    def least(self, array: types.Array, address: int) -> int:
        """Return the least length that such an array at a virtual address may have.

        What fills its room may be padding. But the BTF has an array of its length, and its last
        element that is not zero is none of the padding. Returns its own length if the memory cannot
        be read.
        """
        size = self._layouts.of(array.element).size
        room, _ = symbol_room(self._target, address)
        try:
            data = self._target.read(address, room).rstrip(b"\0")
        except FaultError:
            return array.length
        shortest = max((room - padding_before(address + room)) // size + 1, -(-len(data) // size))
        known = self._lengths.get(spelling(array.element), set())
        return min((n for n in known if shortest <= n <= array.length), default=array.length)

    @cached_property
    def _lengths(self) -> dict[str, set[int]]:
        """The lengths of the BTF's arrays, by element; that of `int[2][3]` is 3, as of `int[3]`."""
        lengths: dict[str, set[int]] = {}
        spelled: dict[int, str] = {}
        for array in self._btf.iter_types(Kind.ARRAY):
            if isinstance(array, types.Array) and array.length:
                element = array.element
                if element.id not in spelled:
                    spelled[element.id] = spelling(element)
                lengths.setdefault(spelled[element.id], set()).add(array.length)
        return lengths

    def _length(self, element: types.Type, lengths: range) -> int:
        """Return the greatest of several lengths of which the BTF has an array; 0 if it has none.

        The compiler described the types of all variables, those of arrays with their lengths.
        """
        if len(lengths) < 2:
            return 0
        if self._arrays is None:
            self._arrays = {}
            for array in self._btf.iter_types(Kind.ARRAY):
                if isinstance(array, types.Array):
                    self._arrays.setdefault(array.length, []).append(array)
        wanted = spelling(element)
        for length in reversed(lengths):
            if length in self._arrays and wanted in self._elements_of(length):
                return length
        return 0

    def _elements_of(self, length: int) -> frozenset[str]:
        """Return the spellings of the elements of all arrays of that length."""
        found = self._elements.get(length)
        if found is None:
            assert self._arrays is not None
            spelled = frozenset(spelling(array.element) for array in self._arrays[length])
            found = self._elements[length] = spelled
        return found

    def _resolve(self, spelled: Spelled) -> types.Type | str:
        found = self._resolved.get(spelled)
        if found is None:
            try:
                found = find_spelled(self._names, self._btf, spelled)
            except AmbiguousTypeError as error:
                found = str(error)
                if not spelled.suffixes:
                    self._several[spelled] = [self._btf.type(id_) for id_ in error.type_ids]
            except BtfdumpError as error:
                found = str(error)
            self._resolved[spelled] = found
        return found


def nearest(
    sources: Sequence[tuple[int, SourceKernel]], release: str, machine: str
) -> frozenset[int]:
    """Return the numbers of the sources whose word counts for a kernel of a release and machine.

    Those of its series and machine, if there are any: of these, the last before it and the first
    after it, which may be of another machine where this one has none. Else those of the series
    before and after it for that machine, and those of its series for other machines. All, if the
    release is not known.
    """
    version = _version(release)
    if not version:
        return frozenset(number for number, _ in sources)
    series = version[:2]
    versions = {number: _version(source.version) for number, source in sources}
    own = {n: versions[n] for n, source in sources if source.machine == machine}
    others = {n: versions[n] for n, source in sources if source.machine != machine}
    exact = {n: v for n, v in own.items() if v[:2] == series}
    alike = {n: v for n, v in others.items() if v[:2] == series}
    if exact:
        if not version[2]:  # distributions that number their kernels 6.1.0-50 do not say which
            return frozenset(exact)
        found = _around(exact, version)
        if min(exact.values()) > version:
            found |= _around({n: v for n, v in alike.items() if v <= version}, version)
        if max(exact.values()) < version:
            found |= _around({n: v for n, v in alike.items() if v >= version}, version)
        return frozenset(found)
    asked = own or ({} if alike else others)
    return frozenset({*_around({n: v[:2] for n, v in asked.items()}, series), *alike})


def _around(versions: Mapping[int, tuple[int, ...]], version: tuple[int, ...]) -> set[int]:
    """Return the numbers of the last of some versions before one, and of the first after it."""
    before = max((v for v in versions.values() if v <= version), default=None)
    after = min((v for v in versions.values() if v >= version), default=None)
    return {number for number, known in versions.items() if known in (before, after)}


def _version(release: str) -> tuple[int, ...]:
    """Return (6, 12, 117) for "6.12.117-cloud"; () for what does not begin with a version."""
    match = re.match(r"(?a:(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?)", release)
    return tuple(int(part or 0) for part in match.groups()) if match is not None else ()


def _different(fits: Sequence[_Fit]) -> list[_Fit]:
    """Return those that are not laid out like one before them: `u8` and `unsigned char`."""
    from btfdump._btf.alike import distinct

    kept = {id(type_) for type_ in distinct(fit.type for fit in fits)}
    return [fit for fit in fits if id(fit.type) in kept]
