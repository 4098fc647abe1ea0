/* libbpf's side of bench/libbpf_text.py: prints nanoseconds, one JSON object on one line.
 *
 *   libbpf_text load BTF STRUCT LOOPS             btf__parse_raw() + find, each loop anew
 *   libbpf_text text BTF STRUCT DATA LOOPS ZEROS  btf_dump__dump_type_data() of the same bytes
 *
 * The text goes into a buffer, as a caller that wants it would have it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/btf.h>

static struct {
	char *data;
	size_t length, room;
} out;

static void append(void *context, const char *format, va_list args)
{
	va_list again;
	int count;

	(void)context;
	va_copy(again, args);
	count = vsnprintf(out.data + out.length, out.room - out.length, format, args);
	if (count > 0 && (size_t)count >= out.room - out.length) {
		out.room = 2 * (out.room + count);
		out.data = realloc(out.data, out.room);
		if (!out.data)
			exit(1);
		vsnprintf(out.data + out.length, out.room - out.length, format, again);
	}
	va_end(again);
	if (count > 0)
		out.length += count;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void die(const char *what)
{
	fprintf(stderr, "libbpf_text: %s\n", what);
	exit(1);
}

static struct btf *load(const char *path, const char *name, int *id)
{
	struct btf *btf = btf__parse_raw(path);

	if (!btf)
		die("cannot parse the BTF");
	*id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	if (*id < 0)
		die("no such struct");
	return btf;
}

static void report(double *times, int loops, double used)
{
	qsort(times, loops, sizeof(*times), by_value);
	printf("{\"wall\": %.0f, \"cpu\": %.0f, \"length\": %zu}\n", times[loops / 2], used / loops,
	       out.length);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(btf_dump_type_data_opts, opts);
	struct btf_dump *dump;
	struct btf *btf;
	double *times, start, used;
	char data[1 << 20];
	size_t size;
	FILE *file;
	int id, loops, i;

	if (argc == 5 && !strcmp(argv[1], "load")) {
		loops = atoi(argv[4]);
		times = calloc(loops, sizeof(*times));
		used = cpu();
		for (i = 0; i < loops; i++) {
			start = now();
			btf = load(argv[2], argv[3], &id);
			times[i] = now() - start;
			btf__free(btf);
		}
		report(times, loops, cpu() - used);
		return 0;
	}
	if (argc != 7 || strcmp(argv[1], "text"))
		die("wrong arguments");
	btf = load(argv[2], argv[3], &id);
	file = fopen(argv[4], "rb");
	if (!file)
		die("cannot open the data");
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	loops = atoi(argv[5]);
	opts.emit_zeroes = atoi(argv[6]);
	out.room = 1 << 20;
	out.data = malloc(out.room);
	times = calloc(loops, sizeof(*times));
	dump = btf_dump__new(btf, append, NULL, NULL);
	if (!dump || !out.data || !times)
		die("no memory");
	used = 0;
	for (i = -1; i < loops; i++) { /* the first is not counted */
		out.length = 0;
		if (i == 0)
			used = cpu();
		start = now();
		if (btf_dump__dump_type_data(dump, id, data, size, &opts) < 0)
			die("cannot dump");
		if (i >= 0)
			times[i] = now() - start;
	}
	report(times, loops, cpu() - used);
	return 0;
}
