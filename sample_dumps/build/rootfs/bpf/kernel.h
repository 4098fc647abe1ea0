/* SPDX-License-Identifier: MIT */
/*
 * What the programs touch of the kernel's types. The loader relocates each access to where the
 * running kernel has the member (CO-RE), so one object runs on all kernels.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/bpf.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct;
struct seq_file;
struct sock;

struct task_struct {
	int pid, tgid;
	char comm[16];
	struct task_struct *group_leader;
	struct mm_struct *mm;
};

struct tcp_sock {
	__u32 snd_cwnd;
};

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id, seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

struct tcp_congestion_ops {
	void (*init)(struct sock *sk);
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};

#endif
