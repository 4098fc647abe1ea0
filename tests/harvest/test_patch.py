"""Annotations written into the source: the patch applies, and the tags stand at the members."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._cli import main
from btfdump._harvest.patch import Patch, make_patch, render_patch
from btfdump._harvest.reading import source_files

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("tree_sitter_c")

BOX = """\
/* A box. */
struct item {
	struct list_head link, more;
	struct hlist_node hash;	/* in box.table */
};

struct box /* of items */
{
	int count;
	struct list_head items;		/* item.link */
	struct list_head a, b;
#ifdef CONFIG_TABLE
	struct hlist_head table[1 << 4];
	DECLARE_HASHTABLE(other, 4);
#endif
	struct {
		struct list_head hidden;
	} ____cacheline_aligned_in_smp;
	struct {
		struct list_head deep;
	} inner;
	struct part part;
	struct item *rows[] __counted_by(count);
	u8 data[] __aligned(8);
	unsigned int flags, since;
	umode_t mode;
};

typedef unsigned short		umode_t;
typedef struct {
	int val;
} kuid_t;
typedef struct box box_t, *box_p;
typedef int (*call_t)(void);

struct mask {
	unsigned long bits[4];
};
"""
OTHER = """\
struct box {
	struct list_head items;
};
"""
OVERLAY = """
[struct.box]
items = { tag = ["gone:link", "item:nolink", "item:link"], see = "kernel/box.c: f()" }
a = { tag = "item:more", see = "kernel/box.c" }
b = { tags = ["item:link", "len:count"], see = "kernel/box.c" }
table = { tag = "item:hash", see = "kernel/box.c" }
other = { tag = "item:hash", see = "kernel/box.c" }
hidden = { tag = "item:link", see = "kernel/box.c" }
"inner.deep" = { tag = "item:link", see = "kernel/box.c" }
"part.list" = { tag = "item:link", see = "kernel/box.c" }
rows = { tag = "len:count", see = "kernel/box.c" }
data = { tag = "len:count", see = "kernel/box.c" }
absent = { tag = "item:link", see = "kernel/box.c" }
count = "show:hex"
flags = { tag = ["gone:link", "flags:table fmode"], see = "kernel/box.c" }
since = "time:jiffies"
mode = "mode"

[struct.item]
link = "role:link"

[struct.elsewhere]
x = "item:link"

[scalar]
umode_t = { tag = "mode", see = "include/box.h" }
kuid_t = "uid"
mask = "bitmap"
call_t = "err"
absent_t = "dev"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "linux"
    for folder, text in (("include", BOX), ("drivers/box", OTHER)):
        (root / folder).mkdir(parents=True)
        (root / folder / "box.h").write_text(text)
    (root / "kernel").mkdir()
    (root / "kernel" / "box.c").write_text("int x = '\\xe4';\n")
    return root


def tagged(text: str) -> str:
    return f'__attribute__((btf_decl_tag("{text}")))'


@pytest.fixture
def patch(root: Path) -> Patch:
    overlay = Overlay(OVERLAY, "overlay mine")
    return make_patch(root, source_files(root), [overlay], lambda *_: None)


def test_the_patch_applies_and_says_what_the_overlay_says(root: Path, patch: Patch):
    text = "".join(render_patch(root, patch))
    for words in (["patch", "-p1", "--dry-run"], ["git", "apply", "-"]):
        subprocess.run(words, cwd=root, input=text, text=True, check=True, capture_output=True)
    lines = [line.strip() for line in (root / "include" / "box.h").read_text().splitlines()]
    assert f"struct list_head items {tagged('item:link')};		/* item.link */" in lines
    both = f"{tagged('item:link')} {tagged('len:count')}"
    assert f"struct list_head a {tagged('item:more')}, b {both};" in lines
    assert f"struct hlist_head table[1 << 4] {tagged('item:hash')};" in lines
    assert f"DECLARE_HASHTABLE(other, 4) {tagged('item:hash')};" in lines
    assert f"struct list_head hidden {tagged('item:link')};" in lines
    assert f"struct list_head deep {tagged('item:link')};" in lines
    assert f"struct item *rows[] __counted_by(count) {tagged('len:count')};" in lines
    assert f"u8 data[] __aligned(8) {tagged('len:count')};" in lines
    flags = f"flags {tagged('flags:table fmode')}"
    assert f"unsigned int {flags}, since {tagged('time:jiffies')};" in lines
    assert f"umode_t mode {tagged('mode')};" in lines
    assert f"typedef unsigned short		umode_t {tagged('mode')};" in lines
    assert f"}} kuid_t {tagged('uid')};" in lines
    assert f"}} {tagged('bitmap')};" in lines
    assert "typedef struct box box_t, *box_p;" in lines
    assert "typedef int (*call_t)(void);" in lines
    assert "struct list_head link, more;" in lines
    assert "int count;" in lines
    assert (root / "drivers" / "box" / "box.h").read_text() == OTHER


def test_what_is_left_out_is_said(patch: Patch):
    assert patch.left_out == [
        ("box.part.list", "declared in another struct, which others have too")
    ]
    assert patch.tags == 16


def test_the_nearest_definition_is_meant(root: Path):
    overlay = Overlay(
        '[struct.box]\nitems = { tag = "item:link", see = "drivers/box/box.c: f()" }\n', "mine"
    )
    patch = make_patch(root, source_files(root), [overlay], lambda *_: None)
    assert [str(path.relative_to(root)) for path in patch.edits] == ["drivers/box/box.h"]


def test_the_command(root: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    overlay = tmp_path / "mine.toml"
    overlay.write_text(OVERLAY)
    assert main(["annotations", "patch", str(root), "--overlay", str(overlay)]) == 0
    out, err = capfdbinary.readouterr()
    assert out.startswith(b"--- a/include/box.h\n+++ b/include/box.h\n")
    assert b"16 tags in 1 files" in err
    assert b"box.part.list is left out" in err
