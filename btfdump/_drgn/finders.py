"""What one program and one kernel have to do with each other: the finders that drgn asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._drgn.errors import in_terms_of_drgn
from btfdump._drgn.named_types import NamedTypes
from btfdump._drgn.objects import NamedObjects
from btfdump._drgn.symbols import NamedSymbols
from btfdump._drgn.types import DrgnTypes
from btfdump._drgn.values import object_of, value_of

if TYPE_CHECKING:
    import drgn

    from btfdump._btf import types as t
    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value


class Finders:
    """The types, objects and symbols of a kernel, for a program: what drgn calls its finders.

    They raise drgn's exceptions: see `btfdump._drgn.errors`.
    """

    def __init__(self, prog: drgn.Program, kernel: Context) -> None:
        self._prog = prog
        self.kernel: Any = kernel
        self._types = DrgnTypes(prog, self._define)
        self._named_types = NamedTypes(kernel, self._types)
        self._objects = NamedObjects(prog, kernel, self._types)
        self._symbols = NamedSymbols(kernel)

    def _define(self, declaration: t.Fwd) -> t.Type:
        defined: t.Type = self.kernel.definitions.of(declaration)
        return defined

    def find_type(
        self, kinds: drgn.TypeKindSet, name: str, filename: str | None
    ) -> drgn.Type | None:
        """Return the type of a name, None if there is none: see `NamedTypes.find()`."""
        with in_terms_of_drgn():
            return self._named_types.find(kinds, name, filename)

    def find_object(
        self, name: str, flags: drgn.FindObjectFlags, filename: str | None
    ) -> drgn.Object | None:
        """Return what has a name, None if there is nothing: see `NamedObjects.find()`."""
        with in_terms_of_drgn():
            return self._objects.find(name, flags, filename)

    def find_symbol(self, name: str | None, address: int | None, one: bool) -> list[drgn.Symbol]:
        """Return symbols, none if there are none: see `NamedSymbols.find()`."""
        with in_terms_of_drgn():
            return self._symbols.find(name, address, one)

    def object_of(self, value: Value) -> drgn.Object:
        """Return a value of the kernel as an object of the program."""
        return object_of(self._prog, self._types, value)

    def value_of(self, object_: drgn.Object) -> Value:
        """Return an object of the program as a value of the kernel."""
        return value_of(self.kernel, self._prog, self._types, object_)
