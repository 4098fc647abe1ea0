"""Compiled code writes the JSON, to the byte, that is written without."""

from __future__ import annotations

import json
import random
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._api.kernel import Kernel
from btfdump._decode.compiled.source import HOT
from btfdump._graph import readers
from btfdump._graph.limits import Limits, selection_of
from btfdump._kernel.value_at import value_at
from btfdump._targets.buffer import BufferTarget
from tests.support.hot_readers import MEMBERS, assert_same
from tests.support.synthetic import World

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
    found = list(kernel.btf.composites())
    few = [t for t in found if 0 < t.size < 10_000][:: 40 if density < 0.1 else 150]
    assert len(few) > 40
    for number, type_ in enumerate(few):
        rng = random.Random(number)
        data = bytes(b if rng.random() < density else 0 for b in rng.randbytes(type_.size))
        here = Kernel(BufferTarget({BASE: data}), kernel.btf)
        value = here.value(str(type_), BASE) if type_.name else None
        if value is not None and len(kernel.btf.find_all(None, type_.name)) == 1:
            assert_same(here, [value, value], "jsonl")


@pytest.mark.parametrize(
    ("spelled", "size", "first", "is_shown"),
    [
        ("u64", 8, 64, True),
        ("u64", 8, 199, True),
        ("u16", 2, 100, True),
        ("u8", 1, 130, True),
        ("struct item *", 8, 90, True),
        ("s128", 16, 150, True),
        ("u64", 8, 5000, False),  # too many zeros
    ],
)
def test_arrays_that_begin_with_many_zeros(
    spelled: str, size: int, first: int, is_shown: bool
) -> None:
    """They are shown from the first element on that is not zero: `{  }` tells nothing."""
    length = first + 70
    world = World()
    world.struct("item", [("id", "int")])
    world.struct("long_one", [("id", "u64"), ("all", f"{spelled}[{length}]")])
    address = world.new("long_one", id=1)
    for at in (first, first + 3):
        world.write(address + world.offset("long_one.all") + at * size, world.pack(1, size))
    kernel = world.kernel()
    value = value_at(kernel, "struct long_one", address)
    for format_ in ("text", "tree", "json"):
        assert_same(kernel, [value] * (HOT + 2), format_)
    plain = {kernel.format(value) for _ in range(HOT + 2)}
    assert len(plain) == 1
    for text in (*plain, "".join(kernel.dump(value, "tree"))):
        assert (f"[{first}] = " in text) == (f"[{first + 3}] = " in text) == is_shown
        told = f"{{ /* the first {first} are zero */ }} /* 70 more */"
        assert (told in text) != is_shown
    (root,) = json.loads("".join(kernel.dump(value, "json")))["roots"]
    found = root["members"]["all"]
    shown = first + 64 if is_shown else 64
    assert (len(found["first"]), found["elided"]) == (shown, length - shown)


@pytest.mark.parametrize("spelled", ["u64", "u16", "u8", "struct item *", "s128"])
@pytest.mark.parametrize("length", [9, 64, 65, 5000])
def test_arrays_of_nothing_but_zeros(spelled: str, length: int) -> None:
    """`{  } /* 4936 more */` did not say whether those are zero."""
    world = World()
    world.struct("item", [("id", "int")])
    world.struct("long_one", [("id", "u64"), ("all", f"{spelled}[{length}]")])
    address = world.new("long_one", id=1)
    kernel = world.kernel()
    value = value_at(kernel, "struct long_one", address)
    for format_ in ("text", "tree"):
        assert_same(kernel, [value] * (HOT + 2), format_, zero=True)
    plain = {kernel.format(value, zero=True) for _ in range(HOT + 2)}
    assert len(plain) == 1
    dumped = ["".join(kernel.dump(value.all, format_)) for format_ in ("text", "tree")]
    for text in (*plain, *dumped):
        if spelled == "u8" and length <= 64:
            assert " ".join(["00"] * length) in text
        else:
            assert f"{{ /* all {length} are zero */ }}" in text
