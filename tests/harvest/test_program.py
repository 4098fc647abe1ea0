"""What a name means in a given file."""

from __future__ import annotations

import pytest

from btfdump._harvest import harvest
from btfdump._harvest.report import render_overlay
from tests.support.c_source import HEADER


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


@pytest.mark.parametrize(
    "other",
    [
        "#else\nstruct kept {\n\t/* nothing without CONFIG_A */\n};\n#endif\n",
        "#endif\n",
    ],
)
@pytest.mark.parametrize("before", ["struct", "static struct"])
def test_one_of_the_definitions_under_conditions_is_the_btfs(read, other, before):
    """Of several, the last one counted, which often is the empty one."""
    found = read(
        f"#ifdef CONFIG_A\n{before} box {{\n"
        + HEADER.partition("struct box {\n")[2].partition("};")[0]
        + "};\n"
        + other.replace("kept", "box")
        + "void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }\n"
    )
    assert [e.spot for e in found.entries] == [("box", "items")]


def test_a_struct_inside_another_is_defined_there(read):
    found = read(
        "struct outer {\n\tstruct box {\n"
        + HEADER.partition("struct box {\n")[2].partition("};")[0]
        + "\t} one;\n};\n"
        "void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }\n"
    )
    assert [e.spot for e in found.entries] == [("box", "items")]
