"""The direct map of a kernel that has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._kernel.direct_map import direct_map

if TYPE_CHECKING:
    from btfdump._kernel.context import Context
    from btfdump._kernel.direct_map import DirectMap


def direct_of(kernel: Context) -> DirectMap:
    """Return where a kernel's direct map is."""
    found = direct_map(kernel)
    assert found is not None
    return found
