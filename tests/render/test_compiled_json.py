"""Compiled code writes the JSON, to the byte, that is written without."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.kernel import Kernel
from btfdump._btf import types
from btfdump._graph import readers
from btfdump._graph.limits import Limits, selection_of
from btfdump._targets.buffer import BufferTarget
from tests.support.hot_readers import MEMBERS, assert_same

if TYPE_CHECKING:
    from collections.abc import Callable


BASE = 0xFFFF_8880_0000_0000


@pytest.fixture
def kernel(opened: Callable[[str], Kernel]) -> Kernel:
    return opened("tagged")


@pytest.fixture(params=["tagged", "stock", "s390x"])
def any_kernel(opened: Callable[[str], Kernel], request: pytest.FixtureRequest) -> Kernel:
    return opened(request.param)


@pytest.fixture
def hot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile every type at once."""
    monkeypatch.setattr(readers, "HOT", 1)


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"limits": Limits(depth=1, objects=40)},
        {"limits": Limits(elements=2, string=4)},
        {"follow": frozenset({("mm",), ("signal",)})},
        {"members": MEMBERS},
        {"members": selection_of(["real_parent.comm", "usage", "thread_info.flags", "sysvshm"])},
    ],
    ids=["all", "depth", "cut", "follow", "members", "nested"],
)
def test_tasks(any_kernel: Kernel, how: dict[str, Any]) -> None:
    assert_same(any_kernel, list(islice(any_kernel.tasks(), 0, None, 4)), "jsonl", **how)


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize(
    "name", ["modules", "super_blocks", "runqueues", "init_net", "init_nsproxy", "init_task"]
)
def test_other_roots(any_kernel: Kernel, name: str) -> None:
    assert_same(any_kernel, [any_kernel[name]], "jsonl", limits=Limits(depth=1, objects=200))


@pytest.mark.usefixtures("hot")
@pytest.mark.parametrize("density", [0.02, 0.5])
def test_random_bytes(kernel: Kernel, density: float) -> None:
    """Nothing lies behind random pointers, and whatever lies in them is written the same."""
    found = [t for t in kernel.btf.iter_types() if isinstance(t, types.Composite)]
    few = [t for t in found if 0 < t.size < 10_000][:: 40 if density < 0.1 else 150]
    assert len(few) > 40
    for number, type_ in enumerate(few):
        rng = random.Random(number)
        data = bytes(b if rng.random() < density else 0 for b in rng.randbytes(type_.size))
        here = Kernel(BufferTarget({BASE: data}), kernel.btf)
        value = here.value(str(type_), BASE) if type_.name else None
        if value is not None and len(kernel.btf.find_all(None, type_.name)) == 1:
            assert_same(here, [value, value], "jsonl")
