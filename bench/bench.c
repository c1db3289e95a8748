/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench.c - measure protected copies and their alternatives, in one run
 *
 *	mcsafe_bench [--quick | --smoke] [--longest BYTES] >FILE.json
 *
 * Times are in nanoseconds. Each is the least of several repeats. The repeats of all contenders are
 * interleaved, so that a disturbance of the machine meets all of them alike.
 */
#include "bench.h"

#include <gnu/libc-version.h>
#include <string.h>
#include <sys/utsname.h>

#include <mcsafe/mcsafe.h>

#include "base/cpu.h"

/* Prints the model and family of the first processor in /proc/cpuinfo. */
static void print_processor(void)
{
	char line[256], model[256] = "unknown";
	FILE *file = fopen("/proc/cpuinfo", "re");
	char family[16] = "0";

	while (file != NULL && fgets(line, sizeof(line), file) != NULL && line[0] != '\n') {
		sscanf(line, "model name : %255[^\n]", model);
		sscanf(line, "cpu family : %15[0-9]", family);
	}
	if (file != NULL)
		fclose(file);
	printf("\"processor\": \"%s\",\n\"family\": %s,\n", model, family);
}

int main(int argc, char **argv)
{
	struct effort effort = {(size_t)256 << 20, 25, 50000, (size_t)64 << 20, 2000};
	struct utsname system;
	char date[32];
	time_t t = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			effort = (struct effort){(size_t)64 << 20, 9, 30000, (size_t)16 << 20, 500};
		else if (strcmp(argv[i], "--smoke") == 0)
			effort = (struct effort){8192, 1, 1000, 65536, 5};
		else if (strcmp(argv[i], "--longest") == 0 && i + 1 < argc)
			effort.longest = strtoull(argv[++i], NULL, 0);
		else {
			fprintf(stderr,
				"usage: %s [--quick | --smoke] [--longest BYTES] >FILE.json\n",
				argv[0]);
			return 2;
		}
	}
	if (mcsafe_install() != 0)
		return 1;
	uname(&system);
	strftime(date, sizeof(date), "%Y-%m-%d", gmtime(&t));
	printf("{\n");
	print_processor();
	printf("\"libc\": \"%s\",\n", gnu_get_libc_version());
	printf("\"kernel\": \"%s\",\n\"date\": \"%s\",\n\"engine\": \"%s\",\n\"cache\": %zu,\n",
	       system.release, date, mcsafe_engine_name(), mcsafe__cpu_cache_size());
	bench_copies(&effort);
	bench_faults(&effort);
	bench_sets(&effort);
	bench_guards(&effort);
	bench_words(&effort);
	bench_badblocks(&effort);
	bench_pmem(&effort);
	bench_iter(&effort);
	printf("\"end\": true\n}\n");
	return 0;
}
