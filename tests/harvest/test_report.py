"""The overlay: lines that load, each with its place in the source, and comments for the rest."""

from __future__ import annotations

import re

from btfdump._annotate.overlay import Overlay
from btfdump._harvest import harvest
from btfdump._harvest.report import render_overlay

SOURCE = """
static LIST_HEAD(every_item);
void f(struct box *b, struct item *i)
{
	list_add(&i->link, &b->items);
	list_add(&i->more, &every_item);
	hlist_add_head(&i->hash, &b->far[1]);
	list_add(&b->peers, &b->up->peers);
	list_add(&i->link, &b->others);
}
void g(struct box *b, struct item *i) { list_add(&i->more, &b->others); }
"""


def test_every_line_names_its_source_and_doubts_are_comments(tmp_path, read, btf):
    read(SOURCE)
    text = "".join(render_overlay(harvest(tmp_path / "linux", btf, workers=1), "All of it."))
    assert text.startswith("# All of it.\n")
    lines = [line for line in text.splitlines() if re.match(r"\w+ = ", line)]
    assert len(lines) == 4
    assert all('see = "box.c: ' in line for line in lines)
    overlay = Overlay(text, "overlay")
    assert set(overlay.members("box")) == {"items"}
    assert set(overlay.members("item")) == {"link", "more"}
    assert overlay.globals() == ["every_item"]
    for comment in ("# box.peers: box:peers (", "# box.far: item:hash (", "# box.others:\n"):
        assert comment in text


def test_what_is_not_settled_is_a_comment_with_the_reason(tmp_path, read, btf):
    read("", fs__mine="void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }")
    done = harvest(tmp_path / "linux", btf, under=["fs"], workers=1)
    text = "".join(render_overlay(done, "x"))
    assert (
        "# box.items: item:link (fs/mine.c: f()): struct box is declared in include/box.h, "
        "for files that were not read as well\n"
    ) in text
    assert "# item.link: role:link (fs/mine.c: f()): " in text
    assert not Overlay(text, "overlay").structs()
