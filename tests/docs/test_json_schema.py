"""docs/json-schema.json describes what the json and jsonl formats print.

The validator below covers the keywords that this schema uses, and refuses any other, so that it
cannot pass for want of looking.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[2]
CORE = "sample_dumps/tagged-6.12/vmcore"
SCHEMA = json.loads((TOP / "docs" / "json-schema.json").read_text("utf-8"))
KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
KNOWN = {
    *("$schema", "$defs", "$ref", "title", "description", "type", "required"),
    *("additionalProperties", "properties", "items", "anyOf", "const", "enum"),
    *("pattern", "minimum", "maxItems"),
}


def is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, KINDS[kind])


def problems(value: Any, schema: dict[str, Any], where: str = "$") -> list[str]:
    """Return what is wrong with `value`, [] if nothing."""
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return problems(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], where)
    kinds = schema.get("type", [])
    if kinds and not any(is_kind(value, k) for k in ([kinds] if isinstance(kinds, str) else kinds)):
        return [f"{where}: {value!r:.60} is not {kinds}"]
    found = plain_problems(value, schema, where)
    if "anyOf" in schema:
        tries = [problems(value, one, where) for one in schema["anyOf"]]
        if all(tries):
            found += [f"{where}: none fits", *min(tries, key=len)]
    if isinstance(value, dict):
        found += dict_problems(value, schema, where)
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += problems(item, schema.get("items", {}), f"{where}[{index}]")
    return found


def plain_problems(value: Any, schema: dict[str, Any], where: str) -> list[str]:
    wrong = (
        ("const" in schema and value != schema["const"])
        or ("enum" in schema and value not in schema["enum"])
        or ("pattern" in schema and not re.search(schema["pattern"], value))
        or ("minimum" in schema and value is not None and value < schema["minimum"])
        or ("maxItems" in schema and len(value) > schema["maxItems"])
    )
    return [f"{where}: {value!r:.60} breaks {schema}"] if wrong else []


def dict_problems(value: dict[str, Any], schema: dict[str, Any], where: str) -> list[str]:
    found = [f"{where}: no {key!r}" for key in schema.get("required", ()) if key not in value]
    named = schema.get("properties", {})
    rest = schema.get("additionalProperties", True)
    for key, item in value.items():
        if key in named:
            found += problems(item, named[key], f"{where}.{key}")
        elif rest is False:
            found.append(f"{where}: {key!r} is not expected")
        elif rest is not True:
            found += problems(item, rest, f"{where}.{key}")
    return found


def inspect(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "btfdump", "inspect", CORE, *words],
        cwd=TOP,
        stdout=subprocess.PIPE,
        check=False,
    )
    return done.stdout.decode("ascii")


@pytest.mark.parametrize(
    "words",
    [
        "task --members pid,mm",
        "task 1",
        "task 1 --zero",
        "task 1 --depth 1",
        "task 1 --elements 2 --string 3",
        "task 1 --objects 3 --depth 2",
        "task 1 --follow files.fdt.fd,mm",
        "task(1).children",
        "task(1).comm",
        "task(1).pid",
        "task(1).bpf_storage",
        "task(1).pid_links",
        "super_blocks init_task jiffies",
        "sample_root:struct sample_root",
        "0x10:struct task_struct",
        "map pcpu lpm ts_stat outer queue",
        "map m_list m_kptr m_timer btfs.data btfs_cc rb",
        "nosuch",
    ],
)
def test_documents_follow_the_schema(words: str) -> None:
    address, _, type_ = words.partition(":")
    arguments = [type_, address] if type_ else words.split()
    document = json.loads(inspect(*arguments, "--format", "json"))
    assert problems(document, SCHEMA) == []


@pytest.mark.parametrize(
    "words", ["ps 1 --threads", "files 88", "vm 1", "mounts", "net", "slabs kmalloc-*", "maps lru"]
)
def test_tables_follow_their_schema(words: str) -> None:
    document = json.loads(inspect(*words.split(), "--format", "json"))
    assert problems(document, SCHEMA["$defs"]["table"]) == []
    assert document["rows"]
    lines = inspect(*words.split(), "--format", "jsonl").splitlines()
    assert [{"table": document["table"], **row} for row in document["rows"]] == [
        json.loads(line) for line in lines
    ]
    document["rows"].append(5)
    assert problems(document, SCHEMA["$defs"]["table"]) != []


def test_lines_are_the_roots_of_the_document() -> None:
    words = ("task", "1", "86", "--members", "comm,children,bpf_storage.list")
    roots = [json.loads(line) for line in inspect(*words, "--format", "jsonl").splitlines()]
    assert len(roots) == 2
    assert roots == json.loads(inspect(*words, "--format", "json"))["roots"]


def test_members_are_described_closely() -> None:
    """The catch-all for structs must not be what lets a malformed container pass."""
    document = json.loads(inspect("task", "1", "--members", "children", "--format", "json"))
    children = document["roots"][0]["members"]["children"]
    assert problems(children, SCHEMA["$defs"]["group"]) == []
    children["elements"][0]["address"] = 5
    assert problems(children, SCHEMA["$defs"]["group"]) != []
