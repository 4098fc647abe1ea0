"""Documents as the json format prints them."""

from __future__ import annotations

from typing import Any


def task(pid: int, address: int, **members: Any) -> dict[str, Any]:
    return {
        "type": "struct task_struct",
        "address": f"{address:#x}",
        "summary": {"comm": f"t{pid}", "pid": pid},
        "members": {"pid": pid, **members},
    }
