// SPDX-License-Identifier: GPL-2.0-only
/* Maps of every common type, and programs at many kinds of hook; Linux 6.1 and later. */
#include "kernel.h"
#include "values.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

#define CLOCK_MONOTONIC 1

#define MAP(name, kind, entries, key_type, value_type, flags)                                      \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, flags);                                                          \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* Without a key, or without types at all. */
#define MAP_OF_VALUES(name, kind, entries, value_type)                                             \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

#define MAP_OF_SIZES(name, kind, entries, value_bytes)                                             \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__uint(key_size, sizeof(__u32));                                                   \
		__uint(value_size, value_bytes);                                                   \
	} name SEC(".maps")

MAP(task_visit, BPF_MAP_TYPE_TASK_STORAGE, 0, int, struct visit, BPF_F_NO_PREALLOC);
MAP(task_bits, BPF_MAP_TYPE_TASK_STORAGE, 0, int, struct bits, BPF_F_NO_PREALLOC);
MAP(task_kin, BPF_MAP_TYPE_TASK_STORAGE, 0, int, struct kin, BPF_F_NO_PREALLOC);
MAP(inode_note, BPF_MAP_TYPE_INODE_STORAGE, 0, int, struct note, BPF_F_NO_PREALLOC);
MAP(sock_note, BPF_MAP_TYPE_SK_STORAGE, 0, int, struct note, BPF_F_NO_PREALLOC);

MAP(by_port, BPF_MAP_TYPE_HASH, 64, struct port_key, struct route, 0);
MAP(by_number, BPF_MAP_TYPE_HASH, 32, __u32, __u64, BPF_F_NO_PREALLOC);
MAP(recent, BPF_MAP_TYPE_LRU_HASH, 16, __u32, struct note, 0);
MAP(hash_cpu, BPF_MAP_TYPE_PERCPU_HASH, 16, __u32, struct tally, 0);
MAP(recent_cpu, BPF_MAP_TYPE_LRU_PERCPU_HASH, 16, __u32, struct tally, 0);
MAP(routes, BPF_MAP_TYPE_ARRAY, 5, __u32, struct route, 0);
MAP(array_cpu, BPF_MAP_TYPE_PERCPU_ARRAY, 3, __u32, struct tally, 0);
MAP(prefixes, BPF_MAP_TYPE_LPM_TRIE, 16, struct prefix, __u32, BPF_F_NO_PREALLOC);

MAP_OF_VALUES(waiting, BPF_MAP_TYPE_QUEUE, 8, struct job);
MAP_OF_VALUES(pile, BPF_MAP_TYPE_STACK, 8, struct job);
MAP_OF_VALUES(seen, BPF_MAP_TYPE_BLOOM_FILTER, 100, __u32);

MAP_OF_SIZES(untyped, BPF_MAP_TYPE_HASH, 8, 12);
MAP_OF_SIZES(stacks, BPF_MAP_TYPE_STACK_TRACE, 32, 16 * sizeof(__u64));
MAP_OF_SIZES(calls, BPF_MAP_TYPE_PROG_ARRAY, 4, sizeof(__u32));
MAP_OF_SIZES(samples, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 2, sizeof(__u32));
MAP_OF_SIZES(groups, BPF_MAP_TYPE_CGROUP_ARRAY, 4, sizeof(__u32));
MAP_OF_SIZES(sockets, BPF_MAP_TYPE_SOCKMAP, 4, sizeof(__u32));
MAP_OF_SIZES(devices, BPF_MAP_TYPE_DEVMAP, 4, sizeof(__u32));
MAP_OF_SIZES(processors, BPF_MAP_TYPE_CPUMAP, 2, sizeof(__u32));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer_hash SEC(".maps") = { .values = { [0] = &inner_a, [1] = &inner_b } };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 3);
	__type(key, __u32);
	__array(values, struct inner);
} outer_array SEC(".maps") = { .values = { [1] = &inner_b } };

struct alarm {
	__u64 number;
	struct bpf_timer timer;
	__u32 fired;
};
MAP(alarms, BPF_MAP_TYPE_HASH, 4, __u32, struct alarm, 0);

struct guarded {
	__u32 count;
	struct bpf_spin_lock lock;
	__u64 total;
};
MAP(guards, BPF_MAP_TYPE_ARRAY, 2, __u32, struct guarded, 0);

/* Global data: .rodata, .data and .bss are maps with one value. */
const volatile __u32 fixed_magic = 0xb7fd0b7f;
const volatile char fixed_name[16] = "orchard";
struct visit first_visit = {
	.since_ns = 123456789, .count = 7, .label = "global", .place = { -1, 1 },
};
enum mood global_mood = MOOD_BUSY;
int grid[2][3] = { { 1, 2, 3 }, { -4, -5, -6 } };
__u64 forks, executions, exits, opens, packets;

