"""Documents to compare: files of JSON, and what is none."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from btfdump._diff.compare import Change, Kind, compare
from btfdump._diff.document import load, parse
from btfdump.errors import TargetError
from tests.support.documents import task

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("{]", "is no JSON: .*; expected what btfdump writes with --format json or jsonl"),
        ("[1]", "is JSON, but an array; expected what btfdump writes"),
        ('"roots"', "is JSON, but a single value; expected what btfdump writes"),
        ("[![badge](link)](link)", "is no JSON"),
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


def test_what_does_not_begin_as_json_is_left_to_others(tmp_path: Path):
    file = tmp_path / "a"
    for data in (b"", b"# btfdump\n", b"KDUMP   ", b"\x7fELF", b"\x9f\xeb\1\0", b"12"):
        file.write_bytes(data)
        assert load(file) is None


def test_text_in_other_encodings(tmp_path: Path):
    """Some editors put a mark before UTF-8; some shells write UTF-16."""
    file = tmp_path / "a.json"
    text = json.dumps({"roots": [task(1, 1)]})
    file.write_bytes(text.encode("utf-8-sig"))
    assert load(file) == {"roots": [task(1, 1)]}
    file.write_bytes(text.encode("utf-16"))
    with pytest.raises(TargetError, match=r"a.json: is text in UTF-16, or none; .* in UTF-8"):
        load(file)


def test_what_the_shell_has_connected():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write(" " * 30 + json.dumps({"roots": [task(1, 1)]}))
    assert load(f"/dev/fd/{reader}") == {"roots": [task(1, 1)]}
    os.close(reader)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write("KDUMP   ")
    with pytest.raises(TargetError, match="what comes out of this pipe is no JSON"):
        load(f"/dev/fd/{reader}")
    os.close(reader)


def test_what_is_no_number_is_equal_to_itself():
    text = b'{"roots": [{"members": {"f": [NaN, 1, Infinity], "g": NaN}}]}'
    assert compare(parse(text, ""), parse(text, "")).changes == []
    other = text.replace(b"Infinity", b"NaN")
    assert [c.path for c in compare(parse(text, ""), parse(other, "")).changes] == [".f[2]"]


def test_members_may_be_called_as_our_keys_are(tmp_path: Path):
    document = {"roots": [task(1, 0x1, members=1, at=2, notes=3, elements=4)]}
    file = tmp_path / "a.json"
    file.write_text(json.dumps(document))
    changed = deepcopy(document)
    changed["roots"][0]["members"]["elements"] = 5
    assert compare(load(file) or {}, changed).changes == [Change(".elements", Kind.CHANGED, 4, 5)]


def test_jsonl_is_a_document_too(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(task(pid, pid)) + "\n" for pid in (1, 2)))
    assert len((load(file) or {})["roots"]) == 2
    file.write_text(json.dumps(task(1, 1)) + "\n")
    assert len((load(file) or {})["roots"]) == 1


def test_a_document_that_is_no_text():
    with pytest.raises(TargetError, match=r"a.json: is not UTF-8 text \(byte 0xff at offset 5\)"):
        parse(b"\xef\xbb\xbf{ \xff}", "a.json")
