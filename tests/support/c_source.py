"""C that says what a list holds."""

from __future__ import annotations

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
    "a function with attributes": """
static noinline struct box *of(int n) { return g(n); }
static noinline void __init f(struct item *i) { list_add(&i->link, &of(1)->items); }""",
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
