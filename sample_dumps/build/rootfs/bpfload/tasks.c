// SPDX-License-Identifier: MIT
#include "bpfload.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static int has_name(const char *pid, const char *comm)
{
	char path[300], name[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = 0;
	fclose(file);
	return !strcmp(name, comm);
}

/* The first process of this name, or -1. */
int find_task(const char *comm)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int pid = -1;

	while (pid < 0 && processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)entry->d_name[0]) && has_name(entry->d_name, comm))
			pid = atoi(entry->d_name);
	if (processes)
		closedir(processes);
	return pid;
}
