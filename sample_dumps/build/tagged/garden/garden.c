// SPDX-License-Identifier: GPL-2.0-only
/*
 * One object that holds one of every kind of container, each with plants in it, and one of every
 * kind of member; the container's decl tag says what it holds. Some containers are damaged, and
 * some tags are wrong, on purpose. Never unloaded.
 */
#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/idr.h>
#include <linux/klist.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/list_bl.h>
#include <linux/list_lru.h>
#include <linux/list_nulls.h>
#include <linux/llist.h>
#include <linux/maple_tree.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/plist.h>
#include <linux/radix-tree.h>
#include <linux/rbtree.h>
#include <linux/rculist_nulls.h>
#include <linux/rhashtable.h>
#include <linux/sched.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/timerqueue.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#define TAG(text) __attribute__((btf_decl_tag(text)))

enum plant_kind { PLANT_NONE, PLANT_HERB = 3, PLANT_TREE = 200, PLANT_WEED = -5 };
enum plant_needs { NEEDS_SUN = 1, NEEDS_WATER = 2, NEEDS_SHADE = 4, NEEDS_ALL = 7 };
enum plant_far { PLANT_NEAR = 1, PLANT_FAR = 0xfedcba9876543210ULL };

typedef u32 plant_id TAG("id:plant");

/* What the containers hold. */
struct plant {
	plant_id id;
	enum plant_kind kind;
	char name[16];
	struct list_head in_list;
	struct hlist_node in_hash;
	struct hlist_nulls_node in_nulls;
	struct hlist_bl_node in_bl;
	struct llist_node in_llist;
	struct rb_node in_tree;
	struct plist_node in_plist;
	struct klist_node in_klist;
	struct rhash_head in_rhash;
	struct rhlist_head in_rhl;
	struct timerqueue_node in_queue;
	/* A ring of plants: every one of them is its head. */
	struct list_head peers TAG("plant:peers");
	/* A chain through a pointer of the plant's own type. */
	struct plant *next_of_kind;
	u8 low : 3, high : 5;
	s16 negative : 4, : 4, wider : 8;
	u64 wide : 40, rest : 24;
	bool alive;
	union {
		u64 raw;
		struct {
			u32 left, right;
		};
		void *pointer;
	};
};

/* A head with company: what a hash table often is made of. */
struct pot {
	struct hlist_head plants TAG("plant:in_hash");
	spinlock_t lock;
};

/* Another type in a list, deep inside a nameless struct. */
struct seed {
	int number;
	struct {
		struct {
			struct list_head link;
			int depth;
		} inner;
	} outer;
};

struct bed {
	u32 count;
	struct {
		u8 row;
		u16 width;
	} __packed rows[] TAG("counted_by:count");
};

struct tool {
	int (*use)(struct plant *plant, int times);
	void (*drop)(void);
	long (*report)(const char *format, ...);
};

struct TAG("root:garden") garden {
	struct list_head list TAG("plant:in_list");
	struct list_head empty TAG("plant:in_list");
	struct list_head seeds TAG("seed:outer.inner.link");
	struct hlist_head hash TAG("plant:in_hash");
	struct hlist_head table[4] TAG("plant:in_hash");
	struct hlist_head *buckets TAG("plant:in_hash") TAG("len:1 << bucket_bits");
	struct pot *pots TAG("len:1 << bucket_bits");
	u8 bucket_bits;
	struct hlist_nulls_head nulls TAG("plant:in_nulls");
	struct hlist_bl_head bl TAG("plant:in_bl");
	struct hlist_bl_head bl_locked TAG("plant:in_bl");
	struct llist_head llist TAG("plant:in_llist");
	struct rb_root tree TAG("plant:in_tree");
	struct rb_root_cached cached TAG("plant:in_tree");
	struct plist_head plist TAG("plant:in_plist");
	struct klist klist TAG("plant:in_klist");
	struct xarray xarray TAG("plant");
	struct xarray xarray_one TAG("plant");
	struct radix_tree_root radix TAG("plant");
	struct idr idr TAG("plant");
	struct maple_tree maple TAG("plant");
	struct maple_tree maple_deep TAG("plant");
	struct rhashtable rhash TAG("plant:in_rhash");
	struct rhltable rhl TAG("plant:in_rhl");
	struct list_lru lru TAG("plant:in_list");
	struct timerqueue_head queue TAG("plant:in_queue");
	struct sk_buff_head packets TAG("sk_buff");
	struct wait_queue_head waiters TAG("wait_queue_entry:entry");
	struct list_head __percpu *per_cpu_lists TAG("plant:in_list");
	u64 __percpu *counters;
	struct plant *chain;

