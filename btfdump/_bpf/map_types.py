"""The types of keys and values of BPF maps, by the BTF that the maps' loader gave the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from btfdump.errors import BtfdumpError, CorruptDataError, TypeNotFoundError

if TYPE_CHECKING:
    from btfdump._bpf.program_btf import KernelBtfs
    from btfdump._btf import types
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


class MapType(NamedTuple):
    """The types of a map's keys and values; None with the reason for a type that is not known."""

    name: str
    key: types.Type | None
    value: types.Type | None
    no_key: str = ""
    no_value: str = ""

    @property
    def provenance(self) -> str:
        """Who says what the bytes of the map are, in the form in which it is shown."""
        return f"map {self.name}"


class MapTypes:
    """The types of the maps of one kernel, each found once."""

    def __init__(self, context: Context, btfs: KernelBtfs) -> None:
        self._context = context
        self._btfs = btfs
        self._known: dict[int, MapType] = {}

    def value_type(self, map_: Value) -> tuple[types.Type, str]:
        """Return the type of a map's values, and who says so.

        `map_` is a `struct bpf_map` or a pointer to one. Raises `CorruptDataError` if the values
        have no type, and `FaultError`.
        """
        found = self.of(map_)
        if found.value is None:
            raise CorruptDataError(f"map {found.name}: {found.no_value}", map_.address_)
        return found.value, found.provenance

    def of(self, map_: Value) -> MapType:
        """Return the types of a `struct bpf_map`, or of the one that a pointer points to.

        Raises `FaultError` if the map itself cannot be read; anything else becomes a reason.
        """
        address = int(map_) if map_.is_pointer_ else map_.address_
        found = self._known.get(address)
        if found is None:
            value = map_.deref_() if map_.is_pointer_ else map_
            found = self._known[address] = self._find(value.read_())
        return found

    def _find(self, map_: Value) -> MapType:
        name = map_.member_("name").string_() or f"{int(map_.id)}"
        key, no_key = self._typed(map_, "key")
        value, no_value = self._typed(map_, "value")
        if value is not None:
            from btfdump._bpf.records import teach

            teach(self._context, value, map_, self._btfs)
        return MapType(name, key, value, no_key, no_value)

    def _typed(self, map_: Value, what: str) -> tuple[types.Type | None, str]:
        """Return the type of the map's keys or values, or None and why there is none."""
        size = int(map_.member_(f"{what}_size"))
        type_id = int(map_.member_(f"btf_{what}_type_id"))
        if not map_.btf:
            return None, "was loaded without BTF"
        if not type_id:
            return None, f"its BTF does not say what a {what} is"
        try:
            type_ = self._btfs.of(map_.btf).type(type_id)
            found = self._context.layouts.of(type_).size
        except (BtfdumpError, TypeNotFoundError) as error:
            return None, str(error)
        if found != size:
            return None, f"{type_} has {found} bytes, a {what} {size}"
        return type_, ""
