// SPDX-License-Identifier: MIT
/* Fills the maps of values.bpf.c. Each value is a function of its index, so that none is alike. */
#define _GNU_SOURCE
#include "bpfload.h"
#include "../bpf/values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/perf_event.h>

static int map_fd(struct bpf_object *object, const char *map)
{
	return bpf_object__find_map_fd_by_name(object, map);
}

/* `key` is NULL for maps that have none. */
void put(struct bpf_object *object, const char *map, const void *key, size_t key_size,
	 const void *value, size_t value_size, const char *owner)
{
	if (bpf_map_update_elem(map_fd(object, map), key, value, BPF_ANY))
		fprintf(stderr, "%s: %s\n", map, strerror(errno));
	else
		record_value(map, key, key_size, value, value_size, owner);
}

int run_program(struct bpf_object *object, const char *name)
{
	char packet[64] = "";
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet, .data_size_in = sizeof(packet));
	int error = bpf_prog_test_run_opts(bpf_program__fd(program), &run);

	if (error)
		fprintf(stderr, "%s: %s\n", name, strerror(-error));
	return error ? error : (int)run.retval;
}

/* Of a program that main.c left out on this kernel, nothing is expected. */
static int run_if_loaded(struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);

	return bpf_program__autoload(program) ? run_program(object, name) : 0;
}

/* The map is keyed by a descriptor of the owner, which means nothing later: recorded without. */
static void put_storage(struct bpf_object *object, const char *map, int fd, const void *value,
			size_t size, const char *owner)
{
	if (fd < 0 || bpf_map_update_elem(map_fd(object, map), &fd, value, BPF_ANY))
		fprintf(stderr, "%s of %s: %s\n", map, owner, strerror(errno));
	else
		record_value(map, NULL, 0, value, size, owner);
}

static void fill_task(struct bpf_object *object, int index, const char *comm, unsigned int maps)
{
	int pid = index ? find_task(comm) : 1;
	int fd = syscall(SYS_pidfd_open, pid, 0);
	enum mood moods[] = { MOOD_BUSY, MOOD_FAILED, MOOD_DONE, MOOD_CALM, 55 };
	struct visit visit = { .since_ns = 1000000000ULL * (index + 1) + pid, .count = 100 + index };
	struct bits bits = { .level = index, .hot = index & 1, .kind = 0x800 + index };
	struct kin kin = { .pid = pid, .tgid = pid, .clone_flags = 0xffff };
	char owner[80];

	snprintf(owner, sizeof(owner), "{\"pid\": %d, \"comm\": \"%s\"}", pid, comm);
	snprintf(visit.label, sizeof(visit.label), "visit %s", comm);
	visit.place.west = -index - 1;
	visit.place.east = 1000 * index;
	bits.part = 0xfff00 + index;
	bits.nice = index - 20;
	bits.mood = moods[index % 5];
	bits.low = 0x11110000 + index;
	bits.high = 0xdead0000 + index;
	for (int i = 0; i < 6; i++)
		bits.history[i] = i * i + index;
	bits.seen = 1;
	bits.far = index & 1 ? FAR_AWAY : FAR_NEAR;
	if (maps & 1)
		put_storage(object, "task_visit", fd, &visit, sizeof(visit), owner);
	if (maps & 2)
		put_storage(object, "task_bits", fd, &bits, sizeof(bits), owner);
	if (maps & 4)
		put_storage(object, "task_kin", fd, &kin, sizeof(kin), owner);
	close(fd);
}

/* Children of "oak" have a task_kin from on_fork already. */
static void fill_tasks(struct bpf_object *object)
{
	static const struct {
		const char *comm;
		unsigned int maps;
	} tasks[] = {
		{ "init", 7 },	{ "oak", 3 },	{ "birch", 3 },	  { "cedar", 3 },
		{ "elm", 1 },	{ "hazel", 2 }, { "bpfload", 1 },
	};

	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		fill_task(object, i, tasks[i].comm, tasks[i].maps);
}

static void fill_inodes(struct bpf_object *object)
{
	static const char *const paths[] = { "/tmp/data/first.txt", "/tmp/data/second.txt", "/init" };

	for (int i = 0; i < 3; i++) {
		struct note note = { .number = 7000 + i };
		struct stat status = { 0 };
		char owner[120];
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);

		fstat(fd, &status);
		snprintf(note.text, sizeof(note.text), "inode note %d", i);
		snprintf(owner, sizeof(owner), "{\"path\": \"%s\", \"ino\": %lu}", paths[i],
			 (unsigned long)status.st_ino);
		put_storage(object, "inode_note", fd, &note, sizeof(note), owner);
		close(fd);
	}
}

/* The sockets stay open: they are this process's own. */
static void fill_sockets(struct bpf_object *object)
{
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9100 + i) };
		struct note note = { .number = 8000 + i };
		char owner[80];
		__u32 first = 0;
		int fd = socket(AF_INET, i ? SOCK_DGRAM : SOCK_STREAM, 0);

		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (bind(fd, (void *)&address, sizeof(address)) || (!i && listen(fd, 5)))
			perror("bpfload: socket");
		snprintf(note.text, sizeof(note.text), "port %d", 9100 + i);
		snprintf(owner, sizeof(owner), "{\"protocol\": \"%s\", \"port\": %d}",
			 i ? "udp" : "tcp", 9100 + i);
		put_storage(object, "sock_note", fd, &note, sizeof(note), owner);
		if (!i && bpf_map_update_elem(map_fd(object, "sockets"), &first, &fd, BPF_ANY))
			perror("sockets");
	}
}