	/* Tags that are wrong, or say too much. */
	struct list_head no_member TAG("plant:no_such_member");
	struct list_head no_type TAG("no_such_type:in_list");
	struct list_head no_grammar TAG("just some words");
	struct list_head wrong_link TAG("plant:in_hash");
	struct list_head two_tags TAG("plant:in_list") TAG("spin_lock:lock");
	struct list_head only_type TAG("seed");

	/* Containers that are damaged. */
	struct list_head looped TAG("plant:in_list");
	struct list_head torn TAG("plant:in_list");
	struct list_head bad_back TAG("plant:in_list");
	struct rb_root bad_parent TAG("plant:in_tree");

	/* Members of other kinds. */
	spinlock_t lock;
	atomic_t atomic;
	atomic64_t atomic64;
	refcount_t refs;
	struct kref kref;
	struct plant __rcu *current_plant;
	char __user *user_text;
	const volatile char *qualified;
	int matrix[2][3];
	struct tool tool;
	const struct tool *tool_pointer;
	struct bed *bed;
	enum plant_needs needs;
	enum plant_far far;
	struct task_struct *task;
	cpumask_t cpus;
	DECLARE_BITMAP(bits, 70);
	ktime_t when;
	struct timer_list timer;
	struct delayed_work work;
	struct hrtimer hrtimer;
	struct completion done;
	struct mutex mutex;
	struct rw_semaphore semaphore;
	struct garden *self;
	char text[12];
	const char *string;
	u8 bytes[5];
	__int128 huge;
	struct plant *plants[3];
	void *anything;
};

static struct garden garden;
static DEFINE_PER_CPU(struct plant, garden_corner);
static TAG("plant:in_list") DEFINE_PER_CPU(struct list_head, garden_paths);

static const struct rhashtable_params by_id = {
	.key_len = sizeof(plant_id),
	.key_offset = offsetof(struct plant, id),
	.head_offset = offsetof(struct plant, in_rhash),
};

static const struct rhashtable_params by_kind = {
	.key_len = sizeof(enum plant_kind),
	.key_offset = offsetof(struct plant, kind),
	.head_offset = offsetof(struct plant, in_rhl),
};

static int use_tool(struct plant *plant, int times)
{
	return times;
}

static void on_timer(struct timer_list *timer)
{
}

static void on_work(struct work_struct *work)
{
}

static enum hrtimer_restart on_hrtimer(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

int garden_find(struct garden *garden, int id);

/* A parameter's tag reaches BTF only from the definition. */
TAG("spin_lock:&param1->lock")
noinline int garden_find(struct garden *garden TAG("locked:lock"), int id)
{
	struct plant *plant;

	list_for_each_entry(plant, &garden->list, in_list)
		if (plant->id == id)
			return plant->kind;
	return -ENOENT;
}
EXPORT_SYMBOL_GPL(garden_find);

/* Every member of a plant is a function of its number. Out of memory while booting is a panic. */
static struct plant *grow(int id, const char *name)
{
	static const enum plant_kind kinds[] = { PLANT_WEED, PLANT_HERB, 77 };
	struct plant *plant = kzalloc(sizeof(*plant), GFP_KERNEL | __GFP_NOFAIL);

	plant->id = id;
	plant->kind = kinds[id % 3];
	snprintf(plant->name, sizeof(plant->name), "%s-%d", name, id);
	INIT_LIST_HEAD(&plant->in_list);
	INIT_LIST_HEAD(&plant->peers);
	plant->low = id;
	plant->high = 31 - id;
	plant->negative = -id;
	plant->wider = -100 - id;
	plant->wide = 0xab00000000ULL + id;
	plant->rest = 0xcdef00 + id;
	plant->alive = id & 1;
	plant->left = id;
	plant->right = ~id;
	return plant;
}

static bool is_before(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct plant, in_tree)->id < rb_entry(b, struct plant, in_tree)->id;
}

