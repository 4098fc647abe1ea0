// SPDX-License-Identifier: MIT
/*
 * Loads and attaches the BPF programs, waits for the process tree, fills the maps, and stays. In
 * /run/workload it leaves programs-loaded, then bpf.json and maps-filled.
 */
#include "bpfload.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

static int print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, arguments);
}

static void mark(const char *path)
{
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

static void wait_for(const char *path)
{
	while (access(path, F_OK))
		usleep(20000);
}

static int is_realtime(void)
{
	struct utsname system;

	return !uname(&system) && strstr(system.version, "PREEMPT_RT");
}

/* The verifier refuses bpf_timer on real-time kernels, and with one program all that are with it. */
static void leave_out_timers(struct bpf_object *object)
{
	struct bpf_program *arms = bpf_object__find_program_by_name(object, "arm_timers");

	if (arms && is_realtime()) {
		bpf_program__set_autoload(arms, false);
		fprintf(stderr, "arm_timers does not load on a real-time kernel\n");
	}
}

static struct bpf_object *load(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);

	if (object)
		leave_out_timers(object);
	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "%s does not load\n", path);
		bpf_object__close(object);
		return NULL;
	}
	return object;
}

static struct bpf_program *program(struct bpf_object *object, const char *name)
{
	return bpf_object__find_program_by_name(object, name);
}

static void check(const char *name, const struct bpf_link *link)
{
	if (!link)
		fprintf(stderr, "%s does not attach: %s\n", name, strerror(errno));
}

/* The links live as long as this process. */
static void attach(struct bpf_object *object)
{
	static const char *const at_their_section[] = { "on_fork", "on_exec",  "on_exit",
							"on_open", "on_sleep", "on_exit_point" };
	int grove = open("/sys/fs/cgroup/grove", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_map *orchard = bpf_object__find_map_by_name(object, "orchard");
	struct bpf_link *iterator;

	for (size_t i = 0; i < sizeof(at_their_section) / sizeof(at_their_section[0]); i++)
		check(at_their_section[i], bpf_program__attach(program(object, at_their_section[i])));
	check("on_egress", bpf_program__attach_cgroup(program(object, "on_egress"), grove));
	check("on_frame", bpf_program__attach_xdp(program(object, "on_frame"), if_nametoindex("dum0")));
	check("orchard", bpf_map__attach_struct_ops(orchard));
	iterator = bpf_program__attach_iter(program(object, "each_task"), NULL);
	check("each_task", iterator);
	if (iterator && bpf_link__pin(iterator, "/sys/fs/bpf/each_task"))
		perror("/sys/fs/bpf/each_task");
	close(grove);
}

int main(void)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct bpf_object *values, *graphs;

	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	libbpf_set_print(print);
	values = load("/lib/bpf/values.bpf.o");
	if (!values)
		return 1;
	attach(values);
	graphs = load("/lib/bpf/graphs.bpf.o");
	mark(STATE "programs-loaded");
	wait_for(STATE "processes-started");
	record_open();
	fill_values(values);
	if (graphs) {
		fill_cgroups(graphs);
		fill_graphs(graphs);
	}
	record_close(graphs != NULL);
	mark(STATE "maps-filled");
	for (;;)
		pause();
}
