"""Documents to compare: files of JSON, and what is none."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from btfdump._diff.compare import Change, Kind, compare
from btfdump._diff.document import is_document, load
from btfdump.errors import TargetError
from tests.support.documents import task

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("{}", "has no roots"),
        ('{"roots": 3}', "has no roots"),
        ('{"roots": [3]}', "does not follow"),
        ('{"roots": [{"members": [1]}]}', "does not follow"),
        ('{"roots": [{"members": {"c": {"elements": [1]}}}]}', "does not follow"),
        ('{"roots": ' + "[" * 100_000, "nested too deep"),
        ('{"roots": [{"address": [1], "type": "x"}]}', "does not follow"),
        ('{"roots": [{"members": {"m": {"target": {"address": {}}}}}]}', "does not follow"),
        ('{"roots": [{"members": {"m": ' + "9" * 100_000 + "}}]}", "thousands of digits"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, text: str, message: str):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(TargetError, match=message):
        load(file)


def test_a_file_without_an_end_is_refused():
    with pytest.raises(TargetError, match="is a character device, not a regular file"):
        load("/dev/zero")
    with pytest.raises(TargetError, match="is a character device, not a regular file"):
        is_document("/dev/zero")


def test_members_may_be_called_as_our_keys_are(tmp_path: Path):
    document = {"roots": [task(1, 0x1, members=1, at=2, notes=3, elements=4)]}
    file = tmp_path / "a.json"
    file.write_text(json.dumps(document))
    changed = deepcopy(document)
    changed["roots"][0]["members"]["elements"] = 5
    assert compare(load(file), changed).changes == [Change(".elements", Kind.CHANGED, 4, 5)]


def test_jsonl_is_a_document_too(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(task(pid, pid)) + "\n" for pid in (1, 2)))
    assert len(load(file)["roots"]) == 2
    file.write_text(json.dumps(task(1, 1)) + "\n")
    assert len(load(file)["roots"]) == 1