/* plist_add() is not for modules: in order of priority, each priority once in prio_list. */
static void append_to_plist(struct plant *plant, struct plist_head *head, int prio)
{
	struct plist_node *node = &plant->in_plist, *last = NULL, *other;

	plist_node_init(node, prio);
	list_for_each_entry(other, &head->node_list, node_list)
		last = other;
	if (last && last->prio != prio)
		list_add_tail(&node->prio_list, &plist_first(head)->prio_list);
	list_add_tail(&node->node_list, &head->node_list);
}

static void __init fill_lists(struct garden *g)
{
	static struct list_head *const plain[] = {
		&garden.list,	   &garden.empty,      &garden.seeds,	  &garden.no_member,
		&garden.no_type,   &garden.no_grammar, &garden.wrong_link, &garden.two_tags,
		&garden.only_type, &garden.looped,     &garden.torn,	  &garden.bad_back,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(plain); i++)
		INIT_LIST_HEAD(plain[i]);
	for (i = 0; i < 5; i++)
		list_add_tail(&grow(i, "list")->in_list, &g->list);
	for (i = 0; i < 3; i++) {
		struct seed *seed = kzalloc(sizeof(*seed), GFP_KERNEL | __GFP_NOFAIL);

		seed->number = 100 + i;
		seed->outer.inner.depth = -i;
		list_add(&seed->outer.inner.link, i < 2 ? &g->seeds : &g->only_type);
	}
	list_add(&grow(70, "bad")->in_list, &g->no_member);
	list_add(&grow(71, "bad")->in_list, &g->no_type);
	list_add(&grow(72, "bad")->in_list, &g->no_grammar);
	list_add(&grow(73, "bad")->in_list, &g->wrong_link);
	list_add(&grow(74, "two")->in_list, &g->two_tags);
}

static void __init fill_hash_lists(struct garden *g)
{
	int i;

	hlist_add_head(&grow(10, "hash")->in_hash, &g->hash);
	for (i = 0; i < 7; i++)
		hlist_add_head(&grow(20 + i, "table")->in_hash, &g->table[i % 3]);
	g->bucket_bits = 3;
	g->buckets = kcalloc(1 << g->bucket_bits, sizeof(*g->buckets), GFP_KERNEL | __GFP_NOFAIL);
	g->pots = kcalloc(1 << g->bucket_bits, sizeof(*g->pots), GFP_KERNEL | __GFP_NOFAIL);
	for (i = 0; i < 5; i++) {
		hlist_add_head(&grow(30 + i, "bucket")->in_hash, &g->buckets[(3 * i) % 8]);
		hlist_add_head(&grow(60 + i, "pot")->in_hash, &g->pots[(5 * i) % 4].plants);
	}
	INIT_HLIST_NULLS_HEAD(&g->nulls, 42);
	INIT_HLIST_BL_HEAD(&g->bl);
	INIT_HLIST_BL_HEAD(&g->bl_locked);
	for (i = 0; i < 3; i++) {
		hlist_nulls_add_head_rcu(&grow(40 + i, "nulls")->in_nulls, &g->nulls);
		hlist_bl_add_head(&grow(43 + i, "bl")->in_bl, &g->bl);
		hlist_bl_add_head(&grow(46 + i, "bl")->in_bl, &g->bl_locked);
		llist_add(&grow(49 + i, "llist")->in_llist, &g->llist);
	}
	/* As while somebody holds it: the lowest bit of the first pointer. */
	g->bl_locked.first = (void *)((unsigned long)g->bl_locked.first | 1);
}

