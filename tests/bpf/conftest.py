"""What the guests recorded of BPF."""

from __future__ import annotations

import json
import lzma
import re
from collections import defaultdict
from typing import Any

import pytest

from tests.support.bpf_maps import FOLDERS


@pytest.fixture(scope="module")
def written(dump_file):
    """Return name of a dump -> what user space wrote into its maps, by map."""
    known: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def load(name: str) -> dict[str, list[dict[str, Any]]]:
        if name not in known:
            with lzma.open(dump_file(f"{FOLDERS[name]}/console.log.xz"), "rb") as file:
                log = file.read().decode("utf-8", "replace").replace("\r", "")
            pattern = r"=== BEGIN bpf_truth.json\n(.*?)\n=== END"
            records = json.loads(re.search(pattern, log, re.DOTALL)[1])  # type: ignore[index]
            by_map = defaultdict(list)
            for record in records:
                by_map[record["map"]].append(record)
            known[name] = dict(by_map)
        return known[name]

    return load
