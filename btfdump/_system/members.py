"""The members of a struct that one kernel has, of those that all kernels have had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from btfdump._decode.layout import StructLayout
from btfdump._kernel.following import Following
from btfdump._kernel.value_at import value_at
from btfdump.errors import MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from btfdump._kernel.context import Context
    from btfdump._kernel.following import Troubles


class Members:
    """Reads members of objects of one struct at once, by names of our own for their paths.

    Raises `UnknownTypeError` if the kernel has no such struct.
    """

    def __init__(
        self, kernel: Context, struct: str, paths: Mapping[str, str], troubles: Troubles
    ) -> None:
        layout = kernel.layouts.of(kernel.own_type(f"struct {struct}"))
        assert isinstance(layout, StructLayout)
        self._none = dict.fromkeys(paths)
        self._known: list[str] = []
        found = []
        for name, path in paths.items():
            try:
                Following(kernel, layout, [path])
            except MemberNotFoundError:
                continue
            self._known.append(name)
            found.append(path)
        self._following = Following(kernel, layout, found, name=struct, troubles=troubles)
        self._type = layout.base
        self._kernel = kernel

    def of(self, address: int) -> dict[str, Any]:
        """Return the members of the object at an address, None for what cannot be read.

        What this kernel does not have is None, too.
        """
        address = self._kernel.wrap(address)
        if self._following.is_plain:
            row = self._following.at(address)
        else:
            row = self._following.of(value_at(self._kernel, self._type, address))
        return self._none | dict(zip(self._known, row, strict=True))
