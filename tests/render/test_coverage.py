"""Which annotations apply, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.coverage import annotations_for, check, coverage
from btfdump._annotate.lookup import Lookup
from btfdump._render.coverage import render_json, render_text
from tests.support.covered import covered_btf, covering_overlay

if TYPE_CHECKING:
    from btfdump._annotate.overlay import Overlay
    from btfdump._btf import Btf


@pytest.fixture
def btf() -> Btf:
    return covered_btf()


@pytest.fixture
def overlay() -> Overlay:
    return covering_overlay()


def test_text_and_json_tell_the_same(btf, overlay):
    rows = list(check((btf,), overlay, Lookup(btf)))
    members = list(coverage(btf, annotations_for(btf, (overlay,), None)))
    text = "".join(render_text("box.btf", rows, members, every=True))
    assert "overlay mine.toml: 8 entries: 4 apply, 1 name types that are not here" in text
    assert "contains struct item linked by two (box.c: add())" in text
    assert "14 container members:" in text
    assert "unknown (5):" in text
    assert "no struct:\n    nowhere\n  no member:\n    box.absent\n" in text
    assert "".join(render_text("dummy", [], [], every=False)) == "dummy:\nno containers\n"
    (document,) = json.loads("".join(render_json([("box.btf", rows, members)])))
    assert document["coverage"]["list_head"] == {
        "all": 11, "known": 6, "unknown": 5, "part": 1, "tag": 1, "link": 3, "overlay mine.toml": 2,
    }  # fmt: skip
    assert document["coverage"]["rb_root"] == {"all": 1, "known": 1, "overlay mine.toml": 1}
    assert len(document["members"]) == len(members)
    assert len(document["entries"]) == len(rows)
