"""Programs of the sample dumps, each opened once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump import drgn as plugin
from btfdump import open_core
from tests.support.drgn_programs import VERSION, open_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from drgn import Program

    from btfdump._api.kernel import Kernel

OF_BTFDUMP = ("s390x",)


@pytest.fixture(scope="session")
def program(sample: Callable[[str], Path]) -> Iterator[Callable[[str], Program]]:
    """Return name -> a program that has opened a sample dump, with btfdump attached.

    That of s390x has no VMCOREINFO where drgn looks for it: btfdump opens it for drgn.
    """
    known: dict[str, Program] = {}
    kernels: list[Kernel] = []

    def find(name: str) -> Program:
        if name in OF_BTFDUMP and VERSION < (0, 3):
            pytest.skip("drgn before 0.3 cannot translate the addresses of this s390x kernel")
        if name in OF_BTFDUMP and name not in known:
            kernels.append(open_core(sample(name)))
            known[name] = kernels[-1]["init_task"].drgn_().prog_
        elif name not in known:
            known[name] = open_program(sample(name))
            plugin.attach(known[name])
        return known[name]

    yield find
    for kernel in kernels:
        kernel.close()
