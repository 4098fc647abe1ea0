"""TCP congestion controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._bpf.congestion import CongestionControl, find_congestion_controls
from btfdump._kernel.notes import Note, without_notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value


X86 = ("tagged", "stock")


def notes(items: Any) -> list[str]:
    return [item.text for item in items if isinstance(item, Note)]


def controls(kernel: Kernel) -> dict[str, CongestionControl]:
    return {item.name: item for item in without_notes(find_congestion_controls(kernel))}


@pytest.mark.parametrize("name", [*X86, "s390x"])
def test_congestion_controls(opened: Callable[[str], Kernel], name: str) -> None:
    found = controls(opened(name))
    module = {"tagged": "vegas", "stock": "bbr", "s390x": "vegas"}[name]
    assert list(found)[:3] == ["reno", "cubic", module]
    assert found["reno"].owner == "vmlinux"
    assert found["reno"].slots["ssthresh"] == "tcp_reno_ssthresh"
    assert found[module].owner == f"tcp_{module}"
    assert found[module].slots["init"] == {"vegas": "tcp_vegas_init", "bbr": "bbr_init"}[module]
    assert [control.name for control in found.values() if control.is_default] == ["cubic"]
    if name in X86:
        assert (found["btfs_cc"].owner, found["btfs_cc"].map_id) == ("map 24 btfs_cc", 24)
        assert set(found["btfs_cc"].slots.values()) == {f"program {n}" for n in (10, 11, 12, 13)}


def test_the_list_of_congestion_controls_is_cut(
    patched: Kernel, poke: Callable[[Value, int], None]
) -> None:
    cubic = controls(patched)["cubic"]
    value = patched.value("struct tcp_congestion_ops", cubic.address)
    poke(value.member_("list").next, 0)
    found = list(find_congestion_controls(patched))
    names = [item.name for item in found if isinstance(item, CongestionControl)]
    assert names == ["reno", "cubic", "vegas", "btfs_cc"]  # from the other end
    assert "NULL" in notes(found)[0]