/* Every child of a process of the tree ("oak...") gets an element straight from the kernel. */
SEC("tp_btf/task_newtask")
int BPF_PROG(on_fork, struct task_struct *task, __u64 clone_flags)
{
	struct task_struct *parent = bpf_get_current_task_btf();
	struct kin *kin;

	__sync_fetch_and_add(&forks, 1);
	if (parent->comm[0] != 'o' || parent->comm[1] != 'a' || parent->comm[2] != 'k')
		return 0;
	kin = bpf_task_storage_get(&task_kin, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!kin)
		return 0;
	kin->self = task;
	kin->leader = task->group_leader;
	kin->mm = task->mm;
	kin->pid = task->pid;
	kin->tgid = task->tgid;
	kin->clone_flags = clone_flags;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	__u32 first = 0;
	struct tally *tally = bpf_map_lookup_elem(&array_cpu, &first);

	__sync_fetch_and_add(&executions, 1);
	bpf_get_stackid(ctx, &stacks, 0);
	if (tally) {
		tally->hits++;
		tally->last_ns = bpf_ktime_get_ns();
		tally->cpu = bpf_get_smp_processor_id();
		tally->bias = -(__s32)tally->hits;
	}
	return 0;
}

SEC("fentry/do_exit")
int BPF_PROG(on_exit)
{
	__sync_fetch_and_add(&exits, 1);
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(on_open)
{
	__sync_fetch_and_add(&opens, 1);
	return 0;
}

SEC("kprobe/hrtimer_nanosleep")
int on_sleep(void *ctx)
{
	return 0;
}

SEC("tracepoint/sched/sched_process_exit")
int on_exit_point(void *ctx)
{
	return 0;
}

SEC("cgroup_skb/egress")
int on_egress(struct __sk_buff *buffer)
{
	__sync_fetch_and_add(&packets, 1);
	return 1;
}

SEC("xdp")
int on_frame(struct xdp_md *frame)
{
	return XDP_PASS;
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d %s\n", task->pid, task->comm);
	return 0;
}

/* Run once by bpfload: leaves two records to be read, and one that was thrown away. */
SEC("tc")
int fill_ring(struct __sk_buff *buffer)
{
	for (int i = 0; i < 3; i++) {
		struct job *job = bpf_ringbuf_reserve(&events, sizeof(*job), 0);

		if (!job)
			return 1;
		job->sequence = 70 + i;
		__builtin_memcpy(job->what, "ring record", sizeof(job->what));
		if (i == 1)
			bpf_ringbuf_discard(job, 0);
		else
			bpf_ringbuf_submit(job, 0);
	}
	return 0;
}

static int on_alarm(void *map, __u32 *key, struct alarm *alarm)
{
	alarm->fired++;
	return 0;
}

SEC("tc")
int arm_timers(struct __sk_buff *buffer)
{
	for (int i = 0; i < 2; i++) {
		struct alarm empty = { .number = 50 + i }, *alarm;
		__u32 key = i;

		bpf_map_update_elem(&alarms, &key, &empty, BPF_ANY);
		alarm = bpf_map_lookup_elem(&alarms, &key);
		if (!alarm)
			return 1;
		bpf_timer_init(&alarm->timer, &alarms, CLOCK_MONOTONIC);
		bpf_timer_set_callback(&alarm->timer, on_alarm);
		bpf_timer_start(&alarm->timer, (100000ULL + i) * 1000000000ULL, 0);
	}
	return 0;
}

SEC("tc")
int called(struct __sk_buff *buffer)
{
	return 42;
}

SEC("tc")
int caller(struct __sk_buff *buffer)
{
	bpf_tail_call(buffer, &calls, 1);
	return 0;
}

SEC("tc")
int guard(struct __sk_buff *buffer)
{
	__u32 key = 1;
	struct guarded *guarded = bpf_map_lookup_elem(&guards, &key);

	if (!guarded)
		return 1;
	bpf_spin_lock(&guarded->lock);
	guarded->count++;
	guarded->total += 1000;
	bpf_spin_unlock(&guarded->lock);
	return 0;
}

/* A program that holds maps of descriptors. */
SEC("tc")
int report(struct __sk_buff *buffer)
{
	bpf_perf_event_output(buffer, &samples, BPF_F_CURRENT_CPU, &global_mood, sizeof(global_mood));
	return bpf_skb_under_cgroup(buffer, &groups, 0);
}

/* A TCP congestion control in BPF. */
SEC("struct_ops/orchard_init")
void BPF_PROG(orchard_init, struct sock *sk)
{
}

SEC("struct_ops/orchard_ssthresh")
__u32 BPF_PROG(orchard_ssthresh, struct sock *sk)
{
	__u32 half = ((struct tcp_sock *)sk)->snd_cwnd / 2;

	return half > 2 ? half : 2;
}

SEC("struct_ops/orchard_cong_avoid")
void BPF_PROG(orchard_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
}

SEC("struct_ops/orchard_undo_cwnd")
__u32 BPF_PROG(orchard_undo_cwnd, struct sock *sk)
{
	return ((struct tcp_sock *)sk)->snd_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops orchard = {
	.init = (void *)orchard_init,
	.ssthresh = (void *)orchard_ssthresh,
	.cong_avoid = (void *)orchard_cong_avoid,
	.undo_cwnd = (void *)orchard_undo_cwnd,
	.name = "orchard",
};