static void __init fill_trees(struct garden *g)
{
	int i;

	timerqueue_init_head(&g->queue);
	plist_head_init(&g->plist);
	klist_init(&g->klist, NULL, NULL);
	for (i = 0; i < 9; i++)
		rb_add(&grow(100 + (i * 5) % 9, "tree")->in_tree, &g->tree, is_before);
	g->cached = RB_ROOT_CACHED;
	for (i = 0; i < 6; i++)
		rb_add_cached(&grow(110 + (i * 5) % 6, "cached")->in_tree, &g->cached, is_before);
	for (i = 0; i < 4; i++) {
		struct plant *plant = grow(120 + i, "queue");

		timerqueue_init(&plant->in_queue);
		plant->in_queue.expires = ktime_set(1000 - i, 0);
		timerqueue_add(&g->queue, &plant->in_queue);
		append_to_plist(grow(130 + i, "plist"), &g->plist, i / 2 * 10);
		klist_add_tail(&grow(140 + i, "klist")->in_klist, &g->klist);
	}
}

static int __init fill_arrays(struct garden *g)
{
	int i, error = 0;

	xa_init(&g->xarray);
	xa_init(&g->xarray_one);
	INIT_RADIX_TREE(&g->radix, GFP_KERNEL);
	idr_init(&g->idr);
	mt_init(&g->maple);
	mt_init(&g->maple_deep);
	for (i = 0; i < 4; i++) {
		xa_store(&g->xarray, 100 * i * i, grow(150 + i, "xarray"), GFP_KERNEL);
		error |= radix_tree_insert(&g->radix, 1000 * i, grow(160 + i, "radix"));
		error |= idr_alloc(&g->idr, grow(170 + i, "idr"), 5, 0, GFP_KERNEL) < 0;
		error |= mtree_store_range(&g->maple, 10 * i, 10 * i + 5, grow(180 + i, "maple"),
					   GFP_KERNEL);
	}
	/* A number, and one entry at four indices. */
	xa_store(&g->xarray, 7, xa_mk_value(777), GFP_KERNEL);
	xa_store_range(&g->xarray, 64, 67, grow(154, "xarray"), GFP_KERNEL);
	xa_store(&g->xarray_one, 0, grow(155, "xarray"), GFP_KERNEL);
	for (i = 0; i < 40; i++)
		error |= mtree_store_range(&g->maple_deep, 100 * i, 100 * i + 50,
					   grow(300 + i, "deep"), GFP_KERNEL);
	return error;
}

static int __init fill_tables(struct garden *g)
{
	int i, error;

	error = rhashtable_init(&g->rhash, &by_id) ?: rhltable_init(&g->rhl, &by_kind) ?:
						      list_lru_init(&g->lru);
	if (error)
		return error;
	for (i = 0; i < 5; i++) {
		error |= rhashtable_insert_fast(&g->rhash, &grow(190 + i, "rhash")->in_rhash, by_id);
		error |= rhltable_insert(&g->rhl, &grow(200 + i, "rhl")->in_rhl, by_kind);
		list_lru_add_obj(&g->lru, &grow(210 + i, "lru")->in_list);
	}
	return error;
}

static int __init fill_per_cpu(struct garden *g)
{
	int cpu;

	g->counters = alloc_percpu(u64);
	g->per_cpu_lists = &garden_paths;
	if (!g->counters)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct plant *corner = per_cpu_ptr(&garden_corner, cpu);
		struct list_head *path = per_cpu_ptr(&garden_paths, cpu);

		*per_cpu_ptr(g->counters, cpu) = 1000 + cpu;
		corner->id = 500 + cpu;
		snprintf(corner->name, sizeof(corner->name), "corner-%d", cpu);
		INIT_LIST_HEAD(path);
		list_add_tail(&grow(510 + 2 * cpu, "path")->in_list, path);
		list_add_tail(&grow(511 + 2 * cpu, "path")->in_list, path);
	}
	return 0;
}

static int __init fill_queues(struct garden *g)
{
	static struct wait_queue_entry waiter;
	struct plant *first, *previous;
	int i;

	skb_queue_head_init(&g->packets);
	for (i = 0; i < 2; i++) {
		struct sk_buff *packet = alloc_skb(64, GFP_KERNEL);

		if (!packet)
			return -ENOMEM;
		packet->mark = 600 + i;
		skb_queue_tail(&g->packets, packet);
	}
	init_waitqueue_head(&g->waiters);
	init_waitqueue_entry(&waiter, &init_task);
	add_wait_queue(&g->waiters, &waiter);
	first = previous = g->chain = grow(220, "chain");
	for (i = 1; i < 3; i++) {
		struct plant *plant = grow(220 + i, "chain");

		list_add_tail(&plant->peers, &first->peers);
		previous->next_of_kind = plant;
		previous = plant;
	}
	return 0;
}

