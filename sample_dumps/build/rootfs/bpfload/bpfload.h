/* SPDX-License-Identifier: MIT */
#ifndef BPFLOAD_H
#define BPFLOAD_H

#include <stddef.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#define STATE "/run/workload/"

/* record.c: bpf.json, what user space put into the kernel. */
void record_open(void);
void record_value(const char *map, const void *key, size_t key_size, const void *value,
		  size_t value_size, const char *owner);
void record_graph(const char *head, const char *type, const char *fields);
void record_close(int has_graphs);

/* tasks.c */
int find_task(const char *comm);

/* values.c, graphs.c */
void put(struct bpf_object *object, const char *map, const void *key, size_t key_size,
	 const void *value, size_t value_size, const char *owner);
int run_program(struct bpf_object *object, const char *name);
void fill_values(struct bpf_object *object);
void fill_graphs(struct bpf_object *object);
void fill_cgroups(struct bpf_object *object);

#endif
