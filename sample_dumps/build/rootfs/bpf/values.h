/* SPDX-License-Identifier: MIT */
/* Keys and values of the workload's maps, for the BPF programs and for bpfload, which fills them. */
#ifndef VALUES_H
#define VALUES_H

#include <linux/types.h>

enum mood {
	MOOD_NONE,
	MOOD_CALM,
	MOOD_BUSY,
	MOOD_DONE = 10,
	MOOD_FAILED = -1,
};

enum far {
	FAR_NEAR = 1,
	FAR_AWAY = 0x8000000000000001ULL,
};

/* task_visit */
struct visit {
	__u64 since_ns;
	__u32 count;
	char label[16];
	struct {
		__s32 west, east;
	} place;
};

/* task_bits */
struct bits {
	__u8 level : 3, hot : 1, rest : 4;
	__u32 kind : 12, part : 20;
	__s32 nice;
	enum mood mood;
	union {
		__u64 whole;
		struct {
			__u32 low, high;
		};
	};
	__u16 history[6];
	_Bool seen;
	enum far far;
};

/* task_kin: kernel pointers as plain data */
struct kin {
	struct task_struct *self, *leader;
	struct mm_struct *mm;
	__u32 pid, tgid;
	__u64 clone_flags;
};

/* inode_note, sock_note, cgroup_note, recent */
struct note {
	__u64 number;
	char text[24];
};

struct port_key {
	__u32 network;
	__u16 port;
	__u8 protocol, unused;
};

struct route {
	char name[24];
	__s64 metric;
	__u32 address;
	__u8 mac[6];
	__u16 vlan;
	struct {
		__u64 received, sent;
	} bytes[2];
};

struct tally {
	__u64 hits, last_ns;
	__u32 cpu;
	__s32 bias;
};

struct prefix {
	__u32 length;
	__u8 address[4];
};

struct job {
	__u32 sequence;
	char what[12];
};


#endif
