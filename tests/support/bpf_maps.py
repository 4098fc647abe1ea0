"""Elements of maps, and what a guest recorded of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._bpf.maps.elements import Element
from btfdump._walk import Anomaly

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._bpf.maps.map_value import MapValue
    from btfdump._kernel.value import Value


DUMPS = ("tagged", "stock", "s390x")
FOLDERS = {name: f"{name}-6.12" for name in DUMPS}


def hexes(value: Value | None) -> str:
    return value.bytes_().hex() if value is not None else ""


def elements(map_: MapValue) -> list[Element]:
    found = list(map_.elements_())
    assert not [item for item in found if isinstance(item, Anomaly)]
    return [item for item in found if isinstance(item, Element)]


def same_element(element: Element, elem: dict[str, Any]) -> None:
    assert element.cpu == elem.get("cpu")
    if "key" in elem:
        assert hexes(element.key) == elem["key"]
    if "index" in elem:
        assert int(element.key) == elem["index"]  # type: ignore[arg-type]
    if "owner" in elem:
        assert element.owner is not None
        assert element.owner.address_ == int(elem["owner"], 16)
    if "inner_map" in elem:
        assert element.value.address_ == int(elem["inner_map"], 16)
        assert int(element.value.id) == elem["inner_id"]
        return
    where = elem.get("value_addr") or elem.get("data_addr") or elem.get("addr")
    if where is not None:
        assert element.value.address_ == int(where, 16)
    assert hexes(element.value) == elem.get("value", elem.get("data"))


def same_objects(found: list[Value], expected: list[dict[str, Any]]) -> None:
    assert [value.address_ for value in found] == [int(e["obj"], 16) for e in expected]
    for value, elem in zip(found, expected, strict=True):
        assert value.bytes_().hex() == elem["data"][: 2 * value.size_]


def items(kernel: Kernel, name: str) -> tuple[list[Element], list[str]]:
    found = list(kernel.bpf.map(name).elements_())
    notes = [item.message for item in found if isinstance(item, Anomaly)]
    return [item for item in found if isinstance(item, Element)], notes


def first_of(name: str, truth: Any) -> dict[str, Any]:
    """Return the first element of a hash table of the tagged kernel."""
    (known,) = [m for m in truth("tagged")["maps"] if m["name"] == name]
    return known["elems"][0]
