"""What a name means in a given file."""

from __future__ import annotations

from btfdump._harvest import harvest
from btfdump._harvest.report import render_overlay


def test_another_struct_of_the_same_name_does_not_count(read):
    found = read(
        "",
        drivers__other="""
struct box {
	struct list_head items;
};
void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
""",
    )
    assert found.entries == []


def test_globals_of_one_name_in_two_files_are_left_out(tmp_path, read, btf):
    source = "static LIST_HEAD(mine);\nvoid f(struct item *i) { list_add(&i->link, &mine); }\n"
    read(source, other=source)
    done = harvest(tmp_path / "linux", btf, workers=1)
    assert "mine" not in "".join(render_overlay(done, "x"))
