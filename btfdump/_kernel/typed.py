"""TypedAddress: the part of `Value` that other modules of this package rely on."""

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
    """An object of a C type at a virtual address; `Value` implements and documents it."""

    @property
    def address_(self) -> int:
        """The virtual address of the object."""

    @property
    def type_(self) -> types.Type:
        """The object's type."""

    @property
    def _layout_(self) -> Layout:
        """The layout of the type."""

    @property
    def _context_(self) -> Context:
        """The kernel that the object belongs to."""

    @property
    def _outer_(self) -> tuple[TypedAddress, str] | None:
        """The struct that this is a member of and the member's name, or None if not known."""

    def __int__(self) -> int:
        """Return the value of a scalar or pointer as an int; raises `FaultError`."""

    def _slice_(self, offset: int, size: int) -> bytes | None:
        """Return `size` bytes from byte `offset` if they have been read already, else None."""

    def bytes_(self) -> bytes:
        """Return the object's bytes; raises `FaultError`."""

    def value_(self) -> Any:
        """Return the object as plain Python values; raises `FaultError`."""

    def member_(self, name: str) -> TypedAddress:
        """Return a member; raises `MemberNotFoundError`, `FaultError`."""

    def __getitem__(self, key: str | int, /) -> TypedAddress:
        """Return a member by name, or an element or entry by index."""

    def _at_(self, type_: types.Type, address: int) -> TypedAddress:
        """Return the object of `type_` at a virtual address of the same kernel."""

    def walk_(self) -> Iterator[TypedAddress]:
        """Walk a container's entries; raises `CorruptDataError` at the end if it is damaged."""

    def entries_(
        self, expansion: Expansion | None = None
    ) -> Iterator[TypedAddress | ValueEntry | Anomaly]:
        """Walk the entries of a container, with anomalies where they are met."""
