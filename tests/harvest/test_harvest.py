"""What the harvest reads out of C: each way to say what a container holds, and each way to err."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump.annotate.overlay import Overlay
from btfdump.cli import main
from btfdump.errors import AnnotationError
from btfdump.harvest import harvest, source_files
from btfdump.harvest.report import render_overlay
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump.btf import Btf
    from btfdump.harvest.conclude import Conclusions

pytest.importorskip("tree_sitter_c")

HEADER = """
struct item {
	int id;
	struct list_head link;
	struct list_head more;
	struct hlist_node hash;
	struct hlist_node hashes[2];
	struct rb_node rb;
	struct part part;
};
struct part {
	struct list_head node;
};
struct box {
	struct list_head items;
	struct list_head others;
	struct hlist_head table[4];
	struct hlist_head pair[2];
	struct hlist_head *far;
	struct rb_root tree;
	struct xarray all;
	struct part inner;
	struct list_head peers;
	struct box *up;
};
static inline struct list_head *box_items(struct box *b)
{
	return &b->items;
}
#define for_each_item(pos, box) \\
	list_for_each_entry(pos, &(box)->items, link)
#define deep_node part.node
#define to_item(n) container_of(n, struct item, hash)
"""


@pytest.fixture
def btf() -> Btf:
    world = World()
    world.struct("rb_node", [("left", "struct rb_node *")])
    world.struct("rb_root", [("rb_node", "struct rb_node *")])
    world.struct("xarray", [("xa_head", "void *")])
    world.struct("part", [("node", "struct list_head")])
    world.struct(
        "item",
        [
            ("id", "int"),
            ("link", "struct list_head"),
            ("more", "struct list_head"),
            ("hash", "struct hlist_node"),
            ("hashes", "struct hlist_node[2]"),
            ("rb", "struct rb_node"),
            ("part", "struct part"),
        ],
    )
    world.struct(
        "box",
        [
            ("items", "struct list_head"),
            ("others", "struct list_head"),
            ("table", "struct hlist_head[4]"),
            ("pair", "struct hlist_head[2]"),
            ("far", "struct hlist_head *"),
            ("tree", "struct rb_root"),
            ("all", "struct xarray"),
            ("inner", "struct part"),
            ("peers", "struct list_head"),
            ("up", "struct box *"),
        ],
    )
    world.struct("<anon>", [("l", "struct list_head")])
    world.b.typedef("anon_t", world.b.next_id - 1)
    return world.kernel().btf


@pytest.fixture
def read(tmp_path: Path, btf: Btf) -> Callable[..., Conclusions]:
    """Harvest one file of C beside the header."""

    def call(source: str, **others: str) -> Conclusions:
        root = tmp_path / "linux"
        (root / "include").mkdir(parents=True)
        (root / "include" / "box.h").write_text(HEADER)
        (root / "box.c").write_text(source)
        for name, text in others.items():
            path = root / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.with_suffix(".c").write_text(text)
        return harvest(root, btf, workers=1)[0]

    return call


ONE_HEAD = {
    "a loop": """void f(struct box *b)
{
	struct item *i;
	list_for_each_entry(i, &b->items, link)
		g(i);
}""",
    "an insertion": "void f(struct box *b, struct item *i) { list_add_tail(&i->link, &b->items); }",
    "a chain": "void f(struct box *b, struct item *i) { list_add(&i->link, &b->up->up->items); }",
    "a local pointer": """void f(struct box *b, struct item *i)
{
	struct list_head *head = &b->items;
	list_move(&i->link, head);
}""",
    "a typedef": """typedef struct item item_t;
