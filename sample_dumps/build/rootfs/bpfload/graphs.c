// SPDX-License-Identifier: MIT
/* Runs the programs of graphs.bpf.c, and writes down what they link, in its order. */
#define _GNU_SOURCE
#include "bpfload.h"
#include "../bpf/values.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

/* Where a variable of .bss is in the one value of its map; -1 if there is none of that name. */
static int offset_of_global(struct bpf_object *object, const char *name)
{
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_type *section = btf__type_by_id(btf, btf__find_by_name(btf, ".bss"));
	const struct btf_var_secinfo *variables = btf_var_secinfos(section);

	for (int i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), name))
			return variables[i].offset;
	}
	return -1;
}

static void set_global(struct bpf_object *object, const char *name, const void *value, size_t size)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, ".bss");
	int offset = offset_of_global(object, name);
	char *all = calloc(1, bpf_map__value_size(map));
	__u32 key = 0;

	if (offset < 0 || bpf_map_lookup_elem(bpf_map__fd(map), &key, all)) {
		fprintf(stderr, "%s is not in .bss\n", name);
	} else {
		memcpy(all + offset, value, size);
		if (bpf_map_update_elem(bpf_map__fd(map), &key, all, BPF_ANY))
			perror(name);
	}
	free(all);
}

static void write_down(void)
{
	char fields[120];

	for (int i = 0; i < 4; i++) {
		snprintf(fields, sizeof(fields), "\"number\": %d, \"name\": \"L%d\", \"square\": %d",
			 100 + i, i, i * i);
		record_graph("leaves", "leaf", fields);
	}
	for (int weight = -5; weight <= 5; weight++)
		for (int i = 0; i < 6; i++) {
			if (weight != (i * 7) % 11 - 5)
				continue;
			snprintf(fields, sizeof(fields), "\"weight\": %d, \"name\": \"F%d\"", weight,
				 i);
			record_graph("fruits", "fruit", fields);
		}
	for (int i = 0; i < 6; i++) {
		int number = 10 * (i / 3) + i % 3;

		snprintf(fields, sizeof(fields),
			 "\"branch\": %d, \"number\": %d, \"x\": %d, \"y\": %d", i / 3, number,
			 -number, number + 1);
		record_graph("branches", "twig", fields);
	}
}

static void hold_tasks(struct bpf_object *object)
{
	static const char *const names[] = { "init", "oak", "birch", "elm" };
	__s32 held[4];
	char fields[120];

	for (int i = 0; i < 4; i++) {
		held[i] = i ? find_task(names[i]) : 1;
		snprintf(fields, sizeof(fields),
			 "\"key\": %d, \"number\": %d, \"pid\": %d, \"comm\": \"%s\", \"leaf\": %d", i,
			 0xabc0 + i, held[i], names[i], 900 + i);
		record_graph("holders", "holder", fields);
	}
	set_global(object, "held_tasks", held, sizeof(held));
}

void fill_cgroups(struct bpf_object *object)
{
	static const char *const paths[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/grove",
					     "/sys/fs/cgroup/thicket" };
	int map = bpf_object__find_map_fd_by_name(object, "cgroup_note");

	for (int i = 0; i < 3; i++) {
		struct note note = { .number = 9000 + i };
		struct stat status = { 0 };
		char owner[120];
		int fd = open(paths[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		fstat(fd, &status);
		snprintf(note.text, sizeof(note.text), "cgroup note %d", i);
		snprintf(owner, sizeof(owner), "{\"path\": \"%s\", \"id\": %lu}", paths[i],
			 (unsigned long)status.st_ino);
		if (bpf_map_update_elem(map, &fd, &note, BPF_ANY))
			perror(paths[i]);
		else
			record_value("cgroup_note", NULL, 0, &note, sizeof(note), owner);
		close(fd);
	}
}

void fill_graphs(struct bpf_object *object)
{
	static const char *const programs[] = { "grow_leaves", "grow_fruits", "grow_twigs",
						"hold_tasks", "queue_errands" };

	hold_tasks(object);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (run_program(object, programs[i]))
			fprintf(stderr, "%s did not do its work\n", programs[i]);
	write_down();
}
