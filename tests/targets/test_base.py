"""What targets have in common."""

from __future__ import annotations

import inspect

import pytest

from btfdump._targets.base import BaseTarget, LayeredTarget
from btfdump._targets.buffer import BufferTarget, PatchedTarget
from btfdump._targets.memory import Platform, Target
from btfdump._targets.via_bpf import BpfTarget
from btfdump._targets.via_drgn import DrgnTarget
from btfdump.errors import FaultError, MissingDataError, SymbolNotFoundError

MEMBERS = [name for name in dir(Target) if not name.startswith("_")]


class Zeros(BaseTarget):
    """The least that a target is."""

    platform = Platform("little")

    def read(self, address: int, size: int) -> bytes:
        if address >= 4096:
            raise FaultError(address, size, "beyond")
        return bytes(size)


def test_a_target_is_what_reads() -> None:
    with Zeros() as zeros:
        target: Target = zeros
        assert target.read(0, 2) == b"\0\0"
        assert (target.is_live, target.release, target.description) == (False, "", "")
        assert (target.symbolize(0), target.module_btf("m"), target.per_cpu_offsets) == (
            None,
            None,
            (0,),
        )
        with pytest.raises(SymbolNotFoundError, match="no symbol 'init_task'"):
            target.symbol("init_task")
        assert zeros.symbols_named("init_task") == []
        assert zeros.symbols_around(0x1000) == ("", "")
        with pytest.raises(MissingDataError, match="this memory has no BTF"):
            target.btf_bytes()


def test_one_that_does_not_read_is_none() -> None:
    with pytest.raises(TypeError, match="read"):
        BaseTarget()  # type: ignore[abstract]


@pytest.mark.parametrize("kind", [BaseTarget, DrgnTarget, BpfTarget, BufferTarget, PatchedTarget])
def test_every_target_has_all_of_the_protocol(kind: type[BaseTarget]) -> None:
    known = {name for each in kind.__mro__ for name in (*vars(each), *_annotations(each))}
    assert known >= set(MEMBERS)


def _annotations(kind: type) -> dict[str, object]:
    return inspect.get_annotations(kind)


def test_a_layer_passes_all_on_and_closes_what_is_below() -> None:
    closed = []

    class Below(BufferTarget):
        def module_btf(self, name: str) -> bytes | None:
            return name.encode()

        def close(self) -> None:
            closed.append(self)

    below = Below(
        {0x1000: b"abcd"},
        "big",
        4,
        symbols={"init_task": 0x1000},
        btf=b"types",
        release="6.12",
        per_cpu_offsets=(0, 8),
        description="below",
        is_live=True,
    )
    with LayeredTarget(below) as layer:
        for name in ("platform", "release", "description", "is_live", "per_cpu_offsets"):
            assert getattr(layer, name) == getattr(below, name)
        assert layer.read(0x1001, 2) == b"bc"
        assert layer.symbol("init_task") == 0x1000
        assert layer.symbolize(0x1002) == "init_task+0x2"
        assert layer.btf_bytes() == b"types"
        assert layer.module_btf("m") == b"m"
    assert closed == [below]