void f(struct box *b, struct item *i) { list_add(&i->link, &((struct box *)b)->items); }""",
    "an inline function": """void f(struct box *b)
{
	struct item *i;
	list_for_each_entry(i, box_items(b), link)
		g(i);
}""",
    "a macro": "void f(struct box *b) { struct item *i; for_each_item(i, b) g(i); }",
    "a wrapper": """static void add(struct list_head *new, struct list_head *head)
{
	list_add(new, head);
}
void f(struct box *b, struct item *i) { add(&i->link, &b->items); }""",
    "container_of": """void f(struct box *b)
{
	struct item *i = list_entry(b->items.next, struct item, link);
}""",
    "a loop over links": """void f(struct box *b)
{
	struct list_head *p;
	list_for_each(p, &b->items)
		g(list_entry(p, struct item, link));
}""",
    "a system call": """SYSCALL_DEFINE2(f, struct box *, b, int, n)
{
	struct box *x = g(b);
	struct item *i = list_first_entry(&x->items, struct item, link);
}""",
    "half a conditional": """void f(struct box *b, struct item *i)
{
#ifdef CONFIG_A
	if (a) {
#else
	if (b) {
#endif
		list_add(&i->link, &b->items);
	}
}""",
    "a shadowed name": """void f(struct box *i)
{
	struct box *b = i;
	{
		struct item *i = g();
		list_add(&i->link, &b->items);
	}
}""",
}


@pytest.mark.parametrize("what", ONE_HEAD)
def test_ways_to_say_what_a_list_holds(read, what):
    found = read(ONE_HEAD[what])
    assert [(e.spot, e.element) for e in found.entries] == [(("box", "items"), ("item", "link"))]
    assert found.conflicts == []


OTHER_KINDS = {
    "hlist_add_head(&i->hash, &b->table[3]);": (("box", "table"), ("item", "hash")),
    "hlist_add_head(&i->hashes[n], &b->pair[n]);": (("box", "pair"), ("item", "hashes[]")),
    "hlist_for_each_entry(i, b->table + n, hash) g(i);": (("box", "table"), ("item", "hash")),
    "rb_insert_color(&i->rb, &b->tree);": (("box", "tree"), ("item", "rb")),
    "i = rb_entry(rb_first(&b->tree), struct item, rb);": (("box", "tree"), ("item", "rb")),
    "xa_store(&b->all, 1, i, 0);": (("box", "all"), ("item", "")),
    "i = xa_load(&b->all, 1);": (("box", "all"), ("item", "")),
    "list_add(&i->part.node, &b->items);": (("box", "items"), ("item", "part.node")),
    "list_add(&i->link, n ? &b->items : &b->items);": (("box", "items"), ("item", "link")),
    "list_add(&i->deep_node, &b->items);": (("box", "items"), ("item", "part.node")),
    "list_add(&i->link, &b->inner.node);": (("part", "node"), ("item", "link")),
}


@pytest.mark.parametrize("statement", OTHER_KINDS)
def test_other_containers(read, statement):
    found = read(f"void f(struct box *b, struct item *i, int n) {{ {statement} }}")
    assert [(e.spot, e.element) for e in found.entries] == [OTHER_KINDS[statement]]


def test_the_source_is_named(read):
    found = read(ONE_HEAD["an insertion"])
    assert found.entries[0].see == "box.c: f()"
    assert dict(found.links) == {("item", "link"): "box.c: f()"}


def test_a_conflict_is_reported_with_its_sources_and_not_decided(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
void g(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
void h(struct box *b, struct item *i) { list_add(&i->more, &b->items); }
"""
    )
    assert found.entries == []
    (conflict,) = found.conflicts
    assert conflict.spot == ("box", "items")
    assert conflict.candidates == (("item:link", "box.c: f()"), ("item:more", "box.c: h()"))


def test_two_ways_to_name_one_link_are_no_conflict(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->part.node, &b->items); }
void g(struct box *b) { struct part *p; list_for_each_entry(p, &b->items, node) h(p); }
"""
    )
    assert [(e.spot, e.element) for e in found.entries] == [(("box", "items"), ("part", "node"))]


def test_spliced_lists_hold_the_same(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->link, &b->items); }
void g(struct box *b) { list_splice_init(&b->items, &b->others); }
"""
    )
    assert {e.spot: e.element for e in found.entries} == {
        ("box", "items"): ("item", "link"),
        ("box", "others"): ("item", "link"),
    }


