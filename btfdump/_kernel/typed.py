"""TypedAddress: the part of `Value` that other modules of this package rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from btfdump._annotate.facts import Expansion, MemberFacts
    from btfdump._btf import types
    from btfdump._decode.layout import Layout
    from btfdump._decode.scope import Stated
    from btfdump._kernel.context import Context
    from btfdump._kernel.expression import Scope
    from btfdump._walk.entries import Anomaly, Key, ValueEntry


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
    def facts_(self) -> MemberFacts | None:
        """What annotations state about the member that this is, or None."""

    @property
    def key_(self) -> Key:
        """Where an entry was found in a container that has keys."""

    @key_.setter
    def key_(self, key: Key) -> None: ...

    @property
    def _number_(self) -> int:
        """The number of an element in its array; 0 for anything else."""

    @property
    def is_pointer_(self) -> bool:
        """Whether the type, without modifiers, is a pointer."""

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

    def member_(self, name: str) -> Self:
        """Return a member; raises `MemberNotFoundError`, `FaultError`."""

    def __getitem__(self, key: str | int, /) -> TypedAddress:
        """Return a member by name, or an element or entry by index."""

    def _at_(
        self,
        type_: types.Type,
        address: int,
        data: bytes | None = None,
        *,
        facts: MemberFacts | None = None,
        index: int = 0,
        key: Key = None,
        stated: Stated = (),
    ) -> Self:
        """Return the object of `type_` at a virtual address of the same kernel."""

    def _around_(self) -> Sequence[Scope]:
        """Return the scopes in which the names of expressions about this are looked up."""

    def _holder_(self, expansion: Expansion | None) -> Self:
        """Return what holds the head or the elements; raises `FaultError` if it is not there."""

    def deref_(self) -> Self:
        """Return what a pointer points to; raises `FaultError`."""

    def expansion_(self) -> Expansion:
        """Return how a container's entries are typed and linked; raises `CorruptDataError`."""

    def walk_(self) -> Iterator[Self]:
        """Walk a container's entries; raises `CorruptDataError` at the end if it is damaged."""

    def entries_(self, expansion: Expansion | None = None) -> Iterator[Self | ValueEntry | Anomaly]:
        """Walk the entries of a container, with anomalies where they are met."""
