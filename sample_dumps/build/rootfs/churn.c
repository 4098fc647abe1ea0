// SPDX-License-Identifier: MIT
/*
 * Processes, threads and BPF task storage that come and go as fast as they can, until the first
 * process is killed. Whoever reads the kernel meanwhile can tell what was real: every task is called
 * churn, churn-kid or churn-thread, and every stored value says whose it is and is sealed. How much
 * has happened so far is printed as it goes on.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAGIC 0x6b6c6e6c62746664ull
#define MAPS 3

struct sealed {
	unsigned long long magic, pid, serial, seal;
};

/* End with the first process. */
static void end_with_parent(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void say(const char *what, unsigned long count)
{
	if (count % 128 == 0)
		printf("%s %lu\n", what, count);
}

static void expect(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *short_life(void *unused)
{
	prctl(PR_SET_NAME, "churn-thread");
	return unused;
}

/* Fork children that live for up to two milliseconds, some with a thread. */
static void fork_and_exit(void)
{
	unsigned long count = 0;

	prctl(PR_SET_NAME, "churn");
	end_with_parent();
	for (;; count++) {
		pid_t child = fork();

		expect(child >= 0, "fork");
		if (!child) {
			pthread_t thread;

			prctl(PR_SET_NAME, "churn-kid");
			if (count % 4 == 0 && !pthread_create(&thread, NULL, short_life, NULL))
				pthread_join(thread, NULL);
			usleep(count * 97 % 2000);
			_exit(0);
		}
		/* Two at a time: some are dead and not waited for. */
		if (count % 2)
			while (waitpid(-1, NULL, 0) > 0)
				;
		say("forked", count + 1);
	}
}

/* Make a BTF in which struct sealed is described; return its descriptor. */
static int load_types(int *key, int *value)
{
	struct btf *btf = btf__new_empty();
	int word;

	*key = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	word = btf__add_int(btf, "unsigned long long", 8, 0);
	*value = btf__add_struct(btf, "sealed", sizeof(struct sealed));
	btf__add_field(btf, "magic", word, 0, 0);
	btf__add_field(btf, "pid", word, 64, 0);
	btf__add_field(btf, "serial", word, 128, 0);
	btf__add_field(btf, "seal", word, 192, 0);
	expect(!btf__load_into_kernel(btf), "BTF");
	return btf__fd(btf);
}

/* Store a value with our parent, among all that come and go. */
static void store_to_stay(int map)
{
	int task = syscall(SYS_pidfd_open, getppid(), 0);
	struct sealed sealed = {MAGIC, getppid(), 0, MAGIC ^ getppid()};

	expect(!bpf_map_update_elem(map, &task, &sealed, BPF_NOEXIST), "element");
	close(task);
}

/* Store values with ourselves and with a child that stays, and delete them again. */
static void store_and_delete(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_NO_PREALLOC);
	int maps[MAPS], tasks[2], key, value;
	pid_t pids[2] = {getpid()};
	unsigned long count = 0;

	prctl(PR_SET_NAME, "churn");
	end_with_parent();
	pids[1] = fork();
	if (!pids[1]) {
		end_with_parent();
		pause();
	}
	opts.btf_fd = load_types(&key, &value);
	opts.btf_key_type_id = key;
	opts.btf_value_type_id = value;
	for (int i = 0; i < MAPS; i++) {
		maps[i] = bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "churn", sizeof(int),
					 sizeof(struct sealed), 0, &opts);
		expect(maps[i] >= 0, "map");
	}
	for (int i = 0; i < 2; i++)
		tasks[i] = syscall(SYS_pidfd_open, pids[i], 0);
	store_to_stay(maps[0]);
	for (;; count++) {
		int who = count % 2, map = maps[count / 2 % MAPS];
		struct sealed sealed = {MAGIC, pids[who], count, MAGIC ^ count ^ pids[who]};

		/* Seconds of storms, and seconds in which there is time to see a value. */
		if (time(NULL) & 1)
			usleep(5000);
		/* Six in a row are stored, then six deleted, the last of which frees everything. */
		if (count / (2 * MAPS) % 2)
			bpf_map_delete_elem(map, &tasks[who]);
		else
			bpf_map_update_elem(map, &tasks[who], &sealed, BPF_NOEXIST);
		if (count % 2 == 0)
			say("stored", count / 2);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!fork())
		fork_and_exit();
	if (!fork())
		store_and_delete();
	while (wait(NULL) > 0)
		;
	return 0;
}
