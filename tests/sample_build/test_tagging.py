"""Tags go to the members, parameters and variables that were named, or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sample_dumps.build.tagging import TaggingError, tag_source

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = """\
struct other {
	struct list_head items;
};

struct box {
	struct list_head items;	/* all of them; see below */
	struct { struct hlist_head slots[4]; };
};

static DEFINE_PER_CPU(struct llist_head, waiting);

int box_add(struct box *box, int index);

int box_add(struct box *box,
		int index)
{
	return 0;
}
"""
DEFINITION = "int box_add(struct box *box,\n"
TAGS = """\
member = [{ file = "box.c", struct = "box", tags = { items = "item:link", slots = "slot:node" } }]
variable = [{ file = "box.c", name = "waiting", tag = "work:node" }]
[[function]]
file = "box.c"
name = "box_add"
tags = ["lock:box"]
parameters = { box = "locked" }
"""


def tagged(tmp_path: Path, tags: str) -> str:
    (tmp_path / "box.c").write_text(SOURCE)
    (tmp_path / "tags.toml").write_text(tags)
    tag_source(tmp_path, tmp_path / "tags.toml")
    return (tmp_path / "box.c").read_text()


def test_each_tag_is_at_its_place(tmp_path: Path):
    attribute = '__attribute__((btf_decl_tag("{}")))'.format
    expected = SOURCE
    for old, new in (
        ("items;	/*", f"items {attribute('item:link')};	/*"),
        ("slots[4];", f"slots[4] {attribute('slot:node')};"),
        ("static DEFINE", f"static {attribute('work:node')} DEFINE"),
        (
            "int box_add(struct box *box,\n",
            f"{attribute('lock:box')}\nint box_add(struct box *box,\n",
        ),
        ("*box,\n", f"*box {attribute('locked')},\n"),
    ):
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    assert tagged(tmp_path, TAGS) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [("items", "members box.none"), ("waiting", "variables none"), ("box_add", "no function none")],
)
def test_a_missing_place_is_an_error(tmp_path: Path, name: str, message: str):
    with pytest.raises(TaggingError, match=message):
        tagged(tmp_path, TAGS.replace(f"{name} =", "none =").replace(f'"{name}"', '"none"'))
