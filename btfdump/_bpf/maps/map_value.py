"""MapValue: a `struct bpf_map` that knows what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._bpf.maps import MAPS, Family, count_elements
from btfdump._bpf.maps.elements import Element
from btfdump._bpf.maps.map_object import MapObject
from btfdump._decode.scalars import ScalarLayout
from btfdump._walk import Anomaly
from btfdump._walk.entries import UNWALKABLE, anomaly_of
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._kernel.value import Value


class MapValue(MapObject):
    """A BPF map (`struct bpf_map`) and its elements.

    An index is a key: `map[3]` is the value of the element whose key is the integer 3.
    """

    __slots__ = ()

    @property
    def _family_(self) -> Family | None:
        """How elements of such a map are found, None for a map type that is not known here."""
        return MAPS.get(self.kind_)

    def elements_(self) -> Iterator[Element | Anomaly]:
        """Yield the elements, each CPU's copy separately, and what is wrong with the map.

        Bad memory does not raise: what ends the walk is an `Anomaly` as well.
        """
        try:
            self.read_()
            family = self._family_
            if family is None:
                text = (
                    f"maps of type {self.kind_} are not known to this version: contents not shown"
                )
                yield Anomaly(text, self.address_, ends=True)
                return
            yield from family.walk(self)
        except UNWALKABLE as error:
            yield anomaly_of(error, "the map", self.address_)

    def items_(self) -> Iterator[tuple[Value | None, Value]]:
        """Yield (key, value) for each element, and for each CPU's copy in a per-CPU map.

        The key of local storage is the object that owns it. Raises `CorruptDataError` at the end if
        the walk could not find everything.
        """
        trouble: Anomaly | None = None
        for element in self.elements_():
            if isinstance(element, Element):
                yield element.key if element.owner is None else element.owner, element.value
            elif element.ends:
                trouble = trouble or element
        if trouble is not None:
            raise CorruptDataError(trouble.message, trouble.address)

    def count_(self) -> int | None:
        """Return the number of elements if the kernel keeps count of them, else None.

        Raises `FaultError` and `CorruptDataError`.
        """
        return count_elements(self)

    def __getitem__(self, key: str | int) -> Value:
        """Return a member of `struct bpf_map` by name, or the value whose key is an integer.

        Raises `IndexError` if there is no such element, or if keys of this map are not integers.
        """
        if isinstance(key, str):
            return self.member_(key)
        for element in self.elements_():
            if not isinstance(element, Element):
                continue
            if element.cpu is not None:
                raise IndexError(f"map {self.name_} has a copy of each value for every CPU")
            if element.key is None or not isinstance(element.key._layout_, ScalarLayout):
                raise IndexError(f"the keys of map {self.name_} are no integers")
            if element.key.value_() == key:
                return element.value
        raise IndexError(f"map {self.name_} has no element with key {key}")
