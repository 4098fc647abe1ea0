// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that programs allocate, and link into lists and trees; kernel pointers, work queues and
 * storage of cgroups. For Linux 6.10 and later: bpfload goes on without it where it cannot load.
 */
#include "kernel.h"
#include "values.h"

#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Of newer uapi headers. */
#define BPF_MAP_TYPE_CGRP_STORAGE 32

struct bpf_list_head {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_list_node {
	__u64 opaque[3];
} __attribute__((aligned(8)));

struct bpf_rb_root {
	__u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_rb_node {
	__u64 opaque[4];
} __attribute__((aligned(8)));

struct bpf_refcount {
	__u32 opaque[1];
} __attribute__((aligned(4)));

struct bpf_wq {
	__u64 opaque[2];
} __attribute__((aligned(8)));

#define __kptr __attribute__((btf_type_tag("kptr")))
#define holds(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
/* A lock and what it guards must share a map's value. */
#define guarded_by_its_own_lock(name) SEC(".bss." #name) __hidden __attribute__((aligned(8)))

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node,
				   void *meta, __u64 offset) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       bool(less)(struct bpf_rb_node *, const struct bpf_rb_node *),
			       void *meta, __u64 offset) __ksym;
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern int bpf_wq_init(struct bpf_wq *queue, void *map, unsigned int flags) __ksym;

#define new_object(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), NULL))

struct leaf {
	__u64 number;
	struct bpf_list_node in_list;
	struct bpf_rb_node in_tree;
	struct bpf_refcount references;
	char name[8];
	__u32 square;
};

struct twig {
	__u32 number;
	struct bpf_list_node in_branch;
	struct {
		__s16 x, y;
	} place;
};

struct fruit {
	__s64 weight;
	struct bpf_rb_node by_weight;
	char name[12];
};

guarded_by_its_own_lock(list) struct bpf_spin_lock list_lock;
guarded_by_its_own_lock(list) struct bpf_list_head leaves holds(leaf, in_list);
guarded_by_its_own_lock(tree) struct bpf_spin_lock tree_lock;
guarded_by_its_own_lock(tree) struct bpf_rb_root fruits holds(fruit, by_weight);

struct branch {
	struct bpf_spin_lock lock;
	__u32 count;
	struct bpf_list_head twigs holds(twig, in_branch);
};

struct holder {
	__u64 number;
	struct task_struct __kptr *task;
	struct leaf __kptr *leaf;
};

struct errand {
	__u64 number;
	struct bpf_wq work;
};

#define MAP(name, kind, entries, key_type, value_type, flags)                                      \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

MAP(branches, BPF_MAP_TYPE_ARRAY, 2, __u32, struct branch, 0);
MAP(holders, BPF_MAP_TYPE_HASH, 8, __u32, struct holder, 0);
MAP(errands, BPF_MAP_TYPE_HASH, 4, __u32, struct errand, 0);
MAP(cgroup_note, BPF_MAP_TYPE_CGRP_STORAGE, 0, int, struct note, BPF_F_NO_PREALLOC);

/* Set by bpfload. */
__s32 held_tasks[4];
/* How many objects each program has linked. */
__u32 leaf_count, fruit_count, twig_count, held_count, errand_count;

SEC("tc")
int grow_leaves(struct __sk_buff *buffer)
{
	for (int i = 0; i < 4; i++) {
		struct leaf *leaf = new_object(struct leaf);

		if (!leaf)
			return 1;
		leaf->number = 100 + i;
		leaf->square = i * i;
		leaf->name[0] = 'L';
		barrier();
		leaf->name[1] = '0' + i;
		bpf_spin_lock(&list_lock);
		bpf_list_push_back_impl(&leaves, &leaf->in_list, NULL, 0);
		bpf_spin_unlock(&list_lock);
		leaf_count++;
	}
	return 0;
}

static bool is_lighter(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	struct fruit *one = (void *)a - offsetof(struct fruit, by_weight);
	struct fruit *other = (void *)b - offsetof(struct fruit, by_weight);

	return one->weight < other->weight;
}

SEC("tc")
int grow_fruits(struct __sk_buff *buffer)
{
	for (int i = 0; i < 6; i++) {
		struct fruit *fruit = new_object(struct fruit);

		if (!fruit)
			return 1;
		fruit->weight = (i * 7) % 11 - 5;
		fruit->name[0] = 'F';
		barrier();
		fruit->name[1] = '0' + i;
		bpf_spin_lock(&tree_lock);
		bpf_rbtree_add_impl(&fruits, &fruit->by_weight, is_lighter, NULL, 0);
		bpf_spin_unlock(&tree_lock);
		fruit_count++;
	}
	return 0;
}

static int grow_twig(struct branch *branch, int number)
{
	struct twig *twig = new_object(struct twig);

	if (!twig)
		return 1;
	twig->number = number;
	twig->place.x = -number;
	barrier();
	twig->place.y = number + 1;
	bpf_spin_lock(&branch->lock);
	branch->count++;
	bpf_list_push_back_impl(&branch->twigs, &twig->in_branch, NULL, 0);
	bpf_spin_unlock(&branch->lock);
	twig_count++;
	return 0;
}

SEC("tc")
int grow_twigs(struct __sk_buff *buffer)
{
	for (int i = 0; i < 6; i++) {
		__u32 key = i / 3;
		struct branch *branch = bpf_map_lookup_elem(&branches, &key);

		if (!branch || grow_twig(branch, 10 * (i / 3) + i % 3))
			return 1;
	}
	return 0;
}

static int hold(__u32 index, __s32 pid)
{
	struct holder empty = { .number = 0xabc0 + index }, *holder;
	struct task_struct *task;
	struct leaf *leaf;

	bpf_map_update_elem(&holders, &index, &empty, BPF_ANY);
	holder = bpf_map_lookup_elem(&holders, &index);
	if (!holder)
		return 1;
	task = bpf_task_from_pid(pid);
	if (!task)
		return 1;
	task = bpf_kptr_xchg(&holder->task, task);
	if (task)
		bpf_task_release(task);
	leaf = new_object(struct leaf);
	if (!leaf)
		return 1;
	leaf->number = 900 + index;
	leaf->name[0] = 'K';
	leaf = bpf_kptr_xchg(&holder->leaf, leaf);
	if (leaf)
		bpf_obj_drop_impl(leaf, NULL);
	held_count++;
	return 0;
}

SEC("tc")
int hold_tasks(struct __sk_buff *buffer)
{
	for (int i = 0; i < 4; i++)
		if (held_tasks[i] && hold(i, held_tasks[i]))
			return 1;
	return 0;
}

SEC("tc")
int queue_errands(struct __sk_buff *buffer)
{
	for (int i = 0; i < 2; i++) {
		struct errand empty = { .number = 60 + i }, *errand;
		__u32 key = i;

		bpf_map_update_elem(&errands, &key, &empty, BPF_ANY);
		errand = bpf_map_lookup_elem(&errands, &key);
		if (!errand || bpf_wq_init(&errand->work, &errands, 0))
			return 1;
		errand_count++;
	}
	return 0;
}
