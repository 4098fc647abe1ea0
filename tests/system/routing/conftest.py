"""The routes of a kernel that tests may change."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note
from btfdump._system.routing import every_route
from tests.support.patched import PatchedKernel


class Changed(PatchedKernel):
    """A kernel whose members are set to numbers or bytes, and its routes."""

    def put(self, member: Any, value: int | bytes) -> None:
        order = self.target.platform.byteorder
        data = value if isinstance(value, bytes) else value.to_bytes(member.size_, order)
        self.target.write(member.address_, data)

    def found(self, dst: str) -> list[Any]:
        return [one for one in self.told()[0] if one.dst == dst]

    def told(self) -> tuple[list[Any], list[str]]:
        """Return the routes, and what is wrong."""
        troubles = Troubles()
        items = list(every_route(self, troubles))
        notes = [one.text for one in items if isinstance(one, Note)]
        lost = [str(one) for one in troubles.taken()]
        return [one for one in items if not isinstance(one, Note)], notes + lost


@pytest.fixture(params=["stock", "s390x"])
def kernel(opened, request):
    return Changed(opened(request.param))
