"""TypedAddress: what the rest of this room asks of a `Value`, which is built on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._annotate.facts import Expansion
    from btfdump._btf import types
    from btfdump._decode.layout import Layout
    from btfdump._kernel.context import Context
    from btfdump._walk.entries import Anomaly, ValueEntry


class TypedAddress(Protocol):
    """An object of a C type at an address, as `kernel.value.Value` is: see there."""

    @property
    def address_(self) -> int:
        """Virtual address of the object."""

    @property
    def type_(self) -> types.Type:
        """The object's type."""

    @property
    def _layout_(self) -> Layout:
        """The layout of the type."""

    @property
    def _context_(self) -> Context:
        """The kernel that the object is part of."""

    @property
    def _outer_(self) -> tuple[TypedAddress, str] | None:
        """The struct that this is a member of, and the member's name, where it was reached so."""

    def __int__(self) -> int:
        """Return the integer or address that a scalar is; raises `FaultError`."""

    def _slice_(self, offset: int, size: int) -> bytes | None:
        """Return bytes of the object if they have been read already, else None."""

    def bytes_(self) -> bytes:
        """Return the object's bytes; raises `FaultError`."""

    def value_(self) -> Any:
        """Return the object as plain Python values; raises `FaultError`."""

    def member_(self, name: str) -> TypedAddress:
        """Return a member; raises `MemberNotFoundError`, `FaultError`."""

    def __getitem__(self, key: str | int, /) -> TypedAddress:
        """Return a member by name, an element or entry by index."""

    def _at_(self, type_: types.Type, address: int) -> TypedAddress:
        """Return another object of the same kernel."""

    def walk_(self) -> Iterator[TypedAddress]:
        """Walk the entries of a container; raises `CorruptDataError` in the end."""

    def entries_(
        self, expansion: Expansion | None = None
    ) -> Iterator[TypedAddress | ValueEntry | Anomaly]:
        """Walk the entries of a container and what is wrong with it."""