static void __init damage(struct garden *g)
{
	struct plant *plants[12];
	int i;

	for (i = 0; i < ARRAY_SIZE(plants); i++)
		plants[i] = grow(230 + i, "damaged");
	for (i = 0; i < 3; i++) {
		list_add_tail(&plants[i]->in_list, &g->looped);
		list_add_tail(&plants[3 + i]->in_list, &g->torn);
		list_add_tail(&plants[6 + i]->in_list, &g->bad_back);
		rb_add(&plants[9 + i]->in_tree, &g->bad_parent, is_before);
	}
	plants[2]->in_list.next = &plants[1]->in_list;
	plants[4]->in_list.next = (void *)0xdead4ead00001000UL;
	plants[7]->in_list.prev = &plants[8]->in_list;
	g->bad_parent.rb_node->rb_right->__rb_parent_color ^= 0x100;
}

static void __init fill_scalars(struct garden *g)
{
	int i;

	spin_lock_init(&g->lock);
	atomic_set(&g->atomic, -42);
	atomic64_set(&g->atomic64, 1LL << 40);
	refcount_set(&g->refs, 3);
	kref_init(&g->kref);
	rcu_assign_pointer(g->current_plant, list_first_entry(&g->list, struct plant, in_list));
	g->user_text = (char __user *)0x7fff12345678;
	g->qualified = "const volatile";
	for (i = 0; i < 6; i++)
		g->matrix[i / 3][i % 3] = i - 3;
	g->tool.use = use_tool;
	g->tool_pointer = &g->tool;
	g->bed = kzalloc(struct_size(g->bed, rows, 4), GFP_KERNEL | __GFP_NOFAIL);
	g->bed->count = 4;
	for (i = 0; i < 4; i++) {
		g->bed->rows[i].row = i;
		g->bed->rows[i].width = 0x100 * i;
	}
	g->needs = NEEDS_SUN | NEEDS_SHADE;
	g->far = PLANT_FAR;
	g->task = &init_task;
	cpumask_set_cpu(0, &g->cpus);
	cpumask_set_cpu(1, &g->cpus);
	set_bit(3, g->bits);
	set_bit(65, g->bits);
	g->when = ktime_set(12, 345);
	g->self = g;
	strscpy(g->text, "hello\tq\"\\", sizeof(g->text));
	g->string = "a C string";
	for (i = 0; i < 5; i++)
		g->bytes[i] = 250 + i;
	g->huge = -((__int128)1 << 100);
	g->plants[1] = list_first_entry(&g->list, struct plant, in_list);
	g->anything = g->plants[1];
}

static void __init start_timers(struct garden *g)
{
	timer_setup(&g->timer, on_timer, 0);
	mod_timer(&g->timer, jiffies + 10000000);
	INIT_DELAYED_WORK(&g->work, on_work);
	schedule_delayed_work(&g->work, 9000000);
	hrtimer_init(&g->hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	g->hrtimer.function = on_hrtimer;
	hrtimer_start(&g->hrtimer, ktime_set(50000, 0), HRTIMER_MODE_REL);
	init_completion(&g->done);
	mutex_init(&g->mutex);
	mutex_lock(&g->mutex);
	init_rwsem(&g->semaphore);
}

static int __init garden_init(void)
{
	struct garden *g = &garden;
	int error;

	fill_lists(g);
	fill_hash_lists(g);
	fill_trees(g);
	fill_scalars(g);
	start_timers(g);
	damage(g);
	error = fill_arrays(g) ?: fill_tables(g) ?: fill_per_cpu(g) ?: fill_queues(g);
	pr_info("garden: at %px, status %d, plant 3 is %d\n", g, error, garden_find(g, 3));
	return error;
}

module_init(garden_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Containers of every kind, for tests of a memory dump's reader");