def test_rings_and_pointers_are_left_to_the_reader(read):
    found = read(
        """
void f(struct box *b, struct box *c) { list_add(&b->peers, &c->peers); }
void g(struct box *b, struct item *i, int n) { hlist_add_head(&i->hash, &b->far[n]); }
"""
    )
    assert found.entries == []
    assert [e.spot for e in found.rings] == [("box", "peers")]
    assert [(e.spot, e.element) for e in found.pointers] == [(("box", "far"), ("item", "hash"))]


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


def test_what_does_not_fit_the_btf_does_not_count(read):
    found = read(
        """
void f(struct box *b, struct item *i) { list_add(&i->hash, &b->items); }
void g(struct box *b, struct item *i) { list_add(&i->gone, &b->items); }
void h(struct box *b, struct stranger *i) { list_add(&i->link, &b->items); }
void k(struct box *b, struct item *i) { list_add(&i->link, &b->gone); }
void l(struct box *b, struct item *i) { hlist_add_head(&i->hashes[b->n], &b->table[i->id]); }
"""
    )
    assert found.entries == found.conflicts == []


def test_what_the_parser_does_not_understand_costs_one_function(read):
    found = read(
        "void broken( { ((( ;\n}\n" + ONE_HEAD["an insertion"] + "\nint deep(void) { return "
        + "(" * 3000 + "1" + ")" * 3000 + " + 1" * 3000 + ";\n}\n"
    )  # fmt: skip
    assert [e.spot for e in found.entries] == [("box", "items")]


def test_structs_without_a_name_are_passed_over(read):
    found = read(
        "void f(anon_t *a, struct item *i) { list_add(&i->link, &a->l); list_add(&a->l, &b); }"
    )
    assert found.entries == []
    assert dict(found.links) == {("item", "link"): "box.c: f()"}


def test_recursion_in_the_source_ends(read):
    found = read(
        """
static struct list_head *a(struct box *b) { return c(b); }
static struct list_head *c(struct box *b) { return a(b); }
void f(struct box *b, struct item *i) { struct list_head *p = p; list_add(&i->link, a(b)); p = p; }
void g(struct list_head *h, struct item *i) { list_add(&i->link, h); g(h, i); }
#define loop(x) loop(x)
void h(struct box *b, struct item *i) { list_add(&i->link, loop(b)); loop(i); }
"""
    )
    assert found.entries == []


def test_the_command_writes_an_overlay(tmp_path, read, btf, capsys):
    read(
        ONE_HEAD["an insertion"] + "\nstatic LIST_HEAD(every_item);\n"
        "void g(struct item *i) { list_add(&i->more, &every_item); }\n"
        "void h(struct box *b, struct item *i) { hlist_add_head(&i->hash, &b->far[1]); }\n"
    )
    blob = tmp_path / "box.btf"
    blob.write_bytes(btf.data)
    out = tmp_path / "box.toml"
    words = ["annotations", "harvest", str(tmp_path / "linux"), "--btf", str(blob), "-o", str(out)]
    assert main(words) == 0
    assert "heads" in capsys.readouterr().err
    overlay = Overlay.load(out)
    assert overlay.structs() == ["box", "item"]
    assert str(overlay.members("box")["items"][0][0]) == "contains struct item linked by link"
    assert overlay.see("box", "items") == "box.c: f()"
    every_item = overlay.global_("every_item")
    assert every_item is not None
    assert every_item.type == "struct list_head"
    assert "# box.far: item:hash (box.c: h())" in out.read_text()
    assert main([*words, "--under", "nothing"]) == 0  # include/ alone is read then
    assert main(["annotations", "harvest", str(tmp_path / "no"), "--btf", str(blob)]) == 1
    assert "no C source there" in capsys.readouterr().err


def test_trees_without_source(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "a.c").write_text("")
    with pytest.raises(AnnotationError, match="no C source"):
        source_files(tmp_path)


def test_globals_of_one_name_in_two_files_are_left_out(tmp_path, read, btf):
    source = "static LIST_HEAD(mine);\nvoid f(struct item *i) { list_add(&i->link, &mine); }\n"
    read(source, other=source)
    found, program = harvest(tmp_path / "linux", btf, workers=1)
    assert "mine" not in "".join(render_overlay(found, program, "x"))
