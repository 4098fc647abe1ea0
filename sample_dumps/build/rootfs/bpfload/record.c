// SPDX-License-Identifier: MIT
/* Writes down what was put into the kernel, as JSON: the truth that tests compare with. */
#include "bpfload.h"

#include <stdlib.h>
#include <string.h>

static FILE *out;
static char *graphs;
static size_t graphs_size;
static FILE *graphs_out;
static const char *separator = "";
static const char *graph_separator = "";

static void put_hex(const void *data, size_t size)
{
	const unsigned char *bytes = data;

	if (!data) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", bytes[i]);
	fputc('"', out);
}

void record_open(void)
{
	out = fopen(STATE "bpf.json.part", "w");
	graphs_out = open_memstream(&graphs, &graphs_size);
	if (!out || !graphs_out) {
		perror(STATE "bpf.json");
		exit(1);
	}
	fputs("{\"elements\": [", out);
}

/* `owner` is a JSON object: the task, file, socket or cgroup, when the map is storage of these. */
void record_value(const char *map, const void *key, size_t key_size, const void *value,
		  size_t value_size, const char *owner)
{
	fprintf(out, "%s\n  {\"map\": \"%s\", \"key\": ", separator, map);
	put_hex(key, key_size);
	fputs(", \"value\": ", out);
	put_hex(value, value_size);
	fprintf(out, ", \"owner\": %s}", owner ? owner : "null");
	separator = ",";
}

/* An object that a program linked into a list or tree; in the order of the list or tree. */
void record_graph(const char *head, const char *type, const char *fields)
{
	fprintf(graphs_out, "%s\n  {\"head\": \"%s\", \"type\": \"%s\", \"fields\": {%s}}",
		graph_separator, head, type, fields);
	graph_separator = ",";
}

void record_close(int has_graphs)
{
	fclose(graphs_out);
	fprintf(out, "\n], \"has_graphs\": %s, \"graphs\": [%s\n]}\n",
		has_graphs ? "true" : "false", graphs);
	fclose(out);
	free(graphs);
	rename(STATE "bpf.json.part", STATE "bpf.json");
}
