"""Global variables whose values mean something, at a root, in every format."""

from __future__ import annotations

import json

import pytest

from btfdump._cli import main

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
