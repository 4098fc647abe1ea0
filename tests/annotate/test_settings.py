"""Global variables whose values mean something, at a root, in every format."""

from __future__ import annotations

import json

import pytest

from btfdump._cli import main
from btfdump._graph.limits import Limits
from tests.support.annotated import dumped, overlay
from tests.support.synthetic import World

SHOWN = {
    "jiffies_64": "20.072 s after boot",
    "jiffies": "20.072 s after boot",
    "sysctl_hung_task_timeout_secs": "2 min 0 s",
    "dirty_background_ratio": "10 %",
    "stack_guard_gap": "1 MiB",
    "sysctl_sched_base_slice": "1.4 ms",
}


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_settings_in_words(sample, capsys, format_: str) -> None:
    assert main(["inspect", str(sample("stock")), *SHOWN, "--format", format_]) == 0
    out = capsys.readouterr().out
    for name, meaning in SHOWN.items():
        (line,) = [one for one in out.splitlines() if one.startswith(f"{name} ")]
        assert meaning in line
        assert "[library]" in line


def test_settings_as_data(sample, capsys) -> None:
    assert main(["inspect", str(sample("tagged")), "tainted_mask", "--format", "jsonl"]) == 0
    root = json.loads(capsys.readouterr().out)
    assert root["value"] == {
        "value": 1 << 12,
        "meaning": "TAINT_OOT_MODULE",
        "flags": ["TAINT_OOT_MODULE"],
    }


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_a_struct_is_told_by_what_it_means(sample, capsys, format_: str) -> None:
    """One that has no summary: as a variable of its own, by its type or by what is said of it."""
    words = ["_totalram_pages", "__cpu_online_mask", "nr_swap_pages", "--format", format_]
    assert main(["inspect", str(sample("stock")), *words]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "86.1 MiB" in lines["_totalram_pages"]
    assert "0-1" in lines["__cpu_online_mask"]


def test_a_struct_behind_a_pointer_is_told_so_too() -> None:
    world = World()
    world.struct("mask", [("bits", "unsigned long[2]")])
    world.struct("box", [("mask", "struct mask *"), ("none", "struct mask *")])
    mask = world.new("mask")
    world.write(mask, world.pack(6, 8))
    address = world.new("box", mask=mask, none=0xDEAD0000)
    kernel = world.kernel([overlay('[scalar]\nmask = "bitmap"\n')])
    value = kernel.value("struct box", address)
    whole = "".join(kernel.dump(value, "tree", Limits(depth=1)))
    assert f"mask {mask:#x} 1-2" in " ".join(whole.split())
    document = dumped(kernel, value, depth=1)
    assert document["members"]["mask"]["target"]["summary"] == {"text": "1-2"}