static struct route make_route(int index)
{
	struct route route = { .metric = -index * 1000000007LL, .vlan = 4000 + index };

	snprintf(route.name, sizeof(route.name), "route %d", index);
	route.address = 0x0100007f + (index << 24);
	for (int i = 0; i < 6; i++)
		route.mac[i] = 0x50 + i + index;
	route.bytes[0].received = index;
	route.bytes[0].sent = 1ULL << (index * 9);
	route.bytes[1].received = ~0ULL - index;
	route.bytes[1].sent = 42;
	return route;
}

static void fill_hashes(struct bpf_object *object)
{
	for (int i = 0; i < 7; i++) {
		struct port_key port = { 1000 + i, 80 + i, i & 1 ? 17 : 6, 0 };
		struct route route = make_route(i);
		struct note note = { .number = i };
		__u32 number = 17 * i, later = 500 + i, index = i;
		__u64 value = 0x1122334455667788ULL * (i + 1);
		__u32 words[3] = { i, i * i, ~i };

		snprintf(note.text, sizeof(note.text), "recent %d", i);
		put(object, "by_port", &port, sizeof(port), &route, sizeof(route), NULL);
		put(object, "by_number", &number, sizeof(number), &value, sizeof(value), NULL);
		put(object, "recent", &later, sizeof(later), &note, sizeof(note), NULL);
		put(object, "untyped", &number, sizeof(number), words, sizeof(words), NULL);
		if (i < 5)
			put(object, "routes", &index, sizeof(index), &route, sizeof(route), NULL);
	}
}

static void fill_queues(struct bpf_object *object)
{
	for (__u32 i = 0; i < 5; i++) {
		struct job job = { .sequence = i };
		__u32 seen = 31 * i;

		snprintf(job.what, sizeof(job.what), "job %u", i);
		put(object, "waiting", NULL, 0, &job, sizeof(job), NULL);
		put(object, "pile", NULL, 0, &job, sizeof(job), NULL);
		put(object, "seen", NULL, 0, &seen, sizeof(seen), NULL);
	}
}

static void fill_prefixes(struct bpf_object *object)
{
	static const struct prefix prefixes[] = {
		{ 8, { 10 } },	      { 16, { 10, 1 } },  { 24, { 10, 1, 2 } }, { 32, { 10, 1, 2, 3 } },
		{ 12, { 172, 16 } }, { 0, { 0 } },
	};

	for (__u32 i = 0; i < 6; i++) {
		__u32 value = 0xa0 + i;

		put(object, "prefixes", &prefixes[i], sizeof(prefixes[i]), &value, sizeof(value), NULL);
	}
}

/* Per-CPU values are recorded as user space sees them: one after the other, by processor. */
static void fill_per_cpu(struct bpf_object *object)
{
	int count = libbpf_num_possible_cpus();
	struct tally *tallies = calloc(count, sizeof(*tallies));
	size_t size = count * sizeof(*tallies);

	for (__u32 i = 1; i < 3; i++) {
		__u32 hashed = 111 * i;

		for (int cpu = 0; cpu < count; cpu++)
			tallies[cpu] = (struct tally){ 1000 * i + cpu, 77 * i, cpu, -cpu };
		put(object, "array_cpu", &i, sizeof(i), tallies, size, NULL);
		put(object, "hash_cpu", &hashed, sizeof(hashed), tallies, size, NULL);
		put(object, "recent_cpu", &hashed, sizeof(hashed), tallies, size, NULL);
	}
	free(tallies);
}

static void fill_inner(struct bpf_object *object)
{
	for (__u32 i = 0; i < 2; i++) {
		__u64 a = 0x600d + i, b = 0x700d + i;

		put(object, "inner_a", &i, sizeof(i), &a, sizeof(a), NULL);
		put(object, "inner_b", &i, sizeof(i), &b, sizeof(b), NULL);
	}
}

/* Maps whose values are kernel objects that user space names by descriptor or index. */
static void fill_references(struct bpf_object *object)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = PERF_SAMPLE_RAW,
	};
	__u32 first = 0, second = 1, size = 192;
	int called = bpf_program__fd(bpf_object__find_program_by_name(object, "called"));
	int event = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	int group = open("/sys/fs/cgroup/grove", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int device = if_nametoindex("dum0");
	const struct {
		const char *map;
		__u32 *key;
		void *value;
	} updates[] = {
		{ "calls", &second, &called },	 { "samples", &first, &event },
		{ "groups", &first, &group },	 { "devices", &second, &device },
		{ "processors", &first, &size },
	};

	for (size_t i = 0; i < sizeof(updates) / sizeof(updates[0]); i++)
		if (bpf_map_update_elem(map_fd(object, updates[i].map), updates[i].key,
					updates[i].value, BPF_ANY))
			fprintf(stderr, "%s: %s\n", updates[i].map, strerror(errno));
}

void fill_values(struct bpf_object *object)
{
	fill_tasks(object);
	fill_inodes(object);
	fill_sockets(object);
	fill_hashes(object);
	fill_queues(object);
	fill_prefixes(object);
	fill_per_cpu(object);
	fill_inner(object);
	fill_references(object);
	if (run_program(object, "fill_ring") || run_if_loaded(object, "arm_timers") ||
	    run_program(object, "guard") || run_program(object, "caller") != 42)
		fprintf(stderr, "a program of values.bpf.c did not do its work\n");
}
